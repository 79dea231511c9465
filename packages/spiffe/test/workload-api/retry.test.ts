import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createTestClock } from '@muster/testing';
import * as fc from 'fast-check';

import { GRPC_STATUS, GrpcStatusError } from '../../src/wire/index.ts';
import type { RetryOptions } from '../../src/index.ts';
import { computeRetryDelay } from '../../src/workload-api/retry.ts';
import { keepOpen } from '../../src/workload-api/watch.ts';
import { until } from './support.ts';

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

test('an endpoint that is away is tried at least every 5 s, one that denies ever less often', async () => {
  const follow = async (makeError: () => Error, retry: RetryOptions = { jitter: 0 }): Promise<number[]> => {
    const clock = createTestClock();
    const delays: number[] = [];
    const closing = new AbortController();
    const ended = keepOpen(
      {
        open: () => failingStream(makeError()),
        deliver: () => true,
        report: (_error, retryInMs) => {
          delays.push(retryInMs!);
        },
        retry,
        clock,
      },
      closing.signal,
    );
    await until(() => {
      clock.advance(1000);
      return delays.length === 7;
    });
    closing.abort();
    await ended;
    return delays;
  };
  const away = await follow(() => new GrpcStatusError(GRPC_STATUS.UNAVAILABLE, 'away'));
  assert.deepEqual(away, [1000, 2000, 4000, 5000, 5000, 5000, 5000]);
  const chosen = await follow(() => new GrpcStatusError(GRPC_STATUS.UNAVAILABLE, 'away'), {
    jitter: 0,
    maxDelayMs: 9000,
  });
  assert.deepEqual(chosen.slice(0, 5), [1000, 2000, 4000, 8000, 9000]);
  const denied = await follow(() => new GrpcStatusError(GRPC_STATUS.PERMISSION_DENIED, 'denied'));
  assert.deepEqual(denied, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
});

async function* failingStream(error: Error): AsyncGenerator<Uint8Array> {
  await Promise.reject(error);
  yield new Uint8Array(0);
}
