import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileComponent } from '../../src/index.ts';
import { buildWat } from '../support/build.ts';

async function accepts(wat: string): Promise<void> {
  compileComponent(await buildWat(`(component ${wat})`));
}

async function refuses(wat: string, message: RegExp, code: string = 'ERR_COMPONENT_INVALID'): Promise<void> {
  const bytes = await buildWat(`(component ${wat})`);
  assert.throws(() => compileComponent(bytes), { code, message }, wat);
}

const core = `(core module $m (memory (export "memory") 1)
  (func (export "f") (param i32) (result i32) (local.get 0))
  (func (export "g") (param i64))
  (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0))
  (global (export "global") i32 (i32.const 1)))
  (core instance $i (instantiate $m))`;

test('indices beyond their space are refused', async () => {
  await refuses('(alias core export 0 "f" (core func))', /core instance 0/);
  await refuses('(core instance (instantiate 3))', /core module 3/);
  await refuses('(export "f" (func 0))', /func 0/);
  await refuses('(type (list 7))', /type 7/);
  await refuses('(alias outer 0 9 (type))', /type 9/);
  await refuses('(alias outer 5 0 (type))', /beyond the component/);
});

test('types must be of the kind that their place asks for', async () => {
  await refuses('(type $f (func)) (type (list $f))', /no value type/);
  await refuses('(type $l (list u8)) (type (own $l))', /no resource/);
  await refuses('(type $l (list u8)) (import "f" (func (type $l)))', /no function type/);
  await refuses('(type $l (list u8)) (import "f" (instance (type $l)))', /no instance type/);
  await refuses(
    '(import "r" (type $r (sub resource))) (type (func (result (borrow $r))))',
    /returns a borrow/,
  );
  await refuses(
    '(import "r" (type $r (sub resource))) (type (func (result (list (borrow $r)))))',
    /returns a borrow/,
  );
});

test('a lifted function must have the flattened signature', async () => {
  await accepts(`${core} (func (export "f") (param "x" u32) (result s8) (canon lift (core func $i "f")))`);
  await refuses(
    `${core} (func (param "x" u64) (result s8) (canon lift (core func $i "f")))`,
    /core signature/,
  );
  await refuses(`${core} (func (param "x" u32) (canon lift (core func $i "f")))`, /core signature/);
  await refuses(
    `${core} (func (param "x" f32) (result u32) (canon lift (core func $i "f")))`,
    /core signature/,
  );
});

test('options must be there where pointers pass, and of the right kind', async () => {
  const take = '(import "take" (func $take (param "s" string)))';
  const give = '(import "give" (func $give (result string)))';
  await refuses(`${take} (core func (canon lower (func $take)))`, /no memory option/);
  await accepts(`${take} ${core} (core func (canon lower (func $take) (memory $i "memory")))`);
  await refuses(
    `${give} ${core} (core func (canon lower (func $give) (memory $i "memory")))`,
    /no realloc option/,
  );
  await refuses(
    `${give} ${core} (core func (canon lower (func $give) (memory $i "memory") (realloc (func $i "f"))))`,
    /realloc option has the wrong core signature/,
  );
  await refuses(`${take} ${core} (core func (canon lower (func $take) (memory $i "global")))`, /core memory/);
  await refuses(
    `${core} (func (param "x" u32) (result u32) (canon lift (core func $i "f") (post-return (func $i "g"))))`,
    /post-return has the wrong core signature/,
  );
});

test('a lowered function is checked against the core import, which the engine would not do', async () => {
  const lowered = '(import "f" (func $f (param "x" u32))) (core func $f (canon lower (func $f)))';
  const use = (params: string): string =>
    `${lowered} (core module $m (import "a" "f" (func ${params})))
     (core instance (instantiate $m (with "a" (instance (export "f" (func $f))))))`;
  await accepts(use('(param i32)'));
  await refuses(use('(param i64)'), /another signature/);
  await refuses(use('(param i32 i32)'), /another signature/);
  await refuses(use('(param i32) (result i32)'), /another signature/);
});

test('every core import must be supplied with the right kind', async () => {
  await refuses(
    '(core module $m (import "a" "f" (func))) (core instance (instantiate $m))',
    /lacks its import "a" "f"/,
  );
  await refuses(
    `${core} (core module $n (import "a" "memory" (func))) (core instance (instantiate $n (with "a" (instance $i))))`,
    /lacks its import/,
  );
});

test('arguments of a component must have the declared type', async () => {
  const user = (type: string): string => `(component $c (import "f" (func ${type})))`;
  const make = '(import "f" (func $f (param "x" (list u8)) (result bool)))';
  const with_ = '(instance (instantiate $c (with "f" (func $f))))';
  await accepts(`${make} ${user('(param "x" (list u8)) (result bool)')} ${with_}`);
  await refuses(`${make} ${user('(param "x" (list s8)) (result bool)')} ${with_}`, /another type/);
  await refuses(`${make} ${user('(param "y" (list u8)) (result bool)')} ${with_}`, /another type/);
  await refuses(`${make} ${user('(param "x" (list u8))')} ${with_}`, /another type/);
  await refuses(`${user('')} (instance (instantiate $c))`, /no func exported as "f"/);
});

test('two resources are never the same type', async () => {
  const resources =
    '(import "a" (type $a (sub resource))) (import "b" (type $b (sub resource))) (import "f" (func $f (param "x" (own $a))))';
  const c = '(component $c (import "r" (type $r (sub resource))) (import "f" (func (param "x" (own $r)))))';
  await accepts(`${resources} ${c} (instance (instantiate $c (with "r" (type $a)) (with "f" (func $f))))`);
  await refuses(
    `${resources} ${c} (instance (instantiate $c (with "r" (type $b)) (with "f" (func $f))))`,
    /another type/,
  );
  await refuses(
    `(type $u u8) (component $c (import "r" (type (sub resource)))) (instance (instantiate $c (with "r" (type $u))))`,
    /another type/,
  );
});

test('an instance shows its importer only what was declared', async () => {
  const inner =
    '(component $inner (import "i" (instance $i (export "a" (func)))) (alias export $i "b" (func)))';
  await refuses(
    `(import "i" (instance $i (export "a" (func)) (export "b" (func)))) ${inner}
     (instance (instantiate $inner (with "i" (instance $i))))`,
    /no func exported as "b"/,
  );
});

test('only the defining component makes and opens handles', async () => {
  await refuses(
    '(import "r" (type $r (sub resource))) (core func (canon resource.new $r))',
    /does not define/,
  );
  await refuses(
    '(import "r" (type $r (sub resource))) (core func (canon resource.rep $r))',
    /does not define/,
  );
  await accepts('(import "r" (type $r (sub resource))) (core func (canon resource.drop $r))');
  await refuses(`${core} (type (resource (rep i32) (dtor (func $i "f"))))`, /destructor/);
});

test('an outer alias may not carry a resource into a component', async () => {
  await accepts('(type $t (list u8)) (component (alias outer 1 $t (type)))');
  const component = '(component $c (alias outer 1 $r (type))) (instance (instantiate $c))';
  await refuses(`(type $r (resource (rep i32))) ${component}`, /carries a resource/);
  await refuses(
    `(import "q" (type $q (sub resource))) (type $r (func (param "x" (own $q)))) ${component}`,
    /carries a resource/,
  );
});

test('annotated names must fit their resource', async () => {
  const iface = (body: string): string =>
    `(import "a:b/c" (instance (export "r" (type $r (sub resource))) ${body}))`;
  await accepts(
    iface(
      '(export "[constructor]r" (func (result (own $r)))) (export "[method]r.m" (func (param "self" (borrow $r))))',
    ),
  );
  await accepts(iface('(export "[constructor]r" (func (result (result (own $r) (error string)))))'));
  await refuses(iface('(export "[constructor]r" (func (result u32)))'), /does not return its resource/);
  await refuses(iface('(export "[method]r.m" (func (param "self" u32)))'), /does not take its resource/);
  await refuses(iface('(export "[method]r.m" (func))'), /does not take its resource/);
  await refuses(iface('(export "[static]q.m" (func))'), /belongs to no resource/);
  await refuses(
    '(type $t (instance)) (component $c (import "[static]a.b" (instance))) (instance $i) (instance (instantiate $c (with "[static]a.b" (instance $i))))',
    /is no function/,
  );
  await refuses('(import "f" (func $f)) (export "[static]r.f" (func $f))', /belongs to no resource/);
});

test('an export may be ascribed its own type only', async () => {
  await accepts('(import "f" (func $f (param "x" u8))) (export "g" (func $f) (func (param "x" u8)))');
  await refuses(
    '(import "f" (func $f (param "x" u8))) (export "g" (func $f) (func (param "x" u16)))',
    /another type/,
  );
});

test('what the host cannot supply is refused by name', async () => {
  await refuses('(import "c" (component))', /imports a component as "c"/, 'ERR_COMPONENT_UNSUPPORTED');
  await refuses('(import "m" (core module))', /imports a core module as "m"/, 'ERR_COMPONENT_UNSUPPORTED');
  await refuses(
    '(import "i" (instance (export "j" (instance))))',
    /nested instance as "j"/,
    'ERR_COMPONENT_UNSUPPORTED',
  );
});

test('components import components from each other', async () => {
  await accepts(`
    (component $plain (import "f" (func)) (export "g" (func 0)))
    (component $outer
      (import "inner" (component $inner (import "f" (func)) (export "g" (func))))
      (import "f" (func $f))
      (instance $i (instantiate $inner (with "f" (func $f))))
      (export "h" (func $i "g")))
    (import "f" (func $f))
    (instance $o (instantiate $outer (with "inner" (component $plain)) (with "f" (func $f))))
    (export "h" (func $o "h"))`);
});
