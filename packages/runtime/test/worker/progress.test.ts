import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Progress, monotonicMs } from '../../src/worker/progress.ts';

test('what one side writes the other side sees', () => {
  const main = new Progress(3);
  const worker = new Progress(3, main.buffer);
  assert.equal(main.slots, 3);
  worker.countBegun();
  worker.countBegun();
  const before = monotonicMs();
  worker.enter(2, 7);
  assert.deepEqual(
    [1, 2, 3].map((call) => main.hasBegun(call)),
    [true, true, false],
  );
  assert.equal(main.callIn(2), 7);
  assert.ok(main.sinceOf(2) >= before);
  worker.leave(2);
  assert.equal(main.callIn(2), 0);
  assert.equal(main.callIn(99), 0);
});

test('the count of calls begun wraps around', () => {
  const progress = new Progress(1);
  new Int32Array(progress.buffer, 0, 1)[0] = 2 ** 31 - 1;
  progress.countBegun();
  assert.ok(progress.hasBegun(2 ** 31));
  assert.ok(!progress.hasBegun(2 ** 31 + 1));
  new Int32Array(progress.buffer, 0, 1)[0] = -1;
  progress.countBegun();
  assert.ok(progress.hasBegun(2 ** 32));
  assert.ok(!progress.hasBegun(2 ** 32 + 1));
});
