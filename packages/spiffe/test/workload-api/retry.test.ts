import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { computeRetryDelay } from '../../src/workload-api/retry.ts';

test('delays double from 1 s to 30 s by default', () => {
  const delays = [1, 2, 3, 4, 5, 6, 7, 1000].map((failures) => computeRetryDelay(failures, { jitter: 0 }));
  assert.deepEqual(delays, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
});

test('jitter takes off up to its part', () => {
  assert.equal(
    computeRetryDelay(1, {}, () => 0),
    1000,
  );
  assert.equal(
    computeRetryDelay(1, {}, () => 1),
    800,
  );
  assert.equal(
    computeRetryDelay(1, { jitter: 1 }, () => 1),
    0,
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 100 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (failures, jitter) => {
        const delay = computeRetryDelay(failures, { initialDelayMs: 10, maxDelayMs: 500, jitter })!;
        assert.ok(delay >= Math.floor(10 * (1 - jitter)) && delay <= 500);
      },
    ),
  );
});

test('there is no try beyond the attempts', () => {
  assert.equal(computeRetryDelay(2, { attempts: 3, initialDelayMs: 5, jitter: 0 }), 10);
  assert.equal(computeRetryDelay(3, { attempts: 3 }), undefined);
});
