import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileComponent, instantiateComponent, type ImportObject } from '../../src/index.ts';
import { findVersioned } from '../../src/link/host.ts';
import { buildWat, startWat, type Anything } from '../support/build.ts';

test('an interface is found by exact name, else by the latest version of its track', () => {
  const keys = [
    'a:b/c@0.2.1',
    'a:b/c@0.2.12',
    'a:b/c@0.2.9',
    'a:b/c@0.3.0',
    'a:b/d@1.4.0',
    'a:b/e',
    'a:b/f@0.1.0-rc.2',
  ];
  assert.equal(findVersioned(keys, 'a:b/c@0.2.9'), 'a:b/c@0.2.9');
  assert.equal(findVersioned(keys, 'a:b/c@0.2.0'), 'a:b/c@0.2.12');
  assert.equal(findVersioned(keys, 'a:b/c@0.2.99'), 'a:b/c@0.2.12');
  assert.equal(findVersioned(keys, 'a:b/c@0.4.0'), undefined);
  assert.equal(findVersioned(keys, 'a:b/c@0.2.0-rc.1'), undefined);
  assert.equal(findVersioned(keys, 'a:b/c'), undefined);
  assert.equal(findVersioned(keys, 'a:b/d@1.0.0'), 'a:b/d@1.4.0');
  assert.equal(findVersioned(keys, 'a:b/d@2.0.0'), undefined);
  assert.equal(findVersioned(keys, 'a:b/e'), 'a:b/e');
  assert.equal(findVersioned(keys, 'a:b/e@1.0.0'), undefined);
  assert.equal(findVersioned(keys, 'a:b/f@0.1.0-rc.2'), 'a:b/f@0.1.0-rc.2');
  assert.equal(findVersioned(keys, 'a:b/f@0.1.0-rc.1'), undefined);
});

async function compileImporting(imports: string): Promise<ReturnType<typeof compileComponent>> {
  const lowers = [...imports.matchAll(/\(export "([^"]+)" \(func/g)]
    .map(([, name]) => `(alias export 0 "${name}" (func)) `)
    .join('');
  const count = lowers.split('alias').length - 1;
  const canons = Array.from(
    { length: count },
    (_, index) => `(core func (canon lower (func ${index})))`,
  ).join(' ');
  return compileComponent(
    await buildWat(`(component (import "a:b/c" (instance ${imports})) ${lowers} ${canons})`),
  );
}

test('names that JavaScript objects have by nature are not imports', async () => {
  const hostile = ['constructor', 'to-string', 'has-own-property', 'value-of', 'is-prototype-of'];
  for (const name of hostile) {
    const compiled = await compileImporting(`(export "${name}" (func))`);
    assert.throws(
      () => instantiateComponent(compiled, { 'a:b/c': {} }),
      { code: 'ERR_IMPORT_MISSING' },
      name,
    );
    const own = Object.fromEntries([
      [name.replaceAll(/-./g, (part) => part.charAt(1).toUpperCase()), () => undefined],
    ]);
    instantiateComponent(compiled, { 'a:b/c': own } as ImportObject);
  }
});

test('static functions and methods are never the built-in ones of classes', async () => {
  class R {}
  const resource = '(export "r" (type $r (sub resource)))';
  for (const name of ['call', 'apply', 'bind', 'prototype', 'name', 'length', 'to-string']) {
    const compiled = await compileImporting(`${resource} (export "[static]r.${name}" (func))`);
    assert.throws(
      () => instantiateComponent(compiled, { 'a:b/c': { R } }),
      /not supplied|not a function/,
      name,
    );
  }
  for (const name of ['constructor', 'to-string', 'value-of', 'has-own-property']) {
    const compiled = await compileImporting(
      `${resource} (export "[method]r.${name}" (func (param "self" (borrow $r))))`,
    );
    assert.throws(
      () => instantiateComponent(compiled, { 'a:b/c': { R } }),
      { code: 'ERR_IMPORT_MISSING' },
      name,
    );
  }
});

test('an import object without prototype, and interfaces that are classes, serve', async () => {
  const compiled = await compileImporting('(export "f" (func))');
  const bare = Object.create(null) as Record<string, unknown>;
  const iface = Object.create(null) as Record<string, unknown>;
  iface['f'] = () => undefined;
  bare['a:b/c'] = iface;
  instantiateComponent(compiled, bare as ImportObject);
  class Host {
    f(): void {}
  }
  instantiateComponent(compiled, { 'a:b/c': new Host() as never });
});

test('an imported interface that nothing is used of must still be supplied', async () => {
  const compiled = compileComponent(
    await buildWat('(component (import "a:b/c" (instance (export "f" (func)))))'),
  );
  assert.throws(() => instantiateComponent(compiled, {}), { code: 'ERR_IMPORT_MISSING', message: /a:b\/c/ });
  const typesOnly = compileComponent(
    await buildWat(
      '(component (import "a:b/c" (instance (type $t (enum "x")) (export "t" (type (eq $t))))))',
    ),
  );
  instantiateComponent(typesOnly, {});
});

test('the world itself may import functions and resources', async () => {
  class Box {
    readonly #value = 3;
    value(): number {
      return this.#value;
    }
  }
  const instance = await startWat(
    `(component
      (import "box" (type $box (sub resource)))
      (import "[method]box.value" (func $value (param "self" (borrow $box)) (result u32)))
      (import "open-box" (func $open (result (own $box))))
      (core func $value (canon lower (func $value)))
      (core func $open (canon lower (func $open)))
      (core module $m
        (import "" "value" (func $value (param i32) (result i32)))
        (import "" "open" (func $open (result i32)))
        (func (export "run") (result i32) (call $value (call $open))))
      (core instance $i (instantiate $m (with "" (instance (export "value" (func $value)) (export "open" (func $open))))))
      (func (export "run-it") (result u32) (canon lift (core func $i "run"))))`,
    { box: Box, 'open-box': () => new Box() },
  );
  assert.equal((instance.exports as Anything).runIt(), 3);
});

test('hostile core names do nothing but name', async () => {
  const names = [
    '__proto__',
    'constructor',
    'then',
    `'"\``,
    '\\u0000',
    '\\n',
    '${x}',
    ');process.exit(1);//',
    'toString',
  ];
  for (const name of names) {
    const quoted = JSON.stringify(name).replaceAll('\\\\', '\\').replace('\\u0000', '\\00');
    const instance = await startWat(`(component
      (core module $a (func (export ${quoted}) (result i32) (i32.const 5)) (memory (export "hasOwnProperty") 1))
      (core instance $a (instantiate $a))
      (core module $b (import ${quoted} ${quoted} (func $f (result i32)))
        (func (export ${quoted}) (result i32) (call $f)))
      (core instance $b (instantiate $b (with ${quoted} (instance $a))))
      (func (export "run") (result u32) (canon lift (core func $b ${quoted}))))`);
    assert.equal((instance.exports as Anything).run(), 5, name);
  }
  assert.equal(({} as Record<string, unknown>)['run'], undefined);
});
