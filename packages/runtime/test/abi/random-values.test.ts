import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { instantiateComponent, Trap } from '../../src/index.ts';
import type { Anything } from '../support/build.ts';
import { compileEcho } from '../support/echo.ts';
import { startHostile } from '../support/hostile.ts';

const hostileTypes: readonly [string, string][] = [
  ['string', 'i32 i32'],
  ['(list u64)', 'i32 i32'],
  ['(list (list string))', 'i32 i32'],
  ['(option (list char))', 'i32 i32 i32'],
  ['(list (tuple u8 string (option u64)))', 'i32 i32'],
  ['(list (result (list u16) (error string)))', 'i32 i32'],
  ['(tuple bool s8 char f32)', 'i32 i32 i32 f32'],
  ['(variant (case "a" u64) (case "b" f32) (case "c" string) (case "d"))', 'i32 i64 i32'],
];

const noise = `(data (i32.const 0) "${Array.from({ length: 512 }, (_, index) => `\\${((index * 37) & 0xff).toString(16).padStart(2, '0')}`).join('')}")`;

const coreValues: Readonly<Record<string, fc.Arbitrary<number | bigint>>> = {
  i32: fc.oneof(fc.nat(64), fc.constantFrom(65_535, 65_536, 2 ** 31, 2 ** 32 - 1), fc.nat(2 ** 31 - 1)),
  i64: fc.bigInt(0n, 2n ** 64n - 1n),
  f32: fc.float(),
  f64: fc.double(),
};

for (const [type, flat] of hostileTypes) {
  test(`${type} from any core values is a value or a trap`, async () => {
    const core = fc.tuple(
      ...flat.split(' ').map((name) => coreValues[name] as fc.Arbitrary<number | bigint>),
    );
    let current = await startHostile(type, flat, noise);
    await fc.assert(
      fc.asyncProperty(core, async (values) => {
        try {
          current.run(...values);
        } catch (error) {
          assert.ok(error instanceof Trap && error.code.startsWith('ERR_TRAP_'), String(error));
          assert.notEqual(error.code, 'ERR_TRAP_HOST');
          current = await startHostile(type, flat, noise);
        }
      }),
      { numRuns: 150 },
    );
  });
}

const plain = { noNullPrototype: true } as const;

const point = fc.record(
  {
    x: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    yPos: fc.double({ noNaN: true }),
    label: fc.option(fc.string({ unit: 'binary' }), { nil: undefined }),
  },
  plain,
);

const tagged = (tag: string, val: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.record({ tag: fc.constant(tag), val }, plain);

const shape = fc.oneof(
  fc.constant({ tag: 'empty' }),
  tagged('circle', fc.float({ noNaN: true })),
  tagged('box', fc.tuple(fc.nat(), fc.bigInt(0n, 2n ** 64n - 1n))),
  tagged('text', fc.string({ unit: 'grapheme' })),
);

const values: readonly [string, string, fc.Arbitrary<unknown>][] = [
  ['string', 'i32 i32', fc.string({ unit: 'binary' })],
  ['list<string>', 'i32 i32', fc.array(fc.string({ unit: 'grapheme' }))],
  ['list<u8>', 'i32 i32', fc.uint8Array()],
  ['list<list<u16>>', 'i32 i32', fc.array(fc.uint16Array())],
  ['point', 'i32 f64 i32 i32 i32', point],
  ['list<point>', 'i32 i32', fc.array(point)],
  ['list<shape>', 'i32 i32', fc.array(shape)],
  ['shape', 'i32 i64 i64', shape],
  ['u64', 'i64', fc.bigInt(0n, 2n ** 64n - 1n)],
  ['f64', 'f64', fc.double()],
];

test('any value comes back as it went in', async () => {
  const compiled = await compileEcho(
    values.map(([wit, flat]) => ({ wit, flat: flat.split(' '), values: [] })),
  );
  for (const [index, [wit, , arbitrary]] of values.entries()) {
    let seen: unknown;
    const host = Object.fromEntries(
      values.map((_, at) => [
        `echo${at}`,
        (value: unknown) => {
          seen = value;
          return value;
        },
      ]),
    );
    const instance = instantiateComponent(compiled, { 'test:echo/far@1.2.3': host });
    const near = instance.findInterface('test:echo/near@1.2.3') as Anything;
    fc.assert(
      fc.property(arbitrary, (value) => {
        assert.deepEqual(near[`echo${index}`](value), value, wit);
        assert.deepEqual(seen, value, wit);
      }),
      { numRuns: 60 },
    );
  }
});
