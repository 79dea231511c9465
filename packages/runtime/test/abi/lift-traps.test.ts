import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Trap } from '../../src/index.ts';
import { startHostile, type Hostile } from '../support/hostile.ts';

/** Each trap ends its instance, so each case gets its own. */
async function refuses(
  start: () => Promise<Hostile>,
  code: string,
  core: (number | bigint)[],
): Promise<void> {
  const hostile = await start();
  assert.throws(
    () => hostile.run(...core),
    (error: unknown) => error instanceof Trap && error.code === code,
  );
  assert.equal((hostile.instance.trap as Trap).code, code);
  assert.deepEqual(hostile.received, [], 'the host function was not called');
  assert.throws(() => hostile.run(...core), { code }, 'the instance stays ended');
}

const top = 65536;

test('a string that leaves memory traps, whatever its length says', async () => {
  const start = () => startHostile('string', 'i32 i32');
  for (const core of [
    [top, 1],
    [top + 1, 0],
    [0, top + 1],
    [2 ** 32 - 1, 2 ** 32 - 1],
    [top - 1, 2],
    [0, 2 ** 28],
  ]) {
    await refuses(start, 'ERR_TRAP_MEMORY', core);
  }
});

test('an empty string at the very end of memory is a string', async () => {
  const hostile = await startHostile('string', 'i32 i32');
  hostile.run(top, 0);
  assert.deepEqual(hostile.received, ['']);
});

test('a string that is not UTF-8 traps', async () => {
  const data = String.raw`(data (i32.const 0) "\ff\fe\c0\80\ed\a0\80\f4\90\80\80\e2\82a\80")`;
  const start = () => startHostile('string', 'i32 i32', data);
  for (const core of [
    [0, 1],
    [1, 1],
    [2, 2],
    [4, 3],
    [7, 4],
    [11, 2],
    [14, 1],
  ]) {
    await refuses(start, 'ERR_TRAP_VALUE', core);
  }
});

test('UTF-16 must be aligned and without lone surrogates', async () => {
  const data = String.raw`(data (i32.const 0) "\00\d8a\00\00\dc")`;
  const start = () => startHostile('string', 'i32 i32', data, { encoding: 'utf16' });
  await refuses(start, 'ERR_TRAP_MEMORY', [1, 1]);
  await refuses(start, 'ERR_TRAP_VALUE', [0, 1]);
  await refuses(start, 'ERR_TRAP_VALUE', [4, 1]);
  await refuses(start, 'ERR_TRAP_MEMORY', [0, top / 2 + 1]);
  await refuses(start, 'ERR_TRAP_MEMORY', [0, 2 ** 32 - 1]);
  const fine = await startHostile('string', 'i32 i32', data, { encoding: 'utf16' });
  fine.run(2, 1);
  assert.deepEqual(fine.received, ['a']);
});

test('compact UTF-16 reads Latin-1 without the tag and UTF-16 with it', async () => {
  const data = String.raw`(data (i32.const 0) "\e9\00\ac\20")`;
  const start = () => startHostile('string', 'i32 i32', data, { encoding: 'latin1+utf16' });
  const hostile = await start();
  hostile.run(0, 1);
  hostile.run(2, 2 ** 31 + 1);
  assert.deepEqual(hostile.received, ['é', '€']);
  await refuses(start, 'ERR_TRAP_MEMORY', [1, 1]);
  await refuses(start, 'ERR_TRAP_MEMORY', [0, 2 ** 32 - 1]);
});

test('lists must be aligned and inside memory', async () => {
  const start = () => startHostile('(list u32)', 'i32 i32');
  for (const core of [
    [2, 1],
    [0, top / 4 + 1],
    [4, 2 ** 32 - 1],
    [0, 2 ** 30],
    [0, 2 ** 26],
  ]) {
    await refuses(start, 'ERR_TRAP_MEMORY', core);
  }
});

test('overlapping lists cannot make more values than one call may pass', async () => {
  // 4,000 strings that are all the same 16,000 bytes: 64 MB out of one page.
  const strings = Array.from({ length: 4_000 }, () => String.raw`\00\00\00\00\80\3e\00\00`).join('');
  const data = `(data (i32.const 16000) "${strings}")`;
  await refuses(() => startHostile('(list string)', 'i32 i32', data), 'ERR_TRAP_LIMIT', [16_000, 4_000]);
  const small = await startHostile('(list string)', 'i32 i32', data, { limits: { liftBytes: 1_000_000 } });
  small.run(16_000, 50);
  assert.equal((small.received[0] as string[]).length, 50);
  assert.throws(() => small.run(16_000, 70), { code: 'ERR_TRAP_LIMIT' });
});

test('long lists of small values count what they become, not what they are', async () => {
  const start = () => startHostile('(list (tuple u8 u8))', 'i32 i32', '', { limits: { liftBytes: 100_000 } });
  await refuses(start, 'ERR_TRAP_LIMIT', [0, 30_000]);
});

test('a discriminant without case traps, flat and in memory', async () => {
  const declarations = '(type $e (enum "a" "b" "c"))';
  const enumStart = () =>
    startHostile('$c', 'i32', '', { declarations: `${declarations} (import "c" (type $c (eq $e)))` });
  await refuses(enumStart, 'ERR_TRAP_VALUE', [3]);
  await refuses(enumStart, 'ERR_TRAP_VALUE', [2 ** 32 - 1]);
  await refuses(() => startHostile('(option u8)', 'i32 i32'), 'ERR_TRAP_VALUE', [2, 0]);
  const data = String.raw`(data (i32.const 0) "\02\00")`;
  await refuses(() => startHostile('(list (option u8))', 'i32 i32', data), 'ERR_TRAP_VALUE', [0, 1]);
  await refuses(() => startHostile('(list (result u8))', 'i32 i32', data), 'ERR_TRAP_VALUE', [0, 1]);
});

test('a char outside Unicode traps', async () => {
  for (const point of [0xd800, 0xdfff, 0x110000, 2 ** 32 - 1]) {
    await refuses(() => startHostile('char', 'i32'), 'ERR_TRAP_VALUE', [point]);
  }
});

test('small integers take their low bits, flags their known bits, bool any bit', async () => {
  const cases: [string, number, unknown][] = [
    ['u8', 0x1ff, 0xff],
    ['s8', 0x80, -128],
    ['u16', 0x1_0001, 1],
    ['s16', 0x8000, -32768],
    ['bool', 2, true],
    ['u32', 2 ** 32 - 1, 2 ** 32 - 1],
    ['s32', 2 ** 32 - 1, -1],
  ];
  for (const [type, core, value] of cases) {
    const hostile = await startHostile(type, 'i32');
    hostile.run(core);
    assert.deepEqual(hostile.received, [value], type);
  }
  const declarations = '(type $f (flags "a" "b")) (import "g" (type $g (eq $f)))';
  const flags = await startHostile('$g', 'i32', '', { declarations });
  flags.run(2 ** 32 - 2);
  assert.deepEqual(flags.received, [{ a: false, b: true }]);
});

test('joined payloads take the bits of their case only', async () => {
  const declarations =
    '(type $v (variant (case "a" u32) (case "b" f32) (case "c" u64) (case "d" f64))) (import "w" (type $w (eq $v)))';
  const hostile = await startHostile('$w', 'i32 i64', '', { declarations });
  hostile.run(0, 2n ** 64n - 1n);
  hostile.run(1, 0xffff_ffff_3f80_0000n);
  hostile.run(2, 2n ** 64n - 1n);
  hostile.run(3, 0x3ff0_0000_0000_0000n);
  assert.deepEqual(hostile.received, [
    { tag: 'a', val: 2 ** 32 - 1 },
    { tag: 'b', val: 1 },
    { tag: 'c', val: 2n ** 64n - 1n },
    { tag: 'd', val: 1 },
  ]);
});

test('a list of lists with lying lengths traps instead of reading on', async () => {
  const data = String.raw`(data (i32.const 0) "\00\00\00\00\ff\ff\ff\ff")`;
  await refuses(() => startHostile('(list (list u8))', 'i32 i32', data), 'ERR_TRAP_MEMORY', [0, 1]);
});
