import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ComponentError } from '../../src/errors.ts';
import { ResponseStream } from '../../src/worker/response-stream.ts';

const failure = new ComponentError('ERR_COMPONENT_DEADLINE', 'late');

test('chunks come out in order and each read gives credit', async () => {
  const read: number[] = [];
  const stream = new ResponseStream((bytes) => read.push(bytes));
  const iterator = stream[Symbol.asyncIterator]();
  const waiting = iterator.next();
  stream.push(Uint8Array.of(1));
  stream.push(Uint8Array.of(2, 3));
  assert.deepEqual(read, [1]);
  assert.deepEqual((await waiting).value, Uint8Array.of(1));
  assert.deepEqual((await iterator.next()).value, Uint8Array.of(2, 3));
  assert.deepEqual(read, [1, 2]);
  const last = iterator.next();
  stream.end();
  assert.equal((await last).done, true);
  assert.equal((await iterator.next()).done, true);
});

test('a failure comes after the chunks that came before it', async () => {
  const stream = new ResponseStream(() => {});
  stream.push(Uint8Array.of(1));
  stream.end(failure);
  stream.push(Uint8Array.of(2));
  const iterator = stream[Symbol.asyncIterator]();
  assert.equal((await iterator.next()).done, false);
  await assert.rejects(iterator.next(), failure);
});

test('a waiting reader hears of the failure', async () => {
  const stream = new ResponseStream(() => {});
  const waiting = stream[Symbol.asyncIterator]().next();
  stream.end(failure);
  await assert.rejects(waiting, failure);
});

test('a reader that leaves is told to the other side once', async () => {
  const read: number[] = [];
  const stream = new ResponseStream((bytes) => read.push(bytes));
  stream.push(Uint8Array.of(1));
  stream.push(Uint8Array.of(2));
  for await (const chunk of stream) {
    assert.equal(chunk[0], 1);
    break;
  }
  await stream[Symbol.asyncIterator]().return?.();
  assert.deepEqual(read, [1, -1]);
});
