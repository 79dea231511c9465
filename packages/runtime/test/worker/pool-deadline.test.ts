import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bodyWindowBytes } from '../../src/wasi/http-body.ts';
import { get, request, startMany, textOf, withCode } from './pool-support.ts';

// Long enough for what is to succeed, also on a machine that stalls.
const limits = { deadlineMs: 500 };

test('a call that spins is answered at its deadline, its worker replaced, and the calls behind it tried again', async (context) => {
  const pool = await startMany(context, { limits });
  const begin = performance.now();
  const spinning = assert.rejects(get(pool, '/s'), withCode('ERR_COMPONENT_DEADLINE'));
  const behind = Array.from({ length: 5 }, () => get(pool, '/1'));
  await spinning;
  assert.ok(performance.now() - begin >= limits.deadlineMs);
  assert.deepEqual(await Promise.all(behind), ['1', '2', '3', '4', '5']);
  assert.equal(pool.stats().restarts, 1);
});

test('a spin inside a bulk memory operation ends too', async (context) => {
  const pool = await startMany(context, { limits });
  await assert.rejects(get(pool, '/f'), withCode('ERR_COMPONENT_DEADLINE'));
  assert.equal(await get(pool, '/1'), '1');
});

test('a call that merely waits is ended without its worker', async (context) => {
  const pool = await startMany(context, { limits: { ...limits, graceMs: 30_000 } });
  await assert.rejects(get(pool, '/W'), withCode('ERR_COMPONENT_DEADLINE'));
  assert.equal(await get(pool, '/1'), '1');
  assert.equal(pool.stats().restarts, 0);
});

test('a response that has begun breaks off at the deadline', async (context) => {
  const pool = await startMany(context, { limits });
  const response = await pool.handleHttp(request('/p'));
  assert.equal(response.status, 200);
  await assert.rejects(textOf(response), withCode('ERR_COMPONENT_DEADLINE'));
});

test('with two workers the other one goes on meanwhile', async (context) => {
  const pool = await startMany(context, { limits: { deadlineMs: 400 }, workers: 2 });
  // The second worker becomes ready after the pool does.
  while (pool.stats().workers < 2) await get(pool, '/w');
  let isSpinning = true;
  const spinning = assert.rejects(get(pool, '/s'), withCode('ERR_COMPONENT_DEADLINE')).then(() => {
    isSpinning = false;
  });
  await get(pool, '/1');
  assert.equal(isSpinning, true);
  await spinning;
});

test('the aborted call of a client ends, also in the guest', async (context) => {
  const pool = await startMany(context);
  const controller = new AbortController();
  const waiting = assert.rejects(get(pool, '/W', controller.signal), withCode('ERR_COMPONENT_ABORTED'));
  assert.equal(await get(pool, '/1'), '1');
  controller.abort();
  await waiting;
  // The instance that waited is gone; the other one answers.
  assert.equal(await get(pool, '/1'), '2');
  assert.equal(pool.stats().inFlight, 0);
  await assert.rejects(get(pool, '/1', AbortSignal.abort()), withCode('ERR_COMPONENT_ABORTED'));
});

test('an aborted call that comes to its end all the same leaves nothing to the next one', async (context) => {
  const pool = await startMany(context, { limits: { instances: 1 } });
  const controller = new AbortController();
  // One piece more than the window, so that the echo waits for the reader once, at its end.
  async function* body(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(bodyWindowBytes + 4096);
  }
  const response = await pool.handleHttp(request('/e', body()), { signal: controller.signal });
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.ok(response.body !== undefined && !(response.body instanceof Uint8Array));
  // Its credit and the cancellation travel together.
  await response.body[Symbol.asyncIterator]().next();
  controller.abort();
  assert.equal(await get(pool, '/w'), '1');
});

test('a call that spins is ended at its deadline though its client has gone', async (context) => {
  const pool = await startMany(context, { limits });
  const controller = new AbortController();
  const spinning = assert.rejects(get(pool, '/s', controller.signal), withCode('ERR_COMPONENT_ABORTED'));
  // Once it has begun.
  await new Promise((resolve) => setTimeout(resolve, 20));
  controller.abort();
  await spinning;
  assert.equal(await get(pool, '/1'), '1');
  assert.equal(pool.stats().restarts, 1);
});

test('a call that has answered and then spins is ended without a further call', async (context) => {
  const pool = await startMany(context, { limits: { deadlineMs: 3_000 } });
  assert.equal(await get(pool, '/S'), '0');
  while (pool.stats().restarts === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(pool.stats().inFlight, 0);
});

test('an answer that came while the host stalled counts, however late it is read', async (context) => {
  const pool = await startMany(context, { limits });
  const answer = get(pool, '/S');
  await new Promise((resolve) => setImmediate(resolve));
  const until = performance.now() + 2 * limits.deadlineMs;
  while (performance.now() < until);
  assert.equal(await answer, '0');
});

test('an aborted call that had not begun never begins', async (context) => {
  const pool = await startMany(context, { limits: { instances: 1 } });
  const controller = new AbortController();
  const first = get(pool, '/w');
  const second = assert.rejects(get(pool, '/t', controller.signal), withCode('ERR_COMPONENT_ABORTED'));
  controller.abort();
  await second;
  await first;
  assert.equal(await get(pool, '/1'), '2');
});

test('a worker that replaces another one has the configuration set meanwhile', async (context) => {
  const pool = await startMany(context, { limits, config: { greeting: 'old' } });
  const spinning = assert.rejects(get(pool, '/s'), withCode('ERR_COMPONENT_DEADLINE'));
  pool.setConfig({ greeting: 'new' });
  await spinning;
  while (pool.stats().restarts === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(await get(pool, '/c'), 'new');
});

test('aborting a response that has begun breaks it off and frees the instance', async (context) => {
  const pool = await startMany(context, { limits: { instances: 1 } });
  const controller = new AbortController();
  const response = await pool.handleHttp(request('/p'), { signal: controller.signal });
  controller.abort();
  await assert.rejects(textOf(response), withCode('ERR_COMPONENT_ABORTED'));
  assert.equal(await get(pool, '/1'), '1');
});
