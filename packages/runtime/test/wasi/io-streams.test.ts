import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IncomingBytes, OutgoingBytes, bodyWindowBytes } from '../../src/wasi/http-body.ts';
import { IoError } from '../../src/wasi/io-error.ts';
import { InputStream, OutputStream, emptySource, maxBlockingWriteBytes } from '../../src/wasi/io-streams.ts';
import { WaitScope } from '../../src/wasi/wait.ts';
import { bytes, isTrap, payloadOf, text } from './support.ts';

const scope = new WaitScope();

function incoming(): { source: IncomingBytes; stream: InputStream; read: number[] } {
  const read: number[] = [];
  const source = new IncomingBytes((count) => read.push(count));
  return { source, stream: new InputStream(source, scope), read };
}

test('read gives what is there, in pieces no larger than asked, and reports it', () => {
  const { source, stream, read } = incoming();
  source.push(bytes('hello'));
  source.push(bytes('world'));
  assert.equal(text(stream.read(3n)), 'hel');
  assert.equal(text(stream.read(100n)), 'lo');
  assert.equal(stream.skip(2n), 2n);
  assert.equal(text(stream.read(2n ** 64n - 1n)), 'rld');
  assert.deepEqual(read, [10]);
  assert.equal(stream.read(10n).length, 0);
});

test('reading is reported in large pieces, and reading nothing never', () => {
  const { source, stream, read } = incoming();
  source.push(new Uint8Array(bodyWindowBytes));
  for (let count = 0; count < 100; count += 1) stream.read(0n);
  for (let count = 0; count < 1024; count += 1) stream.read(256n);
  assert.equal(read.length, 8);
  assert.equal(
    read.reduce((sum, bytes) => sum + bytes),
    bodyWindowBytes,
  );
});

test('the end is told once everything is read', () => {
  const { source, stream } = incoming();
  source.push(bytes('x'));
  source.end();
  source.push(bytes('late'));
  assert.equal(text(stream.read(10n)), 'x');
  assert.deepEqual(
    payloadOf(() => stream.read(10n)),
    { tag: 'closed' },
  );
});

test('a failed source gives last-operation-failed with the error', () => {
  const { source, stream } = incoming();
  const error = new IoError('gone', { tag: 'connection-terminated' });
  source.end(error);
  assert.deepEqual(
    payloadOf(() => stream.read(1n)),
    { tag: 'last-operation-failed', val: error },
  );
});

test('blocking-read waits for the first bytes, and does not wait when they are there', async () => {
  const { source, stream } = incoming();
  const waiting = stream.blockingRead(10n);
  assert.ok(waiting instanceof Promise);
  source.push(bytes('later'));
  assert.equal(text(await waiting), 'later');
  source.push(bytes('now'));
  assert.ok(stream.blockingRead(10n) instanceof Uint8Array);
  const end = stream.blockingSkip(10n);
  source.end();
  await assert.rejects(Promise.resolve(end));
});

test('dropping a stream says that nobody reads on, once', () => {
  const { source, stream, read } = incoming();
  source.push(bytes('unread'));
  stream[Symbol.dispose]();
  source.close();
  assert.deepEqual(read, [-1]);
});

test('the empty source is at its end', () => {
  assert.deepEqual(
    payloadOf(() => new InputStream(emptySource, scope).read(1n)),
    { tag: 'closed' },
  );
});

test('write needs the permission of check-write', () => {
  const stream = new OutputStream(new OutgoingBytes(undefined), scope);
  assert.throws(() => stream.write(bytes('x')), isTrap('ERR_TRAP_WASI'));
  assert.equal(stream.checkWrite(), BigInt(bodyWindowBytes));
  stream.write(new Uint8Array(bodyWindowBytes - 1));
  assert.throws(() => stream.write(bytes('xy')), isTrap('ERR_TRAP_WASI'));
  assert.equal(stream.checkWrite(), 1n);
});

test('blocking-write-and-flush waits for room, a piece at a time', async () => {
  const sink = new OutgoingBytes(undefined);
  const stream = new OutputStream(sink, scope);
  stream.checkWrite();
  stream.write(new Uint8Array(bodyWindowBytes - 3));
  const waiting = stream.blockingWriteAndFlush(bytes('hello'));
  assert.ok(waiting instanceof Promise);
  await Promise.resolve();
  assert.equal(sink.take()?.length, bodyWindowBytes);
  assert.equal(sink.isReady(), false);
  sink.credit(bodyWindowBytes);
  await waiting;
  assert.equal(text(sink.take() ?? bytes('')), 'lo');
});

test('blocking writes take at most 4096 bytes', () => {
  const stream = new OutputStream(new OutgoingBytes(undefined), scope);
  assert.equal(stream.blockingWriteAndFlush(new Uint8Array(maxBlockingWriteBytes)), undefined);
  assert.throws(
    () => stream.blockingWriteAndFlush(new Uint8Array(maxBlockingWriteBytes + 1)),
    isTrap('ERR_TRAP_WASI'),
  );
  assert.throws(() => stream.blockingWriteZeroesAndFlush(2n ** 40n), isTrap('ERR_TRAP_WASI'));
  assert.equal(stream.blockingWriteZeroesAndFlush(5n), undefined);
});

test('write-zeroes cannot ask for more than was allowed', () => {
  const stream = new OutputStream(new OutgoingBytes(undefined), scope);
  stream.checkWrite();
  assert.throws(() => stream.writeZeroes(2n ** 63n), isTrap('ERR_TRAP_WASI'));
});

test('splice moves what is there and fits', async () => {
  const { source, stream } = incoming();
  const sink = new OutgoingBytes(undefined);
  const out = new OutputStream(sink, scope);
  source.push(bytes('abcdef'));
  assert.equal(out.splice(stream, 4n), 4n);
  assert.equal(await out.blockingSplice(stream, 100n), 2n);
  assert.equal(text(sink.take() ?? bytes('')), 'abcdef');
});

test('a finished or failed sink refuses writes', () => {
  const sink = new OutgoingBytes(undefined);
  const stream = new OutputStream(sink, scope);
  sink.finish();
  assert.deepEqual(
    payloadOf(() => stream.checkWrite()),
    { tag: 'closed' },
  );
  const failed = new OutgoingBytes(undefined);
  const error = new IoError('nobody reads');
  failed.fail(error);
  assert.deepEqual(
    payloadOf(() => new OutputStream(failed, scope).flush()),
    {
      tag: 'last-operation-failed',
      val: error,
    },
  );
});
