import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hostClock, monotonicClock, resolutionNs, wallClock } from '../../src/wasi/clocks.ts';
import type { Pollable } from '../../src/wasi/io-poll.ts';
import { WaitScope } from '../../src/wasi/wait.ts';
import { FakeClock, callable } from './support.ts';

test('the monotonic clock never shows more than 0.1 ms', () => {
  const clock = new FakeClock();
  const { now, resolution } = callable(monotonicClock(new WaitScope(), clock));
  assert.equal(resolution!(), resolutionNs);
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), (ms) => {
      clock.now = ms;
      assert.equal((now!() as bigint) % resolutionNs, 0n);
    }),
  );
});

test('the wall clock shows whole milliseconds', () => {
  const { now, resolution } = callable(wallClock(new FakeClock()));
  assert.deepEqual(now!(), { seconds: 1_700_000_000n, nanoseconds: 123_000_000 });
  assert.deepEqual(resolution!(), { seconds: 0n, nanoseconds: 1_000_000 });
});

test('a pollable of a duration becomes ready when it has passed, and holds a timer only while waited for', async () => {
  const clock = new FakeClock();
  const { subscribeDuration } = callable(monotonicClock(new WaitScope(), clock));
  const pollable = subscribeDuration!(5_000_000n) as Pollable;
  assert.equal(clock.timers, 0);
  const waiting = pollable.block();
  assert.equal(clock.timers, 1);
  clock.advance(4);
  assert.equal(pollable.ready(), false);
  clock.advance(1);
  await waiting;
  assert.equal(pollable.ready(), true);
  assert.equal(clock.timers, 0);
});

test('an aborted wait leaves no timer', async () => {
  const clock = new FakeClock();
  const scope = new WaitScope();
  const { subscribeInstant } = callable(monotonicClock(scope, clock));
  const waiting = (subscribeInstant!(2n ** 64n - 1n) as Pollable).block();
  scope.abort(new Error('cancelled'));
  await assert.rejects(Promise.resolve(waiting), /cancelled/);
  assert.equal(clock.timers, 0);
});

test('a duration that would overflow is just far away', () => {
  const clock = new FakeClock();
  clock.now = 1000;
  const { subscribeDuration } = callable(monotonicClock(new WaitScope(), clock));
  assert.equal((subscribeDuration!(2n ** 64n - 1n) as Pollable).ready(), false);
});

test('the clock of the host moves forward', () => {
  const before = hostClock.monotonicMs();
  assert.ok(hostClock.monotonicMs() >= before);
});
