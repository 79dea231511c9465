import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { SpiffeError, SpiffeId, TrustDomain } from '../../src/index.ts';

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
