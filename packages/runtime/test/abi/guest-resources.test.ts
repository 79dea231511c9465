import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  compileComponent,
  instantiateComponent,
  ResultError,
  suspending,
  type ComponentInstance,
} from '../../src/index.ts';
import { allocator, buildGuest, type Anything } from '../support/build.ts';

const wit = `package test:count@0.1.0;
  interface api {
    resource counter {
      constructor(start: u32);
      add: func(by: u32) -> u32;
      then: func() -> u32;
      merge: static func(a: counter, b: counter) -> counter;
      prototype: static func() -> u32;
      open: static func(ok: bool) -> result<counter, string>;
    }
    resource plain { name: func() -> string; }
    both: func(a: counter, b: borrow<counter>) -> u32;
    drops: func() -> u32;
    make-plain: func() -> plain;
    then: func() -> u32;
    list-all: func() -> list<counter>;
  }
  world w { export api; }`;

const name = (text: string): string => `(export "test:count/api@0.1.0#${text}")`;
const exported = '"[export]test:count/api@0.1.0"';

/** A counter is an address of its number; 8 bytes each. */
const wat = `(module
  (import ${exported} "[resource-new]counter" (func $new (param i32) (result i32)))
  (import ${exported} "[resource-rep]counter" (func $rep (param i32) (result i32)))
  (import ${exported} "[resource-drop]counter" (func $drop (param i32)))
  (import ${exported} "[resource-new]plain" (func $newPlain (param i32) (result i32)))
  ${allocator}
  (global $drops (mut i32) (i32.const 0))
  (func $make (param $start i32) (result i32)
    (local $at i32)
    (local.set $at (call $realloc (i32.const 0) (i32.const 0) (i32.const 8) (i32.const 8)))
    (i32.store (local.get $at) (local.get $start))
    (call $new (local.get $at)))
  (func ${name('[constructor]counter')} (param i32) (result i32) (call $make (local.get 0)))
  (func ${name('[method]counter.add')} (param i32 i32) (result i32)
    (i32.store (local.get 0) (i32.add (i32.load (local.get 0)) (local.get 1)))
    (i32.load (local.get 0)))
  (func ${name('[method]counter.then')} (param i32) (result i32) (i32.load (local.get 0)))
  (func ${name('[static]counter.merge')} (param i32 i32) (result i32)
    (local $sum i32)
    (local.set $sum (i32.add (i32.load (call $rep (local.get 0))) (i32.load (call $rep (local.get 1)))))
    (call $drop (local.get 0))
    (call $drop (local.get 1))
    (call $make (local.get $sum)))
  (func ${name('[static]counter.prototype')} (result i32) (i32.const 9))
  (func ${name('[static]counter.open')} (param i32) (result i32)
    (if (local.get 0)
      (then (i32.store (i32.const 64) (i32.const 0)) (i32.store (i32.const 68) (call $make (i32.const 3))))
      (else (i32.store (i32.const 64) (i32.const 1)) (i32.store (i32.const 68) (i32.const 32)) (i32.store (i32.const 72) (i32.const 2))))
    (i32.const 64))
  (data (i32.const 32) "no")
  (func ${name('both')} (param i32 i32) (result i32)
    (local $sum i32)
    (local.set $sum (i32.add (i32.load (call $rep (local.get 0))) (i32.load (local.get 1))))
    (call $drop (local.get 0))
    (local.get $sum))
  (func ${name('drops')} (result i32) (global.get $drops))
  (func ${name('then')} (result i32) (i32.const 4))
  (func ${name('make-plain')} (result i32) (call $newPlain (i32.const 0)))
  (func ${name('[method]plain.name')} (param i32) (result i32)
    (i32.store (i32.const 64) (i32.const 32)) (i32.store (i32.const 68) (i32.const 2)) (i32.const 64))
  (func ${name('list-all')} (result i32)
    (i32.store (i32.const 80) (call $make (i32.const 1)))
    (i32.store (i32.const 84) (call $make (i32.const 2)))
    (i32.store (i32.const 64) (i32.const 80)) (i32.store (i32.const 68) (i32.const 2)) (i32.const 64))
  (func ${name('[dtor]counter')} (param i32)
    (global.set $drops (i32.add (global.get $drops) (i32.const 1)))
    (if (i32.eq (i32.load (local.get 0)) (i32.const 666)) (then unreachable)))
  )`;

const compiled = compileComponent(await buildGuest(wit, wat));

function start(): { api: Anything; instance: ComponentInstance } {
  const instance = instantiateComponent(compiled, {});
  return { api: instance.findInterface('test:count/api@0.1.0'), instance };
}

test('a resource of the guest is a class: constructor, method, static function, dispose', () => {
  const { api } = start();
  const counter = new api.Counter(5);
  assert.ok(counter instanceof api.Counter);
  assert.equal(api.Counter.name, 'Counter');
  assert.equal(counter.add(2), 7);
  const merged = api.Counter.merge(counter, new api.Counter(10));
  assert.equal(merged.add(0), 17);
  assert.equal(api.drops(), 2);
  merged[Symbol.dispose]();
  merged[Symbol.dispose]();
  assert.equal(api.drops(), 3);
});

test('an object that was given away, disposed or made up is refused', () => {
  const { api } = start();
  const counter = new api.Counter(5);
  api.both(counter, new api.Counter(1));
  assert.throws(() => counter.add(1), { code: 'ERR_VALUE_INVALID' });
  assert.throws(() => api.both(counter, counter), { code: 'ERR_VALUE_INVALID' });
  const disposed = new api.Counter(1);
  disposed[Symbol.dispose]();
  assert.throws(() => disposed.add(1), { code: 'ERR_VALUE_INVALID' });
  assert.throws(() => api.Counter.prototype.add.call({}, 1), { code: 'ERR_VALUE_INVALID' });
  assert.throws(() => api.Counter.prototype.add.call(Object.create(api.Counter.prototype), 1), {
    code: 'ERR_VALUE_INVALID',
  });
});

test('an object of another instance is refused, though its number would fit', () => {
  const { api } = start();
  const { api: elsewhere } = start();
  const foreign = new elsewhere.Counter(1);
  assert.throws(() => api.Counter.prototype.add.call(foreign, 1), { code: 'ERR_VALUE_INVALID' });
});

test('one object cannot be given and lent in one call', () => {
  const { api } = start();
  const counter = new api.Counter(5);
  assert.throws(() => api.both(counter, counter), { code: 'ERR_VALUE_INVALID' });
});

test('own results in lists and results are wrapped', () => {
  const { api } = start();
  assert.deepEqual(
    api.listAll().map((counter: Anything) => counter.add(0)),
    [1, 2],
  );
  assert.equal(api.Counter.open(true).add(0), 3);
  assert.throws(
    () => api.Counter.open(false),
    (error: unknown) => error instanceof ResultError && error.payload === 'no',
  );
});

test('a class without constructor cannot be constructed', () => {
  const { api } = start();
  assert.throws(() => new api.Plain(), { code: 'ERR_VALUE_INVALID' });
  assert.equal(api.makePlain().name(), 'no');
});

test('nothing exported looks like a promise or replaces a class prototype', async () => {
  const { api } = start();
  assert.equal(api.then, undefined);
  assert.equal(api.then_(), 4);
  const counter = new api.Counter(5);
  assert.equal(counter.then, undefined);
  assert.equal(counter.then_(), 5);
  assert.equal(await counter, counter);
  assert.equal(api.Counter.prototype_(), 9);
});

test('a destructor that traps ends the instance', () => {
  const { api, instance } = start();
  const counter = new api.Counter(666);
  assert.throws(() => counter[Symbol.dispose](), { code: 'ERR_TRAP_GUEST' });
  assert.throws(() => api.drops(), { code: 'ERR_TRAP_GUEST' });
  assert.notEqual(instance.trap, undefined);
});

test('the exports object cannot be changed', () => {
  const { instance } = start();
  assert.ok(Object.isFrozen(instance.exports));
  assert.equal(Object.getPrototypeOf(instance.exports), null);
});

test('a constructor of an instance that may suspend is refused, not handed out half made', async () => {
  const bytes = await buildGuest(
    `package test:slow@0.1.0;
     interface host { wait: func(); }
     interface api { resource thing { constructor(); } }
     world w { import host; export api; }`,
    `(module
      (import "test:slow/host@0.1.0" "wait" (func $wait))
      (import "[export]test:slow/api@0.1.0" "[resource-new]thing" (func $new (param i32) (result i32)))
      (func (export "test:slow/api@0.1.0#[constructor]thing") (result i32) (call $wait) (call $new (i32.const 1))))`,
  );
  const wait = suspending(() => undefined);
  const instance = instantiateComponent(compileComponent(bytes), { 'test:slow/host@0.1.0': { wait } });
  const api = instance.findInterface('test:slow/api@0.1.0') as Anything;
  assert.throws(() => new api.Thing(), { code: 'ERR_VALUE_INVALID' });
});
