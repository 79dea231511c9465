import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  instantiateComponent,
  ResultError,
  type ComponentInstance,
  type ImportInterface,
} from '../../src/index.ts';
import type { Anything } from '../support/build.ts';
import { compiledThings, Thing, thingHost, type ThingHost } from '../support/things.ts';

interface Started {
  readonly instance: ComponentInstance;
  readonly guest: Anything;
  readonly host: ThingHost;
}

function start(changes: Record<string, unknown> = {}, limits: { handles?: number } = {}): Started {
  const host = thingHost();
  const store = { ...host.store, ...changes } as ImportInterface;
  const instance = instantiateComponent(compiledThings, { 'test:things/store@0.2.9': store }, limits);
  return { instance, guest: instance.exports, host };
}

test('a guest makes, uses and drops an object of a host class', () => {
  const { guest, instance } = start();
  Thing.disposed.length = 0;
  const handle = guest.newThing();
  assert.equal(instance.stats().handles, 1);
  guest.drop(handle);
  assert.deepEqual(Thing.disposed, ['name']);
  assert.equal(instance.stats().handles, 0);
});

test('own moves the object itself in and out of the guest', () => {
  const { guest, host, instance } = start();
  const thing = new Thing('mine');
  const handle = guest.hold(thing);
  guest.lendOut(handle);
  assert.equal(host.lent[0], thing);
  assert.equal(guest.giveBack(handle), thing);
  guest.give(guest.hold(thing));
  assert.equal(host.taken[0], thing);
  assert.equal(instance.stats().handles, 0);
});

test('handles in lists are given out one by one, and freed numbers are used again', () => {
  const { guest, instance } = start();
  const last = guest.last();
  assert.equal(instance.stats().handles, 2);
  guest.drop(last);
  assert.equal(guest.newThing(), last);
});

test('a borrow must be dropped before the call ends', () => {
  const { guest, instance } = start();
  guest.peek(new Thing('a'), true);
  assert.equal(instance.stats().handles, 0);
  assert.throws(() => guest.peek(new Thing('a'), false), { code: 'ERR_TRAP_HANDLE' });
  assert.throws(() => guest.newThing(), { code: 'ERR_TRAP_HANDLE' });
});

test('handles that do not exist, are spent, or are of another resource trap', () => {
  const cases: ((guest: Anything) => unknown)[] = [
    (guest) => guest.drop(0),
    (guest) => guest.drop(1),
    (guest) => guest.drop(2 ** 32 - 1),
    (guest) => guest.give(5),
    (guest) => guest.lendOut(2 ** 28),
    (guest) => {
      const handle = guest.newThing();
      guest.drop(handle);
      guest.drop(handle);
    },
    (guest) => {
      const handle = guest.newThing();
      guest.give(handle);
      guest.lendOut(handle);
    },
    (guest) => guest.drop(guest.newOther()),
    (guest) => guest.lendOut(guest.newOther()),
    (guest) => guest.giveBack(7),
  ];
  for (const run of cases) {
    assert.throws(() => run(start().guest), { code: 'ERR_TRAP_HANDLE' });
  }
});

test('a handle cannot be lent and given away in one call', () => {
  const { guest } = start();
  const handle = guest.newThing();
  assert.throws(() => guest.join(handle, handle), { code: 'ERR_TRAP_HANDLE' });
});

test('lending beside giving leaves the lent handle usable', () => {
  const { guest } = start();
  const first = guest.newThing();
  const second = guest.newThing();
  const joined = guest.join(first, second);
  assert.equal(Thing.nameOf(guest.giveBack(joined)), 'name+name');
  guest.drop(second);
});

test('the guest gets the err side that the host throws, and the other way round', () => {
  const { guest } = start();
  const bad = guest.hold(new Thing('bad'));
  assert.equal(guest.join(bad, guest.newThing()), 2 ** 32 - 1);
  assert.equal(guest.tryMaybe(false), 5);
  assert.throws(
    () => guest.tryMaybe(true),
    (error: unknown) => error instanceof ResultError && error.payload === 'as asked',
  );
  assert.equal(guest.tryFault(), 77);
});

test('an Error with an own payload is the err side, any other Error a trap', () => {
  const withPayload = start({
    fault: () => {
      throw Object.assign(new Error('x'), { payload: 9 });
    },
  });
  assert.equal(withPayload.guest.tryFault(), 9);
  const cause = new Error('the disk is gone');
  const failing = start({
    fault: () => {
      throw cause;
    },
  });
  assert.throws(() => failing.guest.tryFault(), { code: 'ERR_TRAP_HOST', cause });
});

test('only objects of the class that was supplied can enter the guest', () => {
  const { guest } = start();
  for (const value of [{}, null, undefined, 5, Object.create(null), { name: () => 'x' }]) {
    assert.throws(() => guest.hold(value), { code: 'ERR_VALUE_INVALID' });
  }
  const phantom = Object.create(Thing.prototype) as Thing;
  const handle = guest.hold(phantom);
  assert.throws(() => guest.peek(phantom, true), { code: 'ERR_TRAP_HOST' }, 'private state is missing');
  assert.throws(() => guest.drop(handle), { code: 'ERR_TRAP_HOST' });
});

test('the handle table has a limit', () => {
  const { guest } = start({}, { handles: 3 });
  for (let count = 0; count < 3; count++) guest.newThing();
  assert.throws(() => guest.newThing(), { code: 'ERR_TRAP_LIMIT' });
});

test('a missing class, method or function is refused by name before anything runs', () => {
  assert.throws(() => start({ Thing: undefined }), {
    code: 'ERR_IMPORT_MISSING',
    message: /test:things\/store@0\.2\.4#thing/,
  });
  assert.throws(() => start({ take: undefined }), { code: 'ERR_IMPORT_MISSING', message: /#take/ });
  assert.throws(() => start({ take: 5 }), { code: 'ERR_IMPORT_INVALID' });
  assert.throws(() => start({ Thing: { name: 1 } }), { code: 'ERR_IMPORT_INVALID' });
  class Nameless {}
  assert.throws(() => start({ Thing: Nameless }), {
    code: 'ERR_IMPORT_MISSING',
    message: /\[method\]thing\.name/,
  });
  assert.throws(() => instantiateComponent(compiledThings, {}), {
    code: 'ERR_IMPORT_MISSING',
    message: /test:things\/store/,
  });
});

test('subclasses inherit what the class has', () => {
  class Special extends Thing {}
  const { guest } = start({ Thing: Special, make: () => new Special('s') });
  assert.equal(Thing.nameOf(guest.giveBack(guest.made())), 's');
  assert.throws(() => guest.hold(new Thing('not special')), { code: 'ERR_VALUE_INVALID' });
});

test('a host function may not call back into the instance that called it', () => {
  let guest: Anything;
  let caught: unknown;
  const started = start({
    lend: () => {
      try {
        guest.newThing();
      } catch (error) {
        caught = error;
      }
    },
  });
  guest = started.guest;
  guest.lendOut(guest.newThing());
  assert.equal((caught as { code?: string }).code, 'ERR_INSTANCE_BUSY');
  assert.equal(started.instance.trap, undefined);
});

test('a destructor of the host that throws ends the instance', () => {
  class Fragile extends Thing {
    override [Symbol.dispose](): void {
      throw new Error('cannot close');
    }
  }
  const { guest } = start({ Thing: Fragile });
  assert.throws(() => guest.drop(guest.newThing()), { code: 'ERR_TRAP_HOST' });
});
