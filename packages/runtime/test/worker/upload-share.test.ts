import assert from 'node:assert/strict';
import { test } from 'node:test';
import { uploadShareOf } from '../../src/worker/upload-share.ts';

test('uploads get half of the instances, at least one, and never all of several', () => {
  const shares = [
    [1, 1, 1, 1],
    [2, 1, 1, 1],
    [16, 1, 8, 8],
    [3, 2, 3, 1],
    [1, 2, 1, 1],
    [1, 4, 2, 1],
  ] as const;
  for (const [instances, workers, inPool, inWorker] of shares) {
    const share = uploadShareOf(instances, workers);
    assert.deepEqual(
      [share.inPool, share.inWorker],
      [inPool, inWorker],
      `${workers} workers of ${instances}`,
    );
  }
});
