import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { ComponentPool } from '../../src/worker/types.ts';
import { get, request, startMany, textOf, withCode } from './pool-support.ts';

interface Upload {
  /** The echo of the body. */
  readonly answer: Promise<string>;
  isRead: boolean;
  end(): void;
}

/** Echoes a body of which nothing comes until `end`. */
function upload(pool: ComponentPool, signal?: AbortSignal): Upload {
  const ended = Promise.withResolvers<void>();
  async function* body(): AsyncGenerator<Uint8Array> {
    one.isRead = true;
    await ended.promise;
    yield Buffer.from('x');
  }
  const one: { isRead: boolean; end(): void } = { isRead: false, end: ended.resolve };
  const options = signal === undefined ? {} : { signal };
  return Object.assign(one, { answer: pool.handleHttp(request('/e', body()), options).then(textOf) });
}

const readCount = (uploads: readonly Upload[]): number => uploads.filter(({ isRead }) => isRead).length;

async function untilRead(uploads: readonly Upload[], count: number): Promise<void> {
  while (readCount(uploads) < count) await setTimeout(1);
}

test('clients that stall hold half of the instances, and the calls of others go on', async (context) => {
  const pool = await startMany(context);
  const uploads = Array.from({ length: 40 }, () => upload(pool));
  await untilRead(uploads, 8);
  const small = Buffer.from('whole');
  const others = Array.from({ length: 20 }, () => get(pool, '/w'));
  assert.equal(await textOf(await pool.handleHttp(request('/e', small))), 'whole');
  assert.equal((await Promise.all(others)).length, 20);
  assert.equal(readCount(uploads), 8);
  assert.deepEqual([pool.stats().inFlight, pool.stats().queued], [8, 32]);
  for (const { end } of uploads) end();
  assert.deepEqual(new Set(await Promise.all(uploads.map(({ answer }) => answer))), new Set(['x']));
});

test('a call counts no longer once its body is there, though it goes on', async (context) => {
  const pool = await startMany(context, { limits: { instances: 2, deadlineMs: 5_000 } });
  async function* body(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('x');
  }
  const running = assert.rejects(pool.handleHttp(request('/W', body())), withCode('ERR_COMPONENT_STOPPED'));
  const next = upload(pool);
  next.end();
  assert.equal(await next.answer, 'x');
  await pool.stop();
  await running;
});

test('with one instance a waiting upload does not bar the calls behind it for ever', async (context) => {
  const pool = await startMany(context, { limits: { instances: 1 } });
  const uploads = [upload(pool), upload(pool)];
  await untilRead(uploads, 1);
  const plain = get(pool, '/1');
  uploads[0]!.end();
  assert.equal(await plain, '2');
  uploads[1]!.end();
  assert.equal(await uploads[1]!.answer, 'x');
});

test('of workers with one instance each, one is kept free of uploads', async (context) => {
  const pool = await startMany(context, { limits: { instances: 1 }, workers: 2 });
  while (pool.stats().workers < 2) await get(pool, '/w');
  const uploads = [upload(pool), upload(pool), upload(pool)];
  await untilRead(uploads, 1);
  const others = Array.from({ length: 10 }, () => get(pool, '/1'));
  assert.equal((await Promise.all(others)).length, 10);
  assert.equal(readCount(uploads), 1);
  for (const { end } of uploads) end();
  await Promise.all(uploads.map(({ answer }) => answer));
});

test('uploads that wait fill half of the queue at most, and leave it when aborted', async (context) => {
  const pool = await startMany(context, { limits: { instances: 2, queue: 6 } });
  const controller = new AbortController();
  const uploads = Array.from({ length: 4 }, () => upload(pool, controller.signal));
  const outcomes = uploads.map(({ answer }) => assert.rejects(answer, withCode('ERR_COMPONENT_ABORTED')));
  await assert.rejects(upload(pool).answer, withCode('ERR_COMPONENT_QUEUE_FULL'));
  await get(pool, '/1');
  controller.abort();
  for (const { end } of uploads) end();
  await Promise.all(outcomes);
  assert.equal(pool.stats().queued, 0);
});

test('an upload that stalls loses its turn at the deadline', async (context) => {
  const pool = await startMany(context, { limits: { instances: 2, deadlineMs: 100 } });
  const uploads = Array.from({ length: 3 }, () => upload(pool));
  const outcomes = uploads.map(({ answer }) => assert.rejects(answer, withCode('ERR_COMPONENT_DEADLINE')));
  await Promise.all(outcomes);
  for (const { end } of uploads) end();
  assert.equal(pool.stats().queued, 0);
});
