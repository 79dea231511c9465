import assert from 'node:assert/strict';
import { test } from 'node:test';
import { workerFailed } from '../../src/worker/failures.ts';

test('the end of a worker is told by its reason', () => {
  const memory: NodeJS.ErrnoException = Object.assign(new Error('heap'), {
    code: 'ERR_WORKER_OUT_OF_MEMORY',
  });
  assert.equal(workerFailed(memory).code, 'ERR_COMPONENT_OUT_OF_MEMORY');
  const other = new Error('other');
  assert.equal(workerFailed(other).code, 'ERR_COMPONENT_WORKER');
  assert.equal(workerFailed(other).cause, other);
  assert.equal(workerFailed().code, 'ERR_COMPONENT_WORKER');
});
