import assert from 'node:assert/strict';
import { test } from 'node:test';
import { componentLimits } from '../../src/component/limits.ts';

const defaults = {
  memoryBytes: 1000,
  deadlineMs: 500,
  maxInstances: 8,
  instancePolicy: 'reuse',
  workers: 2,
} as const;

test('count is spread over the workers and bounded by the host', () => {
  const spread = (count: number): [number, number | undefined] => {
    const { workers, pool } = componentLimits(defaults, count, undefined);
    return [workers, pool.instances];
  };
  assert.deepEqual(spread(1), [1, 1]);
  assert.deepEqual(spread(2), [2, 1]);
  assert.deepEqual(spread(5), [2, 3]);
  assert.deepEqual(spread(4_294_967_295), [2, 4]);
});

test('a command lowers memory and time and never raises them', () => {
  const asked = (memory: string, time: string) =>
    componentLimits(defaults, 1, { max_memory_limit: memory, max_execution_time: time }).pool;
  assert.deepEqual([asked('10', '20').memoryBytes, asked('10', '20').deadlineMs], [10, 20]);
  assert.deepEqual([asked('9999', '9999').memoryBytes, asked('9999', '9999').deadlineMs], [1000, 500]);
});

for (const text of ['', '0', '-1', '1.5', '1e3', '0x10', ' 1', 'much', '9'.repeat(16)]) {
  test(`"${text}" is no limit`, () => {
    assert.throws(() => componentLimits(defaults, 1, { max_memory_limit: text }), {
      code: 'ERR_COMPONENT_LIMIT_INVALID',
    });
  });
}

test('limits this host does not know are left alone', () => {
  assert.equal(componentLimits(defaults, 1, { max_something: 'x' }).pool.memoryBytes, 1000);
});
