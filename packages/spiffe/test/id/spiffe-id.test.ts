import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';

import * as fc from 'fast-check';

import {
  isSpiffeError,
  matchId,
  matchTemplate,
  SpiffeError,
  SpiffeId,
  TrustDomain,
} from '../../src/index.ts';

const td = TrustDomain.parse('example.org');

const valid = [
  'spiffe://td',
  'spiffe://1.2.3.4/a',
  'spiffe://a_b-c.d/e',
  'spiffe://td/...',
  'spiffe://td/.a',
  'spiffe://td/..a',
  'spiffe://td/a.',
  'spiffe://td/-',
  'spiffe://td/_',
  'spiffe://td/a.b_c-D',
  'spiffe://example..org',
  'spiffe://-a',
  'spiffe://.a',
  `spiffe://${'a'.repeat(255)}`,
  `spiffe://td/${'a'.repeat(2048 - 'spiffe://td/'.length)}`,
];

for (const text of valid) {
  test(`accepts ${text.slice(0, 40)} (${text.length})`, () => {
    assert.equal(SpiffeId.parse(text).toString(), text);
  });
}

const invalid: [string, string, string][] = [
  ['empty', '', 'ERR_ID_EMPTY'],
  ['no scheme', 'td/a', 'ERR_ID_SCHEME'],
  ['other scheme', 'http://td/a', 'ERR_ID_SCHEME'],
  ['one slash', 'spiffe:/td', 'ERR_ID_SCHEME'],
  ['A22 upper case scheme', 'SPIFFE://td/a', 'ERR_ID_SCHEME'],
  ['leading space', ' spiffe://td/a', 'ERR_ID_SCHEME'],
  ['no trust domain', 'spiffe://', 'ERR_ID_TRUST_DOMAIN_MISSING'],
  ['no trust domain but a path', 'spiffe:///a', 'ERR_ID_TRUST_DOMAIN_MISSING'],
  ['A22 upper case trust domain', 'spiffe://EXAMPLE.org/a', 'ERR_ID_TRUST_DOMAIN_CHARACTER'],
  ['A22 port', 'spiffe://td:80/a', 'ERR_ID_TRUST_DOMAIN_CHARACTER'],
  ['A22 user info', 'spiffe://u@td/a', 'ERR_ID_TRUST_DOMAIN_CHARACTER'],
  ['A22 query in the trust domain', 'spiffe://td?q', 'ERR_ID_TRUST_DOMAIN_CHARACTER'],
  ['A22 query', 'spiffe://td/a?q', 'ERR_ID_PATH_CHARACTER'],
  ['A22 fragment', 'spiffe://td/a#f', 'ERR_ID_PATH_CHARACTER'],
  ['A22 IPv6 literal', 'spiffe://[::1]/a', 'ERR_ID_TRUST_DOMAIN_CHARACTER'],
  ['A22 internationalised name', 'spiffe://münchen/a', 'ERR_ID_TRUST_DOMAIN_CHARACTER'],
  ['A22 trust domain of 256', `spiffe://${'a'.repeat(256)}`, 'ERR_ID_TRUST_DOMAIN_TOO_LONG'],
  ['A22 2049 bytes', `spiffe://td/${'a'.repeat(2049 - 'spiffe://td/'.length)}`, 'ERR_ID_TOO_LONG'],
  ['percent in the trust domain', 'spiffe://t%64/a', 'ERR_ID_TRUST_DOMAIN_CHARACTER'],
  ['sub-delimiter in the trust domain', 'spiffe://t$d/a', 'ERR_ID_TRUST_DOMAIN_CHARACTER'],
  ['A21 trailing slash', 'spiffe://td/', 'ERR_ID_PATH_TRAILING_SLASH'],
  ['A21 trailing slash after a segment', 'spiffe://td/a/', 'ERR_ID_PATH_TRAILING_SLASH'],
  ['A21 empty first segment', 'spiffe://td//a', 'ERR_ID_PATH_EMPTY_SEGMENT'],
  ['A21 empty segment', 'spiffe://td/a//b', 'ERR_ID_PATH_EMPTY_SEGMENT'],
  ['A21 dot segment', 'spiffe://td/./a', 'ERR_ID_PATH_DOT_SEGMENT'],
  ['A21 dot dot segment', 'spiffe://td/a/..', 'ERR_ID_PATH_DOT_SEGMENT'],
  ['A21 encoded dot segment', 'spiffe://td/%2e%2e/a', 'ERR_ID_PATH_CHARACTER'],
  ['encoded space', 'spiffe://td/a%20b', 'ERR_ID_PATH_CHARACTER'],
  ['exclamation mark', 'spiffe://td/a!b', 'ERR_ID_PATH_CHARACTER'],
  ['A23 NUL', 'spiffe://td/a\0', 'ERR_ID_PATH_CHARACTER'],
  ['A23 newline', 'spiffe://td/a\nb', 'ERR_ID_PATH_CHARACTER'],
  ['A23 Cyrillic a', 'spiffe://td/\u0430', 'ERR_ID_PATH_CHARACTER'],
  ['A23 full-width slash', 'spiffe://td\uff0fa', 'ERR_ID_TRUST_DOMAIN_CHARACTER'],
  ['A23 lone surrogate', 'spiffe://td/\ud800', 'ERR_ID_PATH_CHARACTER'],
];

for (const [name, text, code] of invalid) {
  test(`refuses ${name}`, () => {
    assert.throws(() => SpiffeId.parse(text), { name: 'SpiffeError', code });
  });
}

test('A23 error messages are printable ASCII whatever the input', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      try {
        SpiffeId.parse(`spiffe://td/${text}`);
      } catch (error) {
        assert.match((error as Error).message, /^[ -~]*$/);
      }
    }),
  );
});

for (let byte = 0; byte < 256; byte += 1) {
  const character = String.fromCharCode(byte);
  test(`byte ${byte} in the trust domain and in the path`, () => {
    const inTrustDomain = /[a-z0-9._-]/.test(character);
    const inPath = /[A-Za-z0-9._-]/.test(character);
    // A slash ends the trust domain; the rest is then a path.
    if (byte !== 0x2f) {
      assert.equal(
        isAccepted(() => SpiffeId.parse(`spiffe://a${character}b/c`)),
        inTrustDomain,
      );
      assert.equal(
        isAccepted(() => TrustDomain.parse(`a${character}b`)),
        inTrustDomain,
      );
      assert.equal(
        isAccepted(() => SpiffeId.fromSegments(td, `a${character}b`)),
        inPath,
      );
    }
    assert.equal(
      isAccepted(() => SpiffeId.parse(`spiffe://td/a${character}b`)),
      inPath || byte === 0x2f,
    );
    assert.equal(
      isAccepted(() => SpiffeId.fromPath(td, `/a${character}b`)),
      inPath || byte === 0x2f,
    );
  });
}

function isAccepted(run: () => unknown): boolean {
  try {
    run();
    return true;
  } catch (error) {
    assert.ok(error instanceof SpiffeError);
    return false;
  }
}

test('parsing gives back the same text, or a SpiffeError', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.string({ unit: fc.constantFrom(...'abcAZ09./-_%:@?#'.split('')) }).map((rest) => `spiffe://${rest}`),
  );
  fc.assert(
    fc.property(text, (candidate) => {
      let id: SpiffeId;
      try {
        id = SpiffeId.parse(candidate);
      } catch (error) {
        assert.ok(error instanceof SpiffeError);
        return;
      }
      assert.equal(id.toString(), candidate);
      assert.equal(`${id.trustDomain.id}${id.path}`, candidate);
      assert.match(candidate, /^spiffe:\/\/[a-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/);
    }),
    { numRuns: 1000 },
  );
});

test('IDs are built from paths and segments', () => {
  assert.equal(SpiffeId.fromPath(td, '').toString(), 'spiffe://example.org');
  assert.equal(SpiffeId.fromPath(td, '/a/b').toString(), 'spiffe://example.org/a/b');
  assert.equal(SpiffeId.fromSegments(td, 'a', 'b').toString(), 'spiffe://example.org/a/b');
  assert.equal(SpiffeId.fromSegments(td).path, '');
});

test('A25 a segment cannot become two, nor vanish', () => {
  assert.throws(() => SpiffeId.fromSegments(td, 'a/b'), { code: 'ERR_ID_PATH_CHARACTER' });
  assert.throws(() => SpiffeId.fromSegments(td, 'a', '', 'b'), { code: 'ERR_ID_PATH_EMPTY_SEGMENT' });
  assert.throws(() => SpiffeId.fromSegments(td, '..'), { code: 'ERR_ID_PATH_DOT_SEGMENT' });
  assert.throws(() => SpiffeId.fromSegments(td, '>'), { code: 'ERR_ID_PATH_CHARACTER' });
  assert.throws(() => SpiffeId.fromPath(td, 'a'), { code: 'ERR_ID_PATH_LEADING_SLASH' });
  assert.throws(() => SpiffeId.fromPath(td, `/${'a'.repeat(2048)}`), { code: 'ERR_ID_TOO_LONG' });
});

test('comparison, membership and JSON go by the text', () => {
  const id = SpiffeId.parse('spiffe://example.org/a');
  assert.ok(id.equals(SpiffeId.fromPath(td, '/a')));
  assert.ok(!id.equals(SpiffeId.parse('spiffe://example.org/A')));
  assert.ok(id.isMemberOf(td));
  assert.ok(!id.isMemberOf(TrustDomain.parse('example.com')));
  assert.equal(JSON.stringify({ id, td }), '{"id":"spiffe://example.org/a","td":"example.org"}');
  assert.ok(td.equals(TrustDomain.parse('example.org')));
  assert.throws(() => TrustDomain.parse('spiffe://example.org'), { code: 'ERR_ID_TRUST_DOMAIN_CHARACTER' });
  assert.throws(() => {
    (id as { path: string }).path = '/b';
  }, TypeError);
});

test('the lenient parser takes upper case in scheme and trust domain, and in nothing else', () => {
  for (const [text, expected] of [
    ['SPIFFE://EXAMPLE.org/Path', 'spiffe://example.org/Path'],
    ['Spiffe://td', 'spiffe://td'],
    ['spiffe://td/a', 'spiffe://td/a'],
  ] as const) {
    assert.equal(SpiffeId.parseLenient(text).toString(), expected);
  }
  assert.equal(TrustDomain.parseLenient('EXAMPLE.Org').name, 'example.org');
  for (const [, text, code] of invalid.filter(([name]) => !name.includes('upper case'))) {
    assert.throws(() => SpiffeId.parseLenient(text), { code }, text);
  }
});

test('A23 the lenient parser makes no letter of what is none', () => {
  // Lower case of the Kelvin sign is "k", of a dotted capital I "i" and a dot, and of a long s upper case is "S".
  for (const text of ['spiffe://\u212aa/b', 'spiffe://\u0130/b', '\u017fpiffe://td/a', 'spiffe://\uff41/b']) {
    assert.throws(() => SpiffeId.parseLenient(text), isSpiffeError, text);
  }
  assert.throws(() => TrustDomain.parseLenient('\u212a'), { code: 'ERR_ID_TRUST_DOMAIN_CHARACTER' });
});

for (const [position, before, after] of [
  ['first of the trust domain', 'spiffe://', 'b/c'],
  ['last of the trust domain', 'spiffe://a', '/c'],
  ['only one of the trust domain', 'spiffe://', ''],
  ['first of a path', 'spiffe://td/', 'b'],
  ['last of a path', 'spiffe://td/a', ''],
  ['only one of a segment', 'spiffe://td/a/', '/b'],
  ['between scheme and colon', 'spiffe', '://td/a'],
  ['before the scheme', '', 'spiffe://td/a'],
  ['in place of the colon', 'spiffe', '//td/a'],
] as const) {
  test(`every byte as ${position}: as the grammar says`, () => {
    // Written as the standard's own grammar, not as the parser does it.
    const grammar = /^spiffe:\/\/[a-z0-9._-]+(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)*$/;
    for (let byte = 0; byte < 256; byte += 1) {
      const text = before + String.fromCharCode(byte) + after;
      const accepted = isAccepted(() => SpiffeId.parse(text));
      // A line break before the end would be overlooked by "$", were it not escaped by the classes before.
      assert.equal(accepted, grammar.test(text) && !text.includes('\n'), `byte ${byte}`);
    }
  });
}

test('A22 the limits are exact, for each way to an ID', () => {
  const name = 'a'.repeat(255);
  const longest = TrustDomain.parse(name);
  const path = `/${'b'.repeat(2048 - 'spiffe://'.length - 255 - 1)}`;
  const id = SpiffeId.fromPath(longest, path);
  assert.equal(id.toString().length, 2048);
  assert.ok(SpiffeId.parse(id.toString()).equals(id));
  assert.ok(SpiffeId.parseLenient(id.toString().toUpperCase().replace(path.toUpperCase(), path)).equals(id));
  for (const run of [
    () => id.appendSegments('x'),
    () => id.appendPath('/x'),
    () => id.replacePath(`${path}x`),
    () => id.replaceSegments(`${path.slice(1)}x`),
    () => SpiffeId.fromSegments(longest, `${path.slice(1)}x`),
    () => SpiffeId.parseLenient(`${id.toString()}x`),
  ]) {
    assert.throws(run, { code: 'ERR_ID_TOO_LONG' });
  }
  assert.throws(() => TrustDomain.parse(`${name}a`), { code: 'ERR_ID_TRUST_DOMAIN_TOO_LONG' });
  assert.throws(() => TrustDomain.parseLenient(`${name}A`), { code: 'ERR_ID_TRUST_DOMAIN_TOO_LONG' });
});

test('paths are joined and replaced with the same rules', () => {
  const id = SpiffeId.parse('spiffe://example.org/a');
  assert.equal(id.appendPath('/b/c').path, '/a/b/c');
  assert.equal(id.appendPath('').path, '/a');
  assert.equal(id.appendSegments('b', 'c').path, '/a/b/c');
  assert.equal(id.replacePath('').toString(), 'spiffe://example.org');
  assert.equal(id.replaceSegments('x', 'y').path, '/x/y');
  assert.deepEqual(id.appendSegments('b').segments, ['a', 'b']);
  assert.deepEqual(id.replacePath('').segments, []);
  assert.equal(id.toString(), 'spiffe://example.org/a');
  for (const [path, code] of [
    ['b', 'ERR_ID_PATH_LEADING_SLASH'],
    ['/', 'ERR_ID_PATH_TRAILING_SLASH'],
    ['/../b', 'ERR_ID_PATH_DOT_SEGMENT'],
    ['//b', 'ERR_ID_PATH_EMPTY_SEGMENT'],
    ['/b?', 'ERR_ID_PATH_CHARACTER'],
  ] as const) {
    assert.throws(() => id.appendPath(path), { code }, path);
    assert.throws(() => id.replacePath(path), { code }, path);
  }
  assert.throws(() => id.appendSegments('..'), { code: 'ERR_ID_PATH_DOT_SEGMENT' });
  assert.throws(() => id.appendSegments('b/c'), { code: 'ERR_ID_PATH_CHARACTER' });
});

test('segments build the path they are read from, whatever they are', () => {
  const segment = fc.string({ unit: fc.constantFrom(...'abZ09.-_/%'.split('')), maxLength: 6 });
  fc.assert(
    fc.property(fc.array(segment, { maxLength: 6 }), (segments) => {
      let id: SpiffeId;
      try {
        id = SpiffeId.fromSegments(td, ...segments);
      } catch (error) {
        assert.ok(error instanceof SpiffeError);
        return;
      }
      assert.deepEqual(id.segments, segments);
      assert.ok(SpiffeId.parse(id.toString()).equals(id));
      assert.equal(id.toUrl().href, id.toString());
    }),
    { numRuns: 1000 },
  );
});

test('IDs and trust domains can be sorted', () => {
  const texts = ['spiffe://b/a', 'spiffe://a/b', 'spiffe://a', 'spiffe://a/B', 'spiffe://a/b'];
  assert.deepEqual(
    texts
      .map((text) => SpiffeId.parse(text))
      .toSorted(SpiffeId.compare)
      .map(String),
    ['spiffe://a', 'spiffe://a/B', 'spiffe://a/b', 'spiffe://a/b', 'spiffe://b/a'],
  );
  const names = ['b', 'a', 'a.b'].map((name) => TrustDomain.parse(name));
  assert.deepEqual(names.toSorted(TrustDomain.compare).map(String), ['a', 'a.b', 'b']);
});

test('what is no string is refused, whatever it turns into', () => {
  let reads = 0;
  const twoFaced = {
    length: 10,
    startsWith: () => true,
    toString: () => (reads++ === 0 ? 'spiffe://td/a' : 'spiffe://td/admin'),
  };
  for (const value of [undefined, null, 1, true, ['spiffe://td/a'], new URL('spiffe://td/a'), twoFaced, {}]) {
    const text = value as string;
    for (const run of [
      () => SpiffeId.parse(text),
      () => SpiffeId.parseLenient(text),
      () => SpiffeId.fromPath(td, text),
      () => SpiffeId.fromSegments(td, 'a', text),
      () => SpiffeId.parse('spiffe://td/a').appendPath(text),
      () => TrustDomain.parse(text),
      () => TrustDomain.parseLenient(text),
    ]) {
      assert.throws(run, { name: 'SpiffeError', code: 'ERR_ID_NOT_TEXT' });
    }
  }
  assert.equal(reads, 0);
  const look = { name: 'td', id: 'spiffe://td', equals: () => true } as unknown as TrustDomain;
  assert.throws(() => SpiffeId.fromPath(look, '/a'), { code: 'ERR_ID_TRUST_DOMAIN_MISSING' });
});

test('objects that look alike are not equal and are no members', () => {
  const id = SpiffeId.parse('spiffe://example.org/a');
  const parsed = JSON.parse(JSON.stringify({ path: id.path, trustDomain: { name: td.name } })) as SpiffeId;
  const look = { path: id.path, toString: () => id.toString(), trustDomain: td } as unknown as SpiffeId;
  for (const other of [parsed, look, Object.create(id) as SpiffeId, id.toString() as unknown as SpiffeId]) {
    assert.equal(id.equals(other), false);
    assert.equal(SpiffeId.isSpiffeId(other), false);
  }
  assert.equal(SpiffeId.isSpiffeId(id), true);
  assert.equal(SpiffeId.isSpiffeId(null), false);
  const domain = { name: 'example.org', id: td.id } as unknown as TrustDomain;
  assert.equal(td.equals(domain), false);
  assert.equal(id.isMemberOf(domain), false);
  assert.equal(TrustDomain.isTrustDomain(domain), false);
  assert.equal(id.isMemberOf(undefined as unknown as TrustDomain), false);
});

test('inspecting and joining into text show the ID', () => {
  const id = SpiffeId.parse('spiffe://example.org/a');
  assert.equal(inspect(id), 'SpiffeId(spiffe://example.org/a)');
  assert.equal(inspect([td]), '[ TrustDomain(example.org) ]');
  assert.deepEqual([id, td].map(String), ['spiffe://example.org/a', 'example.org']);
  assert.throws(() => structuredClone(id).equals(id), TypeError);
});

test('long hostile texts take no time to speak of', () => {
  // Each length would be out of reach were the work more than proportional to it.
  for (const unit of ['/', '/.', '/..', 'a', '/a', '%', '{', '\0']) {
    const text = `spiffe://td/${unit.repeat(1_000_000)}`;
    assert.throws(() => SpiffeId.parse(text), { code: 'ERR_ID_TOO_LONG' });
    assert.throws(() => SpiffeId.fromPath(td, text.slice('spiffe://td'.length)), isSpiffeError);
    assert.throws(() => TrustDomain.parse(text), { code: 'ERR_ID_TRUST_DOMAIN_TOO_LONG' });
  }
});

test('IDs of another copy of the package are equal, and pass matchers', async () => {
  // The same source under another address is another module, as a second version in node_modules would be.
  const address = new URL('../../src/id/spiffe-id.ts?copy', import.meta.url).href;
  const copy = (await import(address)) as { SpiffeId: typeof SpiffeId };
  assert.notEqual(copy.SpiffeId, SpiffeId);
  const id = SpiffeId.parse('spiffe://example.org/a');
  const foreign = copy.SpiffeId.parse('spiffe://example.org/a');
  assert.ok(id.equals(foreign) && foreign.equals(id));
  assert.ok(foreign.isMemberOf(td) && id.isMemberOf(foreign.trustDomain));
  assert.ok(SpiffeId.isSpiffeId(foreign));
  assert.ok(!id.equals(copy.SpiffeId.parse('spiffe://example.org/b')));
  matchId(id)(foreign);
  matchId(foreign)(id);
  assert.equal(matchTemplate('spiffe://example.org/{name}')(foreign).name, 'a');
});

test('a mark is not copied by spread, JSON or a clone, and not inherited', () => {
  const id = SpiffeId.parse('spiffe://example.org/a');
  for (const other of [
    Object.assign({}, id),
    structuredClone(id),
    Object.create(id),
    JSON.parse('{}'),
  ] as object[]) {
    assert.equal(SpiffeId.isSpiffeId(other), false);
    assert.equal(id.equals(other as SpiffeId), false);
  }
  assert.deepEqual(Object.keys(id), ['trustDomain', 'path']);
});
