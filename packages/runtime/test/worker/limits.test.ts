import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultLimits, waitMsOf } from '../../src/worker/limits.ts';

test('a call may wait while two calls run, and while a worker starts', () => {
  assert.equal(waitMsOf(defaultLimits), 60_000);
  assert.equal(waitMsOf({ ...defaultLimits, deadlineMs: 100 }), 5_000);
});
