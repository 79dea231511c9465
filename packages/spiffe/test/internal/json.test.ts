import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { isSpiffeError } from '../../src/index.ts';
import { isJsonObject, parseStrictJson, parseStrictJsonBytes } from '../../src/internal/json.ts';

test('gives what JSON.parse gives, for every value', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8 }), fc.nat(4), (value, indent) => {
      const text = JSON.stringify(value, undefined, indent);
      assert.deepEqual(parseStrictJson(text), JSON.parse(text));
      assert.deepEqual(parseStrictJsonBytes(Buffer.from(text)), JSON.parse(text));
    }),
  );
});

test('A8 finds a repeated member wherever it stands and however it is spelled', () => {
  const spell = (name: string, isEscaped: boolean): string =>
    isEscaped
      ? `"${name.replaceAll(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`
      : JSON.stringify(name);
  const names = fc.uniqueArray(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(names, fc.nat(), fc.boolean(), fc.nat(3), (members, which, isEscaped, depth) => {
      const repeated = members[which % members.length]!;
      const inner = members.map((name) => `${spell(name, false)} : [1,{"a":"}\\""}]`).join(' ,\n');
      const wrap = (text: string): string => '[{"x":'.repeat(depth) + text + '}]'.repeat(depth);
      parseStrictJson(wrap(`{${inner}}`));
      assert.throws(() => parseStrictJson(wrap(`{${inner},${spell(repeated, isEscaped)}:0}`)), {
        code: 'ERR_JSON_DUPLICATE_MEMBER',
      });
    }),
  );
});

test('whatever the text: the same verdict as JSON.parse, but for repeated members and limits', () => {
  const unit = fc.constantFrom(...'{}[]",:\\ antrufe01"u'.split(''));
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit }), fc.string()), (text) => {
      let expected: unknown;
      let isJson = true;
      try {
        expected = JSON.parse(text);
      } catch {
        isJson = false;
      }
      try {
        assert.deepEqual(parseStrictJson(text), expected);
        assert.ok(isJson);
      } catch (error) {
        assert.ok(isSpiffeError(error), String(error));
        assert.equal(error.code === 'ERR_JSON_MALFORMED', !isJson);
      }
    }),
    { numRuns: 2000 },
  );
});

test('A17 nesting is bounded at 32', () => {
  assert.ok(parseStrictJson(`${'['.repeat(32)}${']'.repeat(32)}`));
  assert.throws(() => parseStrictJson(`${'['.repeat(33)}${']'.repeat(33)}`), { code: 'ERR_JSON_MALFORMED' });
  assert.throws(() => parseStrictJson('{"a":'.repeat(100_000)), { code: 'ERR_JSON_MALFORMED' });
});

test('the message does not quote the text', () => {
  assert.throws(
    () => parseStrictJson('secret'),
    (error: Error) => !error.message.includes('secret') && error.cause === undefined,
  );
});

test('isJsonObject knows objects from lists and null', () => {
  assert.deepEqual([{}, [], null, 'x', 1, undefined].map(isJsonObject), [
    true,
    false,
    false,
    false,
    false,
    false,
  ]);
});

test('a long text of more values than are accepted is refused before anything is made of it', (t) => {
  const parse = t.mock.method(JSON, 'parse');
  for (const text of [`[${'{},'.repeat(30_000)}{}]`, `[${'1,'.repeat(50_000)}1]`, '['.repeat(100_000)]) {
    assert.throws(() => parseStrictJson(text), { code: 'ERR_JSON_MALFORMED' });
  }
  assert.equal(parse.mock.callCount(), 0);
});

test('a long text of few values is read, whatever stands in its texts', () => {
  const value = { a: '[{,"'.repeat(30_000), b: [1, { c: 2 }] };
  assert.deepEqual(parseStrictJson(JSON.stringify(value)), value);
  for (const text of [`["${'a'.repeat(70_000)}`, `["${'\\'.repeat(70_001)}`, ']'.repeat(70_000)]) {
    assert.throws(() => parseStrictJson(text), { code: 'ERR_JSON_MALFORMED' });
  }
});
