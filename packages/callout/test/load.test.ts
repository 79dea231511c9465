import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock, Timer } from '@muster/lattice';
import { LagGuard } from '../src/lag-guard.ts';
import { RequestQueue } from '../src/request-queue.ts';

interface Harness {
  readonly queue: RequestQueue<number>;
  readonly handled: number[];
  readonly shed: number[];
  /** Runs what was deferred, once. */
  readonly turn: () => void;
  now: number;
}

function harness(maxInFlight: number): Harness {
  const deferred: (() => void)[] = [];
  const state = { now: 0, handled: [] as number[], shed: [] as number[] };
  const queue = new RequestQueue<number>({
    maxInFlight,
    maxWaitMs: 100,
    now: () => state.now,
    handle: (request) => state.handled.push(request),
    shed: (request) => state.shed.push(request),
    defer: (run) => deferred.push(run),
  });
  return Object.assign(state, { queue, turn: () => deferred.shift()?.() });
}

test('requests are handled in order, in batches with I/O between them', () => {
  const { queue, handled, turn } = harness(1_000);
  for (let request = 0; request < 100; request += 1) queue.push(request);
  assert.deepEqual(handled, []);
  turn();
  assert.equal(handled.length, 32);
  turn();
  turn();
  turn();
  assert.deepEqual(handled, [...Array(100).keys()]);
  assert.equal(queue.length, 0);
  queue.push(100);
  turn();
  assert.equal(handled.at(-1), 100);
});

test('what comes over the bound is dropped, and room made later is used', () => {
  const { queue, handled, shed, turn } = harness(2);
  for (const request of [1, 2, 3, 4]) queue.push(request);
  assert.deepEqual(shed, [3, 4]);
  turn();
  queue.push(5);
  turn();
  assert.deepEqual(handled, [1, 2, 5]);
});

test('what waited too long is dropped without being looked at', () => {
  const load = harness(10);
  load.queue.push(1);
  load.now = 50;
  load.queue.push(2);
  load.now = 101;
  load.turn();
  assert.deepEqual([load.shed, load.handled], [[1], [2]]);
});

test('a stopped queue drops what waits', () => {
  const { queue, handled, shed, turn } = harness(10);
  queue.push(1);
  queue.clear();
  turn();
  assert.deepEqual([handled, shed, queue.length], [[], [], 0]);
});

/** A clock whose one timer is fired by hand, at whatever time it then is. */
class HandClock implements Clock {
  time = 0;
  callback: (() => void) | undefined;

  now(): number {
    return this.time;
  }

  setTimeout(callback: () => void): Timer {
    this.callback = callback;
    return {};
  }

  clearTimeout(): void {
    this.callback = undefined;
  }

  tick(lateMs: number): void {
    this.time += 100 + lateMs;
    this.callback?.();
  }
}

test('an instance that lags steps aside, and comes back after one calm second', () => {
  const clock = new HandClock();
  const log: string[] = [];
  const guard = new LagGuard({
    clock,
    maxLagMs: 500,
    onLagging: () => log.push('lagging'),
    onRecovered: () => log.push('recovered'),
  });
  guard.start();
  for (let count = 0; count < 50; count += 1) clock.tick(10);
  clock.tick(500);
  assert.deepEqual(log, []);
  clock.tick(501);
  assert.deepEqual([log, guard.lagMs], [['lagging'], 501]);
  clock.tick(2_000);
  for (let count = 0; count < 9; count += 1) clock.tick(0);
  assert.deepEqual(log, ['lagging']);
  clock.tick(0);
  assert.deepEqual(log, ['lagging', 'recovered']);
  guard.stop();
  assert.equal(clock.callback, undefined);
});
