import assert from 'node:assert/strict';
import { test } from 'node:test';

import { decodeGrpcMessage, encodeGrpcMessage } from '../../../src/wire/grpc/status.ts';

test('the text of a status comes out as it went in', () => {
  for (const text of ['no identity issued', '100 % naïve: 漢字', '']) {
    assert.equal(decodeGrpcMessage(encodeGrpcMessage(text)), text);
  }
  assert.equal(decodeGrpcMessage('100% broken'), '100% broken');
});

test('the text of a status makes no line of its own in a log, and no page', () => {
  const forged = encodeGrpcMessage('no\r\n12:00 INFO welcome admin\u001b[2J\u202e\u2028\u0000');
  assert.equal(
    decodeGrpcMessage(forged),
    String.raw`no\u000d\u000a12:00 INFO welcome admin\u001b[2J\u202e\u2028\u0000`,
  );
  assert.equal(decodeGrpcMessage('x'.repeat(50_000)), `${'x'.repeat(1024)}...`);
});
