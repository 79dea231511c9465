import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { isSpiffeError, matchTemplate, SpiffeId, SpiffeIdTemplate } from '../../src/index.ts';
import type { SpiffeIdMatcher, TemplateCaptures, TemplateNames } from '../../src/index.ts';

const KUBERNETES = 'spiffe://example.org/ns/{namespace}/sa/{account}';
const template = SpiffeIdTemplate.parse(KUBERNETES);

function match(id: string, among: SpiffeIdTemplate = template): Record<string, string> | undefined {
  const captures = among.match(SpiffeId.parse(id));
  return captures === undefined ? undefined : { ...captures };
}

test('captures whole segments by their names', () => {
  assert.deepEqual(match('spiffe://example.org/ns/shop/sa/web'), { namespace: 'shop', account: 'web' });
  assert.deepEqual(template.names, ['namespace', 'account']);
  assert.equal(template.trustDomain.name, 'example.org');
  assert.equal(template.toString(), KUBERNETES);
  assert.equal(JSON.stringify({ template }), JSON.stringify({ template: KUBERNETES }));
});

test('A24 A25 an ID of another form, length, case or trust domain has no captures', () => {
  for (const id of [
    'spiffe://example.org',
    'spiffe://example.org/ns/shop/sa',
    'spiffe://example.org/ns/shop/sa/web/more',
    'spiffe://example.org/more/ns/shop/sa/web',
    'spiffe://example.org/ns/shop/SA/web',
    'spiffe://example.org/ns-evil/shop/sa/web',
    'spiffe://example.org/ns/shop/extra/sa/web',
    'spiffe://example.com/ns/shop/sa/web',
    'spiffe://example.org.evil/ns/shop/sa/web',
  ]) {
    assert.equal(match(id), undefined, id);
  }
});

test('the matcher returns the captures, or refuses with the form that was expected', () => {
  const matcher = matchTemplate(KUBERNETES);
  const { namespace, account } = matcher(SpiffeId.parse('spiffe://example.org/ns/shop/sa/web'));
  assert.deepEqual([namespace, account], ['shop', 'web']);
  const plain: SpiffeIdMatcher = matcher;
  assert.throws(
    () => {
      plain(SpiffeId.parse('spiffe://example.org/ns/shop'));
    },
    {
      code: 'ERR_ID_NOT_AUTHORIZED',
      message: /expected the form "spiffe:\/\/example\.org\/ns\/\{namespace\}/,
    },
  );
  const parsed = matchTemplate(template);
  assert.equal(parsed(SpiffeId.parse('spiffe://example.org/ns/shop/sa/web')).account, 'web');
});

test('names are known to the compiler', () => {
  const captures: TemplateCaptures<TemplateNames<typeof KUBERNETES>> = matchTemplate(KUBERNETES)(
    template.build({ namespace: 'a', account: 'b' }),
  );
  // @ts-expect-error: there is no such name.
  assert.equal(captures.other, undefined);
  // @ts-expect-error: a value is missing.
  assert.throws(() => template.build({ namespace: 'a' }), { code: 'ERR_ID_TEMPLATE' });
  // @ts-expect-error: there is no such name to constrain.
  assert.throws(() => matchTemplate(KUBERNETES, { other: 'a' }), { code: 'ERR_ID_TEMPLATE' });
});

test('a constraint whose value is not set constrains nothing, so it is refused', () => {
  const unset = { namespace: process.env['MUSTER_TEST_UNSET'] };
  // @ts-expect-error: the value may be undefined.
  assert.throws(() => matchTemplate(KUBERNETES, unset), { code: 'ERR_ID_TEMPLATE' });
});

test('constraints fix a name to a value or to a list', () => {
  const fixed = SpiffeIdTemplate.parse(KUBERNETES, { namespace: 'shop', account: ['web', 'api'] });
  assert.deepEqual(match('spiffe://example.org/ns/shop/sa/api', fixed), {
    namespace: 'shop',
    account: 'api',
  });
  assert.equal(match('spiffe://example.org/ns/shop/sa/admin', fixed), undefined);
  assert.equal(match('spiffe://example.org/ns/shop-evil/sa/web', fixed), undefined);
  assert.equal(
    fixed.build({ namespace: 'shop', account: 'web' }).toString(),
    'spiffe://example.org/ns/shop/sa/web',
  );
  assert.throws(() => fixed.build({ namespace: 'other', account: 'web' }), { code: 'ERR_ID_TEMPLATE' });
  assert.throws(() => fixed.build({ namespace: 'a/b', account: 'web' }), { code: 'ERR_ID_PATH_CHARACTER' });
  // They are not lost, and not replaced unnoticed, when a matcher is made of it.
  assert.throws(() => matchTemplate(fixed)(SpiffeId.parse('spiffe://example.org/ns/shop/sa/admin')), {
    code: 'ERR_ID_NOT_AUTHORIZED',
  });
  // @ts-expect-error: the compiler says so too.
  assert.throws(() => matchTemplate(fixed, { namespace: 'other' }), { code: 'ERR_ID_TEMPLATE' });
});

test('constraints do not change afterwards', () => {
  const accounts = ['web'];
  const fixed = SpiffeIdTemplate.parse(KUBERNETES, { account: accounts });
  accounts.push('admin');
  assert.equal(match('spiffe://example.org/ns/shop/sa/admin', fixed), undefined);
});

const faulty: [string, string, RegExp][] = [
  ['empty', '', /must not be empty/],
  ['other scheme', 'http://example.org/{a}', /must begin with "spiffe:\/\/"/],
  ['the trust domain is captured', 'spiffe://{domain}/a', /trust domain must consist of/],
  ['a part of the trust domain is captured', 'spiffe://{a}.example.org/b', /trust domain must consist of/],
  ['upper case trust domain', 'spiffe://EXAMPLE.org/{a}', /trust domain must consist of/],
  ['no trust domain', 'spiffe:///{a}', /trust domain is missing/],
  ['a capture with text before it', 'spiffe://td/x-{a}', /must be a whole segment/],
  ['a capture with text behind it', 'spiffe://td/{a}x', /must be a whole segment/],
  ['two captures in a segment', 'spiffe://td/{a}{b}', /must be a whole segment/],
  ['a brace in a brace', 'spiffe://td/{{a}}', /must be a whole segment/],
  ['a brace that is not closed', 'spiffe://td/{a', /must be a whole segment/],
  ['a brace that is not opened', 'spiffe://td/a}', /must be a whole segment/],
  ['a capture over a slash', 'spiffe://td/{a/b}', /must be a whole segment/],
  ['no name', 'spiffe://td/{}', /must be a whole segment/],
  ['a name with a dot', 'spiffe://td/{a.b}', /must be a whole segment/],
  ['a name with a space', 'spiffe://td/{ a}', /must be a whole segment/],
  ['a name that begins with a digit', 'spiffe://td/{1a}', /must be a whole segment/],
  ['a name of the prototype', 'spiffe://td/{__proto__}', /must be a whole segment/],
  ['a pattern', 'spiffe://td/{a:.*}', /must be a whole segment/],
  ['the same name twice', 'spiffe://td/{a}/{a}', /"a" must be there only once/],
  ['A25 a star', 'spiffe://td/*', /must consist of/],
  ['A25 a star in a segment', 'spiffe://td/a*/{b}', /must consist of/],
  ['A21 dot segments', 'spiffe://td/a/../{b}', /"\.\." segment/],
  ['A21 trailing slash', 'spiffe://td/{a}/', /must not be empty/],
  ['A21 empty segment', 'spiffe://td//{a}', /must not be empty/],
  ['percent encoding', 'spiffe://td/%7Ba%7D', /must consist of/],
  ['2048 bytes and a capture', `spiffe://td/{a}/${'a'.repeat(2040)}`, /at most 2048 bytes/],
];
for (const [name, text, message] of faulty) {
  test(`refuses a template: ${name}`, () => {
    assert.throws(() => SpiffeIdTemplate.parse(text), {
      name: 'SpiffeError',
      code: 'ERR_ID_TEMPLATE',
      message,
    });
  });
}

test('A25 constraints that no segment can meet are refused at once', () => {
  for (const namespace of ['', 'a/b', '..', '*', 'a b', []]) {
    assert.throws(() => SpiffeIdTemplate.parse(KUBERNETES, { namespace }), { code: 'ERR_ID_TEMPLATE' });
  }
});

test('A25 no value widens what is built', () => {
  const values: [string, string][] = [
    ['a/b', 'ERR_ID_PATH_CHARACTER'],
    ['/', 'ERR_ID_PATH_CHARACTER'],
    ['..', 'ERR_ID_PATH_DOT_SEGMENT'],
    ['.', 'ERR_ID_PATH_DOT_SEGMENT'],
    ['', 'ERR_ID_PATH_EMPTY_SEGMENT'],
    ['*', 'ERR_ID_PATH_CHARACTER'],
    ['>', 'ERR_ID_PATH_CHARACTER'],
    ['a b', 'ERR_ID_PATH_CHARACTER'],
    ['a\n', 'ERR_ID_PATH_CHARACTER'],
    ['%2f', 'ERR_ID_PATH_CHARACTER'],
    ['{account}', 'ERR_ID_PATH_CHARACTER'],
    ['a'.repeat(2049), 'ERR_ID_TOO_LONG'],
  ];
  for (const [value, code] of values) {
    assert.throws(() => template.build({ namespace: value, account: 'web' }), { code }, value);
  }
  // A dot inside a segment is a character like another: one segment it stays.
  assert.equal(template.build({ namespace: 'a.b', account: '...' }).segments.length, 4);
});

test('values come from the object itself, and none too many', () => {
  const inherited = Object.create({ namespace: 'a' }) as { namespace: string; account: string };
  inherited.account = 'b';
  assert.throws(() => template.build(inherited), { code: 'ERR_ID_TEMPLATE' });
  const more = { namespace: 'a', account: 'b', extra: 'c' };
  assert.throws(() => template.build(more), { code: 'ERR_ID_TEMPLATE' });
  const constructor = SpiffeIdTemplate.parse('spiffe://td/{constructor}');
  assert.throws(() => constructor.build({} as { constructor: string }), { code: 'ERR_ID_TEMPLATE' });
  assert.equal(constructor.build({ constructor: 'x' }).path, '/x');
});

test('captures have no prototype and cannot be changed', () => {
  const captures = template.match(SpiffeId.parse('spiffe://example.org/ns/constructor/sa/__proto__'))!;
  assert.equal(Object.getPrototypeOf(captures), null);
  assert.deepEqual({ ...captures }, { namespace: 'constructor', account: '__proto__' });
  assert.throws(() => {
    (captures as { account: string }).account = 'x';
  }, TypeError);
});

test('a template without captures is one ID, and without a path the trust domain', () => {
  assert.deepEqual(match('spiffe://td/a', SpiffeIdTemplate.parse('spiffe://td/a')), {});
  assert.deepEqual(match('spiffe://td', SpiffeIdTemplate.parse('spiffe://td')), {});
  assert.equal(match('spiffe://td/a', SpiffeIdTemplate.parse('spiffe://td')), undefined);
});

test('what is built is matched again with the same values, whatever they are', () => {
  const value = fc.string({ unit: fc.constantFrom(...'aZ09.-_/*> {}%'.split('')), maxLength: 8 });
  fc.assert(
    fc.property(value, value, (namespace, account) => {
      let id: SpiffeId;
      try {
        id = template.build({ namespace, account });
      } catch (error) {
        assert.ok(isSpiffeError(error), String(error));
        return;
      }
      assert.deepEqual({ ...template.match(id) }, { namespace, account });
      assert.deepEqual(id.segments, ['ns', namespace, 'sa', account]);
    }),
    { numRuns: 1000 },
  );
});

test('whatever the template: read, or refused with the own error', () => {
  const text = fc
    .string({ unit: fc.constantFrom(...'ab{}/.*:-'.split('')), maxLength: 24 })
    .map((rest) => `spiffe://td${rest}`);
  fc.assert(
    fc.property(text, (candidate) => {
      try {
        const parsed = SpiffeIdTemplate.parse(candidate);
        assert.equal(parsed.toString(), candidate);
        assert.equal(candidate.match(/\{/g)?.length ?? 0, parsed.names.length);
      } catch (error) {
        assert.ok(isSpiffeError(error) && error.code === 'ERR_ID_TEMPLATE', String(error));
      }
    }),
    { numRuns: 1000 },
  );
});
