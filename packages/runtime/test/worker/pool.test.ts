import assert from 'node:assert/strict';
import { test } from 'node:test';
import { get, request, startMany, textOf, withCode } from './pool-support.ts';

test('an instance is used again, and a fresh one for every call where that is wanted', async (context) => {
  const reused = await startMany(context);
  assert.deepEqual(
    [await get(reused, '/1'), await get(reused, '/1'), await get(reused, '/1')],
    ['1', '2', '3'],
  );
  const fresh = await startMany(context, { instancePolicy: 'fresh' });
  assert.deepEqual([await get(fresh, '/1'), await get(fresh, '/1'), await get(fresh, '/1')], ['1', '1', '1']);
});

test('calls that come together share one instance as long as none of them waits', async (context) => {
  const pool = await startMany(context);
  const answers = await Promise.all(Array.from({ length: 9 }, () => get(pool, '/1')));
  assert.deepEqual(answers, ['1', '2', '3', '4', '5', '6', '7', '8', '9']);
  assert.equal(pool.stats().inFlight, 0);
});

test('a waiting call does not hold up the others', async (context) => {
  const pool = await startMany(context, { limits: { instances: 2 } });
  const ended: string[] = [];
  const waiting = get(pool, '/w').then(() => ended.push('waiting'));
  await get(pool, '/1').then(() => ended.push('quick'));
  await waiting;
  assert.deepEqual(ended, ['quick', 'waiting']);
});

test('the status, the headers and an unread body', async (context) => {
  const pool = await startMany(context);
  const response = await pool.handleHttp(request('/1', Buffer.from('ignored')));
  assert.equal(response.status, 200);
  assert.deepEqual(response.headers, []);
  assert.equal(await textOf(response), '1');
});

test('environment is empty inside, and config is what was set last', async (context) => {
  const pool = await startMany(context, { config: { greeting: 'hello' } });
  assert.equal(await get(pool, '/v'), '0');
  assert.equal(await get(pool, '/c'), 'hello');
  pool.setConfig({ greeting: 'bonjour' });
  assert.equal(await get(pool, '/c'), 'bonjour');
});

test('a trap fails its call and replaces the instance', async (context) => {
  const pool = await startMany(context);
  assert.equal(await get(pool, '/1'), '1');
  await assert.rejects(get(pool, '/t'), withCode('ERR_TRAP_GUEST'));
  await assert.rejects(get(pool, '/r'), withCode('ERR_TRAP_STACK'));
  await assert.rejects(get(pool, '/x'), withCode('ERR_COMPONENT_EXITED'));
  assert.equal(await get(pool, '/1'), '1');
  assert.equal(pool.stats().restarts, 0);
});

test('answers that are none have their own codes', async (context) => {
  const pool = await startMany(context);
  await assert.rejects(get(pool, '/n'), withCode('ERR_COMPONENT_NO_RESPONSE'));
  await assert.rejects(get(pool, '/z'), withCode('ERR_COMPONENT_RESPONSE', 'internal-error'));
  // A guest that was held up may end before its head is sent: then the call itself fails.
  await assert.rejects(get(pool, '/h'), withCode('ERR_COMPONENT_NO_RESPONSE'));
  assert.equal(await get(pool, '/1'), '3');
});

test('a guest that answers only once per instance gets a new one for every call', async (context) => {
  const pool = await startMany(context);
  const answers: string[] = [];
  for (let count = 0; count < 4; count += 1) answers.push(await get(pool, '/o'));
  assert.deepEqual(answers, ['1', '1', '1', '1']);
  assert.equal(await get(pool, '/1'), '1');
  const posting = await startMany(context);
  const post = async (): Promise<string> =>
    textOf(await posting.handleHttp(request('/o', new Uint8Array(1))));
  assert.equal(await post(), '1');
  await assert.rejects(post(), withCode('ERR_COMPONENT_NO_RESPONSE'));
  assert.equal(await post(), '1');
  await assert.rejects(post(), withCode('ERR_COMPONENT_NO_RESPONSE'));
  assert.deepEqual([await post(), await post(), await post()], ['1', '1', '1']);
});

test('memory without end gets its own code, and the next call a new instance', async (context) => {
  const pool = await startMany(context, { limits: { memoryBytes: 4 * 1024 * 1024 } });
  await assert.rejects(get(pool, '/m'), withCode('ERR_COMPONENT_OUT_OF_MEMORY'));
  assert.equal(await get(pool, '/1'), '1');
});

test('an instance that keeps handles is replaced', async (context) => {
  const pool = await startMany(context, { limits: { handlesKept: 20 } });
  for (let count = 0; count < 32; count += 1) await get(pool, '/k');
  // Looked at after every 16th call: the second look finds 32 handles.
  assert.equal(await get(pool, '/1'), '1');
});

test('a full queue refuses at once', async (context) => {
  const pool = await startMany(context, { limits: { queue: 2, instances: 1 } });
  const open = [get(pool, '/w'), get(pool, '/w')];
  await assert.rejects(get(pool, '/1'), withCode('ERR_COMPONENT_QUEUE_FULL'));
  await Promise.all(open);
  assert.equal(await get(pool, '/1'), '3');
});

test('two workers take calls', async (context) => {
  const pool = await startMany(context, { workers: 2 });
  const answers = await Promise.all(Array.from({ length: 20 }, () => get(pool, '/1')));
  assert.equal(answers.length, 20);
  while (pool.stats().workers < 2) await get(pool, '/w');
  const both = await Promise.all([get(pool, '/w'), get(pool, '/w')]);
  assert.equal(both.length, 2);
});

test('after stop nothing is answered any more', async (context) => {
  const pool = await startMany(context);
  const waiting = assert.rejects(get(pool, '/W'), withCode('ERR_COMPONENT_STOPPED'));
  await pool.stop();
  await waiting;
  await assert.rejects(get(pool, '/1'), withCode('ERR_COMPONENT_STOPPED'));
});

test('a call that did something to be seen is not made again', async (context) => {
  const lines: string[] = [];
  const pool = await startMany(context, { onLog: ({ message }) => lines.push(message) });
  await get(pool, '/1');
  await assert.rejects(get(pool, '/N'), withCode('ERR_COMPONENT_NO_RESPONSE'));
  assert.equal(lines.length, 1);
});
