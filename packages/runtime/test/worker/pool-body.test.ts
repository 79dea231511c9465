import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { HttpResponse } from '../../src/worker/types.ts';
import { get, request, startMany, textOf, withCode } from './pool-support.ts';

const limits = { memoryBytes: 1024 * 1024 };
const mebibyte = 1024 * 1024;

async function* pieces(data: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < data.length; start += size) {
    yield await Promise.resolve(data.subarray(start, start + size));
  }
}

async function digestOf(response: HttpResponse): Promise<string> {
  const hash = createHash('sha256');
  const { body } = response;
  if (body instanceof Uint8Array) hash.update(body);
  else if (body !== undefined) for await (const chunk of body) hash.update(chunk);
  return hash.digest('hex');
}

test('a body larger than the memory of the guest streams through it unchanged', async (context) => {
  const pool = await startMany(context, { limits });
  const data = randomBytes(8 * mebibyte);
  const response = await pool.handleHttp(request('/e', pieces(data, 100_000)));
  assert.equal(await digestOf(response), createHash('sha256').update(data).digest('hex'));
});

test('a body of one piece comes back, and stays with its owner', async (context) => {
  const pool = await startMany(context, { limits });
  const data = randomBytes(300_000);
  const digest = createHash('sha256').update(data).digest('hex');
  assert.equal(await digestOf(await pool.handleHttp(request('/e', data))), digest);
  assert.equal(createHash('sha256').update(data).digest('hex'), digest);
  assert.equal(await textOf(await pool.handleHttp(request('/e', new Uint8Array(0)))), '');
});

test('a reader that is slow holds the guest back', async (context) => {
  const pool = await startMany(context, { limits });
  const response = await pool.handleHttp(request('/b'));
  assert.ok(!(response.body instanceof Uint8Array) && response.body !== undefined);
  const reader = response.body[Symbol.asyncIterator]();
  const first = await reader.next();
  assert.equal(first.done, false);
  assert.equal(await get(pool, '/1'), '1');
  let total = first.value?.length ?? 0;
  for (let next = await reader.next(); next.done !== true; next = await reader.next())
    total += next.value.length;
  assert.equal(total, 8 * mebibyte);
});

test('a reader that leaves ends the call', async (context) => {
  const pool = await startMany(context, { limits });
  const response = await pool.handleHttp(request('/b'));
  assert.ok(!(response.body instanceof Uint8Array) && response.body !== undefined);
  for await (const chunk of response.body) {
    assert.ok(chunk.length > 0);
    break;
  }
  assert.equal(await get(pool, '/w'), '1');
  assert.equal(pool.stats().inFlight, 0);
});

test('a client that breaks off, and a body over the limit, fail the call', async (context) => {
  const pool = await startMany(context, { limits: { ...limits, bodyBytes: 200_000 } });
  const broken = async function* (): AsyncGenerator<Uint8Array> {
    yield await Promise.resolve(new Uint8Array(10));
    throw new Error('client gone');
  };
  const read = async (body: AsyncIterable<Uint8Array>): Promise<string> =>
    textOf(await pool.handleHttp(request('/e', body)));
  await assert.rejects(read(broken()), withCode('ERR_COMPONENT_NO_RESPONSE'));
  await assert.rejects(read(pieces(new Uint8Array(300_000), 50_000)), withCode('ERR_COMPONENT_NO_RESPONSE'));
  await assert.rejects(get(pool, '/b'), withCode('ERR_COMPONENT_BODY_SIZE'));
  assert.equal(await get(pool, '/1'), '1');
});
