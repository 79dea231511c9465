import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createTestClock } from '../src/index.ts';

test('time stands still until it is moved', () => {
  const clock = createTestClock(1000);
  assert.equal(clock.now(), 1000);
  clock.advance(5);
  assert.equal(clock.now(), 1005);
});

test('timers run in order, at their time, also those that timers set', () => {
  const clock = createTestClock(0);
  const seen: [string, number][] = [];
  clock.setTimeout(() => seen.push(['b', clock.now()]), 20);
  clock.setTimeout(() => {
    seen.push(['a', clock.now()]);
    clock.setTimeout(() => seen.push(['c', clock.now()]), 15);
  }, 10);
  const cancelled = clock.setTimeout(() => seen.push(['never', clock.now()]), 5);
  clock.clearTimeout(cancelled);
  clock.advance(24);
  assert.deepEqual(seen, [
    ['a', 10],
    ['b', 20],
  ]);
  clock.advance(1);
  assert.deepEqual(seen.at(-1), ['c', 25]);
  assert.equal(clock.pendingTimers, 0);
});

test('a jump changes the time and runs nothing', () => {
  const clock = createTestClock(0);
  let runs = 0;
  clock.setTimeout(() => {
    runs += 1;
  }, 10);
  clock.jump(1_000_000);
  assert.deepEqual([clock.now(), runs], [1_000_000, 0]);
  clock.advance(10);
  assert.equal(runs, 1);
});
