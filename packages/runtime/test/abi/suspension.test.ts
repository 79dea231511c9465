import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  compileComponent,
  instantiateComponent,
  ResultError,
  suspending,
  type ComponentInstance,
  type HostFunction,
} from '../../src/index.ts';
import { allocator, buildGuest, type Anything } from '../support/build.ts';

const wit = `package test:wait@0.1.0;
  interface host {
    sleep: func(ms: u32) -> u32;
    read: func() -> result<string, u32>;
    long: func(a: u64, b: f64) -> s64;
    nothing: func();
  }
  world w {
    import host;
    export go: func(x: u32) -> u32;
    export read: func() -> result<string, u32>;
    export long: func() -> s64;
    export catch-all: func() -> u32;
    export twice: func() -> u32;
  }`;

const from = '"test:wait/host@0.1.0"';

const compiled = compileComponent(
  await buildGuest(
    wit,
    `(module
      (import ${from} "sleep" (func $sleep (param i32) (result i32)))
      (import ${from} "read" (func $read (param i32)))
      (import ${from} "long" (func $long (param i64 f64) (result i64)))
      (import ${from} "nothing" (func $nothing))
      ${allocator}
      (func (export "go") (param i32) (result i32) (call $sleep (local.get 0)))
      (func (export "read") (result i32) (call $read (i32.const 64)) (i32.const 64))
      (func (export "long") (result i64) (call $long (i64.const -1) (f64.const 0.5)))
      (func (export "catch-all") (result i32)
        (block $caught
          (try_table (catch_all $caught)
            (call $nothing)
            (return (i32.const 1))))
        (i32.const 2))
      (func (export "twice") (result i32) (i32.add (call $sleep (i32.const 1)) (call $sleep (i32.const 2)))))`,
  ),
);

function start(changes: Record<string, HostFunction> = {}): { guest: Anything; instance: ComponentInstance } {
  const host = {
    sleep: (ms: number) => ms + 1,
    read: () => 'text',
    long: (a: bigint, b: number) => BigInt(b * 2) - (a >> 1n),
    nothing: () => undefined,
    ...changes,
  };
  const instance = instantiateComponent(compiled, { 'test:wait/host@0.1.0': host });
  return { guest: instance.exports, instance };
}

const later = async <T>(value: T): Promise<T> => {
  await Promise.resolve();
  return value;
};

test('without suspending imports everything is synchronous', () => {
  const { guest } = start();
  assert.equal(guest.go(1), 2);
  assert.equal(guest.long(), 2n - 2n ** 63n);
});

test('a suspending import makes exports return promises', async () => {
  const { guest } = start({ sleep: suspending((ms: number) => later(ms * 2)) });
  const pending = guest.go(21);
  assert.ok(pending instanceof Promise);
  assert.equal(await pending, 42);
  assert.equal(await guest.twice(), 6);
});

test('a suspending import may answer at once', async () => {
  const { guest } = start({ sleep: suspending((ms: number) => ms) });
  assert.equal(await guest.go(3), 3);
});

test('64-bit values pass a suspension', async () => {
  const { guest } = start({ long: suspending((a: bigint) => later(BigInt.asIntN(64, a) + 4n)) });
  assert.equal(await guest.long(), 3n);
});

test('a rejection is the err side where the type has one', async () => {
  const { guest } = start({
    read: suspending(async () => {
      await later(0);
      throw new ResultError(404);
    }),
  });
  await assert.rejects(
    guest.read(),
    (error: unknown) => error instanceof ResultError && error.payload === 404,
  );
  const other = start({ read: suspending(() => later('é')) });
  assert.equal(await other.guest.read(), 'é');
});

test('one call at a time: a second one is refused without harm', async () => {
  const { guest, instance } = start({ sleep: suspending((ms: number) => later(ms)) });
  const first = guest.go(1);
  await assert.rejects(guest.go(2), { code: 'ERR_INSTANCE_BUSY' });
  assert.equal(await first, 1);
  assert.equal(instance.trap, undefined);
  assert.equal(await guest.go(3), 3);
});

test('a guest cannot catch the failure of a host function', () => {
  const fails = start({
    nothing: () => {
      throw new Error('broken');
    },
  });
  assert.throws(() => fails.guest.catchAll(), { code: 'ERR_TRAP_HOST' });
  assert.throws(() => fails.guest.go(1), { code: 'ERR_TRAP_HOST' });
  assert.equal(start().guest.catchAll(), 1);
});

test('a guest cannot catch the failure of a suspended host function', async () => {
  const rejecting = start({ nothing: suspending(() => Promise.reject(new Error('broken'))) });
  await assert.rejects(rejecting.guest.catchAll(), { code: 'ERR_TRAP_HOST' });
  const throwing = start({
    nothing: suspending(() => {
      throw new Error('broken');
    }),
  });
  await assert.rejects(throwing.guest.catchAll(), { code: 'ERR_TRAP_HOST' });
  const wrong = start({ long: suspending(() => later('no bigint')) });
  await assert.rejects(wrong.guest.long(), { code: 'ERR_TRAP_HOST' });
});

test('a wrong argument rejects and leaves the instance usable', async () => {
  const { guest } = start({ sleep: suspending((ms: number) => later(ms)) });
  await assert.rejects(guest.go('1'), { code: 'ERR_VALUE_INVALID' });
  assert.equal(await guest.go(1), 1);
});

test('calls of a method may suspend too', async () => {
  const methodWit = `package test:m@0.1.0;
    interface host { resource r { get: func() -> u32; } open: func() -> r; }
    world w { import host; export run: func() -> u32; }`;
  const methods = compileComponent(
    await buildGuest(
      methodWit,
      `(module
        (import "test:m/host@0.1.0" "[method]r.get" (func $get (param i32) (result i32)))
        (import "test:m/host@0.1.0" "open" (func $open (result i32)))
        (func (export "run") (result i32) (call $get (call $open))))`,
    ),
  );
  class R {
    #value = 8;
    get = undefined;
    static later = suspending(async function (this: R): Promise<number> {
      await Promise.resolve();
      return this.#value;
    });
  }
  Object.defineProperty(R.prototype, 'get', { value: R.later });
  const instance = instantiateComponent(methods, { 'test:m/host@0.1.0': { R, open: () => new R() } });
  assert.equal(await (instance.exports as Anything).run(), 8);
});
