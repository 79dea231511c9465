import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Outbox, detachable } from '../../src/worker/channel.ts';

test('messages of one turn leave together, large bytes are handed over', () => {
  const posted: { value: unknown; transfer: readonly unknown[] | undefined }[] = [];
  let flush: (() => void) | undefined;
  let schedules = 0;
  const outbox = new Outbox<readonly [number, ...unknown[]]>(
    { postMessage: (value, transfer) => posted.push({ value, transfer }) },
    (fn) => {
      schedules += 1;
      flush = fn;
    },
  );
  const small = new Uint8Array(10);
  const large = new Uint8Array(100_000);
  outbox.send([1]);
  outbox.send([2, small], small);
  outbox.send([3, large], large);
  flush?.();
  flush?.();
  assert.equal(schedules, 1);
  assert.deepEqual(posted, [{ value: [[1], [2, small], [3, large]], transfer: [large.buffer] }]);
  outbox.send([4]);
  assert.equal(schedules, 2);
});

test('bytes that share a buffer, or belong to somebody else, are copied', () => {
  const own = new Uint8Array(8);
  assert.equal(detachable(own, true), own);
  assert.notEqual(detachable(own, false), own);
  const view = new Uint8Array(64).subarray(8, 16);
  const copy = detachable(view, true);
  assert.equal(copy.buffer.byteLength, 8);
  assert.equal(detachable(Buffer.from('abc'), true).constructor, Uint8Array);
});

test('many messages do not wait for the end of the turn', () => {
  const posted: unknown[] = [];
  const outbox = new Outbox<readonly [number]>({ postMessage: (value) => posted.push(value) }, () => {});
  for (let count = 0; count < 8; count += 1) outbox.send([count]);
  assert.equal(posted.length, 1);
  outbox.flush();
  assert.equal(posted.length, 1);
});
