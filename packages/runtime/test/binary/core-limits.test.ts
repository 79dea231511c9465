import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileComponent, instantiateComponent } from '../../src/index.ts';
import { allocator, buildWat, startWat, type Anything } from '../support/build.ts';

const growing = `(component
  (core module $m
    (memory 1)
    (table 1 funcref)
    (func (export "memory") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "table") (param i32) (result i32) (table.grow (ref.null func) (local.get 0))))
  (core instance $i (instantiate $m))
  (func (export "memory") (param "pages" u32) (result s32) (canon lift (core func $i "memory")))
  (func (export "table") (param "elements" u32) (result s32) (canon lift (core func $i "table"))))`;

test('memories and tables grow to the caps and no further', async () => {
  const instance = await startWat(growing, {}, { memoryBytes: 4 * 65536 + 100, tableElements: 10 });
  const guest = instance.exports as Anything;
  assert.equal(guest.memory(4), -1);
  assert.equal(guest.memory(3), 1);
  assert.equal(guest.memory(1), -1);
  assert.equal(guest.table(10), -1);
  assert.equal(guest.table(9), 1);
});

test("a module's own smaller maximum stays", async () => {
  const instance = await startWat(
    growing.replace('(memory 1)', '(memory 1 2)').replace('1 funcref', '1 3 funcref'),
  );
  const guest = instance.exports as Anything;
  assert.equal(guest.memory(2), -1);
  assert.equal(guest.memory(1), 1);
  assert.equal(guest.table(3), -1);
  assert.equal(guest.table(2), 1);
});

test('a table with an initialiser keeps it', async () => {
  const instance = await startWat(`(component
    (core module $m
      (func $f (result i32) (i32.const 7))
      (table (export "t") 2 (ref null func) (ref.func $f))
      (type $s (func (result i32)))
      (func (export "call") (result i32) (call_indirect (type $s) (i32.const 1)))
      (elem declare func $f))
    (core instance $i (instantiate $m))
    (func (export "call") (result u32) (canon lift (core func $i "call"))))`);
  assert.equal((instance.exports as Anything).call(), 7);
});

test('what starts above a cap is refused', async () => {
  const memory = await buildWat('(component (core module $m (memory 3)) (core instance (instantiate $m)))');
  assert.throws(() => compileComponent(memory, { memoryBytes: 2 * 65536 }), { code: 'ERR_COMPONENT_LIMIT' });
  compileComponent(memory, { memoryBytes: 3 * 65536 });
  const table = await buildWat(
    '(component (core module $m (table 11 funcref)) (core instance (instantiate $m)))',
  );
  assert.throws(() => compileComponent(table, { tableElements: 10 }), { code: 'ERR_COMPONENT_LIMIT' });
});

test('all memories and tables of a tree share one limit, by what they start with', async () => {
  const grow = (name: string): string =>
    `(func (export "${name}") (result s32) (canon lift (core func $${name} "grow")))`;
  const instance = await startWat(
    `(component
      (core module $m (memory 3) (func (export "grow") (result i32) (memory.grow (i32.const 1))))
      (core module $n (memory 1) (func (export "grow") (result i32) (memory.grow (i32.const 1))))
      (core instance $large (instantiate $m)) ${grow('large')}
      (core instance $small (instantiate $n)) ${grow('small')}
      (core instance $other (instantiate $n)) ${grow('other')})`,
    {},
    { memoryBytes: 10 * 65536 },
  );
  const guest = instance.exports as Anything;
  let pages = 3 + 1 + 1;
  for (const name of ['large', 'small', 'other']) while (guest[name]() >= 0) pages++;
  assert.equal(pages, 10);
});

test('shared and 64-bit memories are refused', async () => {
  for (const memory of ['(memory 1 2 shared)', '(memory i64 1)', '(table i64 1 funcref)']) {
    const bytes = await buildWat(`(component (core module $m ${memory}) (core instance (instantiate $m)))`);
    assert.throws(() => compileComponent(bytes), { code: 'ERR_COMPONENT_UNSUPPORTED' }, memory);
  }
});

test('the tree as a whole has a number of memories, tables and core instances', async () => {
  const bytes = await buildWat(`(component (core module $m (memory 1) (table 1 funcref))
    (core instance (instantiate $m)) (core instance (instantiate $m)) (core instance (instantiate $m)))`);
  assert.throws(() => compileComponent(bytes, { memories: 2 }), { code: 'ERR_COMPONENT_LIMIT' });
  assert.throws(() => compileComponent(bytes, { tables: 2 }), { code: 'ERR_COMPONENT_LIMIT' });
  assert.throws(() => compileComponent(bytes, { coreInstances: 2 }), { code: 'ERR_COMPONENT_LIMIT' });
  assert.equal(compileComponent(bytes).modules.length, 1);
});

test('modules compiled before serve a plan made anew from the bytes', async () => {
  const bytes = await buildWat(growing);
  const first = compileComponent(bytes);
  const second = compileComponent(bytes, {}, { modules: first.modules });
  assert.equal(second.modules, first.modules);
  assert.equal((instantiateComponent(second, {}).exports as Anything).memory(1), 1);
  assert.throws(() => compileComponent(bytes, {}, { modules: [] }), { code: 'ERR_COMPONENT_INVALID' });
});

test('a core module that the engine refuses is a malformed component', async () => {
  const bytes = await buildWat(`(component (core module $m (func (result i32) (i64.const 1)) ${allocator})
    (core instance (instantiate $m)))`);
  assert.throws(() => compileComponent(bytes), {
    code: 'ERR_COMPONENT_MALFORMED',
    message: /does not compile/,
  });
});

test('memory in use is reported', async () => {
  const instance = await startWat(`(component
    (core module $m ${allocator} (func (export "f") (param i32 i32)))
    (core instance $i (instantiate $m))
    (func (export "f") (param "s" string)
      (canon lift (core func $i "f") (memory $i "memory") (realloc (func $i "cabi_realloc")))))`);
  (instance.exports as Anything).f('x');
  assert.equal(instance.stats().memoryBytes, 2 * 65536);
  (instance.exports as Anything).f('x'.repeat(200_000));
  assert.ok(instance.stats().memoryBytes >= 4 * 65536);
});

test('garbage-collected types are refused: one large object of them would end the process', async () => {
  for (const type of [
    '(type (array (mut i64)))',
    '(type (struct (field i32)))',
    '(rec (type (sub (array i8))))',
  ]) {
    const bytes = await buildWat(`(component (core module $m ${type}) (core instance (instantiate $m)))`);
    assert.throws(() => compileComponent(bytes), { code: 'ERR_COMPONENT_UNSUPPORTED' }, type);
  }
  await startWat('(component (core module $m (rec (type (func)))) (core instance (instantiate $m)))');
});

test('a function that is too much to compile is refused', async () => {
  const wat = (locals: number, blocks: number): string =>
    `(component (core module $m (func (local ${'i32 '.repeat(locals)}) ${'(block (br 0))'.repeat(blocks)}))
      (core instance (instantiate $m)))`;
  await startWat(wat(40_000, 100));
  await startWat(wat(100, 20_000));
  await assert.rejects(startWat(wat(40_000, 3_000)), { code: 'ERR_COMPONENT_LIMIT' });
  await assert.rejects(startWat(wat(10, 20), {}, { functionEffort: 100 }), { code: 'ERR_COMPONENT_LIMIT' });
  const withParams = wat(1, 25_000).replace('(local', `(param ${'i32 '.repeat(1_000)}) (local`);
  await assert.rejects(startWat(withParams), { code: 'ERR_COMPONENT_LIMIT' });
});
