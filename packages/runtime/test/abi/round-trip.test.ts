import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instantiateComponent, suspending } from '../../src/index.ts';
import type { Anything, Encoding } from '../support/build.ts';
import { compileEcho } from '../support/echo.ts';
import { compoundCases, scalarCases, stringValues, type TypeCase } from '../support/types.ts';

const cases = [...scalarCases, ...compoundCases];
const compiled = await compileEcho(cases);

interface Seen {
  value: unknown;
}

/** Host functions that note what they were given and give it back. */
function echoHost(
  count: number,
  seen: Seen,
  wrap: <F extends (value: unknown) => unknown>(fn: F) => F = (fn) => fn,
): Record<string, (value: unknown) => unknown> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) => [
      `echo${index}`,
      wrap((value: unknown) => {
        seen.value = value;
        return value;
      }),
    ]),
  );
}

for (const [index, { wit, values }] of cases.entries()) {
  test(`${wit} crosses into the guest, out of it, and back`, () => {
    const seen: Seen = { value: undefined };
    const instance = instantiateComponent(compiled, { 'test:echo/far@1.2.3': echoHost(cases.length, seen) });
    const near = instance.findInterface('test:echo/near@1.2.3') as Anything;
    for (const value of values) {
      const back: unknown = near[`echo${index}`](value);
      assert.deepEqual(seen.value, value, 'what the host function received');
      assert.deepEqual(back, value, 'what the exported function returned');
    }
  });
}

for (const [index, { wit, values }] of cases.entries()) {
  test(`${wit} crosses a suspended call`, async () => {
    const seen: Seen = { value: undefined };
    const later = suspending(async (value: unknown) => {
      await Promise.resolve();
      seen.value = value;
      return value;
    });
    const host = { ...echoHost(cases.length, seen), [`echo${index}`]: later };
    const instance = instantiateComponent(compiled, { 'test:echo/far@1.2.3': host });
    const near = instance.findInterface('test:echo/near@1.2.3') as Anything;
    for (const value of values) {
      assert.deepEqual(await near[`echo${index}`](value), value);
      assert.deepEqual(seen.value, value);
    }
  });
}

for (const encoding of ['utf16', 'compact-utf16'] satisfies Encoding[]) {
  test(`strings cross in ${encoding}`, async () => {
    const stringCases: TypeCase[] = [
      { wit: 'string', flat: ['i32', 'i32'], values: stringValues },
      { wit: 'list<string>', flat: ['i32', 'i32'], values: [stringValues] },
    ];
    const seen: Seen = { value: undefined };
    const instance = instantiateComponent(await compileEcho(stringCases, encoding), {
      'test:echo/far@1.2.3': echoHost(2, seen),
    });
    const near = instance.findInterface('test:echo/near@1.2.3') as Anything;
    for (const [index, { values }] of stringCases.entries()) {
      for (const value of values) {
        assert.deepEqual(near[`echo${index}`](value), value);
        assert.deepEqual(seen.value, value);
      }
    }
  });
}

test('a lone surrogate is lowered as a replacement character in every encoding', async () => {
  for (const encoding of ['utf8', 'utf16', 'compact-utf16'] satisfies Encoding[]) {
    const stringCases = [{ wit: 'string', flat: ['i32', 'i32'], values: [] }];
    const seen: Seen = { value: undefined };
    const instance = instantiateComponent(await compileEcho(stringCases, encoding), {
      'test:echo/far@1.2.3': echoHost(1, seen),
    });
    const near = instance.findInterface('test:echo/near@1.2.3') as Anything;
    assert.equal(near.echo0('a\ud800b'), 'a\ufffdb', encoding);
  }
});

const wrongValues: Readonly<Record<string, readonly unknown[]>> = {
  bool: [1, 'true', undefined],
  u8: [-1, 256, 1.5, '1', 1n, NaN],
  s8: [-129, 128],
  u16: [65536],
  s16: [32768],
  u32: [-1, 2 ** 32, 0.5, '0', NaN, undefined],
  s32: [2 ** 31, '0'],
  u64: [-1n, 2n ** 64n, 1],
  s64: [2n ** 63n, 1],
  f32: ['1', 1n],
  f64: [null],
  char: ['', 'ab', '\ud800', 65],
  string: [1, null, undefined, Buffer.from('a')],
  'list<u8>': ['abc', [256], [undefined], { length: 1 }],
  'list<string>': ['abc', [1]],
  point: [undefined, { x: 1 }, 1],
  shape: [{ tag: 'nothing' }, { tag: 'circle', val: '1' }, 'empty', null, { tag: '__proto__' }],
  colour: ['blue', 0, 'constructor'],
  small: [null, 1, { read: 1 }],
  'tuple<u8>': [[], [1, 2], { 0: 1 }],
  'option<u8>': [256, 'x'],
};

test('a value of the wrong type is refused before the guest runs, and the instance stays usable', () => {
  const seen: Seen = { value: 'untouched' };
  const instance = instantiateComponent(compiled, { 'test:echo/far@1.2.3': echoHost(cases.length, seen) });
  const near = instance.findInterface('test:echo/near@1.2.3') as Anything;
  for (const [wit, values] of Object.entries(wrongValues)) {
    const index = cases.findIndex((entry) => entry.wit === wit);
    for (const value of values) {
      assert.throws(
        () => near[`echo${index}`](value),
        { code: 'ERR_VALUE_INVALID' },
        `${wit} from ${String(value)}`,
      );
    }
  }
  assert.equal(seen.value, 'untouched');
  assert.equal(instance.trap, undefined);
  assert.equal(near.echo0(true), true);
});

test('a host function that returns a value of the wrong type ends the instance', () => {
  const index = cases.findIndex((entry) => entry.wit === 'string');
  const host = { ...echoHost(cases.length, { value: undefined }), [`echo${index}`]: () => 5 };
  const instance = instantiateComponent(compiled, { 'test:echo/far@1.2.3': host });
  const near = instance.findInterface('test:echo/near@1.2.3') as Anything;
  assert.throws(() => near[`echo${index}`]('x'), { code: 'ERR_TRAP_HOST' });
  assert.throws(() => near.echo0(true), { code: 'ERR_TRAP_HOST' });
});
