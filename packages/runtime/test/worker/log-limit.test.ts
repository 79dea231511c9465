import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogLimit } from '../../src/worker/log-limit.ts';

test('lines beyond the limit of a second are counted, and told with the next second', () => {
  let now = 0;
  const lines: string[] = [];
  const dropped: number[] = [];
  const limit = new LogLimit(
    2,
    (_level, _context, message) => lines.push(message),
    (count) => dropped.push(count),
    () => now,
  );
  for (const message of ['a', 'b', 'c', 'd']) limit.write('info', '', message);
  assert.deepEqual(lines, ['a', 'b']);
  now = 1000;
  limit.write('info', '', 'e');
  assert.deepEqual(lines, ['a', 'b', 'e']);
  assert.deepEqual(dropped, [2]);
  limit.report();
  assert.deepEqual(dropped, [2]);
});
