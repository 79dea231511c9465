import assert from 'node:assert/strict';
import { test } from 'node:test';
import { queryObjects } from 'node:v8';

import * as fc from 'fast-check';

import { encodeGrpcFrame, GrpcFrameReader } from '../../../src/wire/grpc/framing.ts';

test('messages come out as they went in, however the stream is cut', () => {
  const anyBytes = fc.uint8Array({ maxLength: 40 });
  fc.assert(
    fc.property(fc.array(anyBytes, { maxLength: 20 }), fc.array(fc.nat(60)), (messages, cuts) => {
      const stream = Buffer.concat(messages.map(encodeGrpcFrame));
      const reader = new GrpcFrameReader(64);
      const read: Uint8Array[] = [];
      let at = 0;
      for (const cut of [...cuts, stream.length]) {
        read.push(...reader.push(stream.subarray(at, at + cut)));
        at = Math.min(stream.length, at + cut);
      }
      assert.deepEqual(
        read.map((bytes) => Buffer.from(bytes)),
        messages.map((bytes) => Buffer.from(bytes)),
      );
      assert.equal(reader.isAtBoundary, true);
    }),
  );
});

test('the messages of one chunk are views into it: many small ones cost no copy of the rest each', () => {
  const chunk = Buffer.concat(Array.from({ length: 1000 }, () => encodeGrpcFrame(Uint8Array.of(1, 2))));
  const messages = new GrpcFrameReader(64).push(chunk);
  assert.equal(messages.length, 1000);
  assert.ok(messages.every((bytes) => bytes.buffer === chunk.buffer));
});

test('a message in frames of one byte each takes its bytes, and no object per byte', () => {
  class Chunk extends Uint8Array {}
  const stream = encodeGrpcFrame(Buffer.alloc(20_000, 7));
  const reader = new GrpcFrameReader(65_536);
  for (const byte of stream.subarray(0, -1)) {
    assert.deepEqual(reader.push(Chunk.of(byte)), []);
  }
  // Makes garbage collection run.
  assert.ok(Number(queryObjects(Chunk)) < 10);
  const rest = encodeGrpcFrame(Uint8Array.of(1, 2));
  const [message, next] = reader.push(Buffer.concat([Uint8Array.of(7), rest, Uint8Array.of(0)]));
  assert.deepEqual(message, Buffer.alloc(20_000, 7));
  assert.deepEqual(next, Buffer.of(1, 2));
  reader.push(Buffer.of(0, 0, 0, 1));
  assert.deepEqual(reader.push(Buffer.of(9)), [Buffer.of(9)]);
  assert.deepEqual([message?.at(-1), next?.at(-1)], [7, 2], 'what was given away is not written to again');
  assert.ok(reader.isAtBoundary);
});
