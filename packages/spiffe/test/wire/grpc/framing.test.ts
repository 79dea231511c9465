import assert from 'node:assert/strict';
import { test } from 'node:test';

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
