import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ComponentError, Trap, type ComponentInstance } from '../../src/index.ts';
import { startWat, type Anything } from '../support/build.ts';

const withMemory = (realloc: string, rest: string): string => `(component
  (import "note" (func $note))
  (core func $note (canon lower (func $note)))
  (core module $m
    (import "" "note" (func $note))
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) ${realloc})
    (func (export "take") (param i32 i32))
    ${rest})
  (core instance $i (instantiate $m (with "" (instance (export "note" (func $note))))))
  (func (export "take") (param "s" string)
    (canon lift (core func $i "take") (memory $i "memory") (realloc (func $i "realloc"))))`;

function exportsOf(instance: ComponentInstance): Anything {
  return instance.exports;
}

const note = (): undefined => undefined;

test('what realloc answers is checked', async () => {
  for (const answer of ['(i32.const 65536)', '(i32.const -1)', '(i32.const 65534)']) {
    const instance = await startWat(`${withMemory(answer, '')})`, { note });
    assert.throws(() => exportsOf(instance).take('abc'), { code: 'ERR_TRAP_MEMORY' }, answer);
  }
  const fine = await startWat(`${withMemory('(i32.const 65533)', '')})`, { note });
  exportsOf(fine).take('abc');
});

test('realloc that traps or calls out ends the instance', async () => {
  const trapping = await startWat(`${withMemory('unreachable', '')})`, { note });
  assert.throws(() => exportsOf(trapping).take('abc'), { code: 'ERR_TRAP_GUEST' });
  assert.throws(
    () => exportsOf(trapping).take(5),
    { code: 'ERR_TRAP_GUEST' },
    'ended before any check of values',
  );
  const calling = await startWat(`${withMemory('(call $note) (i32.const 0)', '')})`, { note });
  assert.throws(() => exportsOf(calling).take('abc'), { code: 'ERR_TRAP_REENTRANCE' });
});

test('post-return runs after the result was read, and may not call out', async () => {
  const post = (body: string): string =>
    withMemory(
      '(i32.const 0)',
      `(data (i32.const 16) "result")
       (global $posts (mut i32) (i32.const 0))
       (func (export "give") (result i32)
         (i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const 6)) (i32.const 0))
       (func (export "after") (param i32)
         (i32.store8 (i32.const 16) (i32.const 0x58))
         (global.set $posts (i32.add (global.get $posts) (i32.const 1))) ${body})
       (func (export "posts") (result i32) (global.get $posts))`,
    ).concat(`
      (func (export "give") (result string)
        (canon lift (core func $i "give") (memory $i "memory") (post-return (func $i "after"))))
      (func (export "posts") (result u32) (canon lift (core func $i "posts"))))`);
  const instance = await startWat(post(''), { note });
  assert.equal(exportsOf(instance).give(), 'result');
  assert.equal(exportsOf(instance).posts(), 1);
  const calling = await startWat(post('(call $note)'), { note });
  assert.throws(() => exportsOf(calling).give(), { code: 'ERR_TRAP_REENTRANCE' });
});

test('result pointers are checked', async () => {
  const give = (pointer: string): string =>
    withMemory('(i32.const 0)', `(func (export "give") (result i32) (i32.const ${pointer}))`).concat(
      `(func (export "give") (result (tuple u8 u64)) (canon lift (core func $i "give") (memory $i "memory"))))`,
    );
  for (const pointer of ['4', '65528', '-8', '65536']) {
    const instance = await startWat(give(pointer), { note });
    assert.throws(() => exportsOf(instance).give(), { code: 'ERR_TRAP_MEMORY' }, pointer);
  }
  assert.deepEqual(exportsOf(await startWat(give('65520'), { note })).give(), [0, 0n]);
});

test('where the guest wants a result written is checked', async () => {
  const ask = (pointer: number): Promise<ComponentInstance> =>
    startWat(
      `(component
        (import "pair" (func $pair (result (tuple u32 u32))))
        (core module $libc (memory (export "memory") 1))
        (core instance $libc (instantiate $libc))
        (core func $pair (canon lower (func $pair) (memory $libc "memory")))
        (core module $m (import "" "pair" (func $pair (param i32)))
          (func (export "run") (call $pair (i32.const ${pointer}))))
        (core instance $m (instantiate $m (with "" (instance (export "pair" (func $pair))))))
        (func (export "run") (canon lift (core func $m "run"))))`,
      { pair: () => [1, 2] },
    );
  for (const pointer of [2, 65532, 65536, -4]) {
    const instance = await ask(pointer);
    assert.throws(() => exportsOf(instance).run(), { code: 'ERR_TRAP_MEMORY' }, String(pointer));
  }
  exportsOf(await ask(65528)).run();
});

const plain = (body: string): Promise<ComponentInstance> =>
  startWat(`(component
    (core module $m (tag $t) (func $run (export "run") ${body}))
    (core instance $m (instantiate $m))
    (func (export "run") (canon lift (core func $m "run"))))`);

test('traps, deep recursion and uncaught exceptions of the guest have their codes', async () => {
  const cases: [string, string][] = [
    ['unreachable', 'ERR_TRAP_GUEST'],
    ['(drop (i32.div_s (i32.const 1) (i32.const 0)))', 'ERR_TRAP_GUEST'],
    ['(call $run)', 'ERR_TRAP_STACK'],
    ['(throw $t)', 'ERR_TRAP_GUEST'],
  ];
  for (const [body, code] of cases) {
    const instance = await plain(body);
    assert.throws(
      () => exportsOf(instance).run(),
      (error: unknown) => error instanceof Trap && error.code === code,
      body,
    );
    assert.equal((instance.trap as ComponentError).code, code);
  }
});

test('a start function that traps is a failed instantiation', async () => {
  const bytes =
    '(component (core module $m (func $s unreachable) (start $s)) (core instance (instantiate $m)))';
  await assert.rejects(startWat(bytes), { code: 'ERR_TRAP_GUEST' });
  const segment =
    '(component (core module $m (memory 1) (data (i32.const 65536) "x")) (core instance (instantiate $m)))';
  await assert.rejects(startWat(segment), { code: 'ERR_TRAP_GUEST' });
});

test('a host function that fails during start fails the instantiation with its own code', async () => {
  const wat = `(component (import "note" (func $note)) (core func $note (canon lower (func $note)))
    (core module $m (import "" "note" (func $note)) (start $note))
    (core instance (instantiate $m (with "" (instance (export "note" (func $note)))))))`;
  let calls = 0;
  await startWat(wat, { note: () => void calls++ });
  assert.equal(calls, 1);
  const failing = startWat(wat, {
    note: () => {
      throw new Error('not now');
    },
  });
  await assert.rejects(failing, { code: 'ERR_TRAP_HOST' });
});

test('a linking error that only the engine sees is mapped', async () => {
  const wat = `(component
    (core module $a (memory (export "m") 1))
    (core instance $a (instantiate $a))
    (core module $b (import "a" "m" (memory 2)))
    (core instance (instantiate $b (with "a" (instance $a)))))`;
  await assert.rejects(startWat(wat), { code: 'ERR_LINK_FAILED' });
});
