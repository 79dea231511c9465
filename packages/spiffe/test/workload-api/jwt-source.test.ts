import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

import { createTestClock, createTestJwtAuthority, startFakeWorkloadApi } from '@muster/testing';
import type { FakeWorkloadApi, TestClock } from '@muster/testing';

import { createJwtSource } from '../../src/index.ts';
import type { JwtSource } from '../../src/index.ts';
import { GRPC_STATUS, GrpcStatusError } from '../../src/wire/index.ts';
import { until } from './support.ts';

const NOW = Date.UTC(2030, 5, 1);
const ID = 'spiffe://example.org/workload';
const jwt = createTestJwtAuthority('example.org', NOW);

let api: FakeWorkloadApi;
let clock: TestClock;
let source: JwtSource;
let asked: [readonly string[], string][];

beforeEach(async () => {
  api = await startFakeWorkloadApi();
  clock = createTestClock(NOW);
  source = createJwtSource({ address: api.address, spiffeId: ID, clock });
  asked = [];
  api.onFetchJwtSvid(({ audience, spiffeId }) => {
    asked.push([audience, spiffeId]);
    const seconds = Math.floor(clock.now() / 1000);
    const token = jwt.issue(ID, audience, {
      claims: { iat: seconds, exp: seconds + 300, jti: String(asked.length) },
    });
    return { svids: [{ spiffeId: ID, svid: token, hint: '' }] };
  });
});

afterEach(async () => {
  await source.close();
  await api.stop();
});

function refuse(status: keyof typeof GRPC_STATUS): void {
  api.onFetchJwtSvid(() => {
    throw new GrpcStatusError(GRPC_STATUS[status], 'refused');
  });
}

test('a token is fetched for the named identity and kept for half its life', async () => {
  const first = await source.fetchJwtSvid({ audience: 'a' });
  assert.deepEqual(asked, [[['a'], ID]]);
  clock.advance(149_999);
  assert.equal(await source.fetchJwtSvid({ audience: 'a' }), first);
  clock.advance(1);
  const second = await source.fetchJwtSvid({ audience: 'a' });
  assert.equal(second.jti, '2');
});

test('audiences do not share tokens', async () => {
  const a = await source.fetchJwtSvid({ audience: 'a' });
  const b = await source.fetchJwtSvid({ audience: 'b' });
  assert.deepEqual([a.audience, b.audience], [['a'], ['b']]);
  assert.equal(asked.length, 2);
});

test('a fresh token bypasses the cache and fills it', async () => {
  await source.fetchJwtSvid({ audience: 'a' });
  const fresh = await source.fetchJwtSvid({ audience: 'a', isFresh: true });
  assert.equal(fresh.jti, '2');
  assert.equal(await source.fetchJwtSvid({ audience: 'a' }), fresh);
});

test('the cached token serves while the endpoint is away, until it expires', async () => {
  const first = await source.fetchJwtSvid({ audience: 'a' });
  refuse('UNAVAILABLE');
  clock.advance(299_999);
  assert.equal(await source.fetchJwtSvid({ audience: 'a' }), first);
  await assert.rejects(source.fetchJwtSvid({ audience: 'a', isFresh: true }), {
    code: 'ERR_ENDPOINT_UNAVAILABLE',
  });
  clock.advance(1);
  await assert.rejects(source.fetchJwtSvid({ audience: 'a' }), { code: 'ERR_ENDPOINT_UNAVAILABLE' });
});

test('a denial empties the cache of every audience', async () => {
  await source.fetchJwtSvid({ audience: 'a' });
  await source.fetchJwtSvid({ audience: 'b' });
  refuse('PERMISSION_DENIED');
  await assert.rejects(source.fetchJwtSvid({ audience: 'a', isFresh: true }), { code: 'ERR_NO_IDENTITY' });
  await assert.rejects(source.fetchJwtSvid({ audience: 'a' }), { code: 'ERR_NO_IDENTITY' });
  await assert.rejects(source.fetchJwtSvid({ audience: 'b' }), { code: 'ERR_NO_IDENTITY' });
});

test('a token that was asked for before a denial is not kept after it', async () => {
  let release: () => void = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  api.onFetchJwtSvid(async ({ audience }) => {
    asked.push([audience, ID]);
    if (audience[0] === 'denied') {
      throw new GrpcStatusError(GRPC_STATUS.PERMISSION_DENIED, 'no identity issued');
    }
    await held;
    return { svids: [{ spiffeId: ID, svid: jwt.issue(ID, audience), hint: '' }] };
  });
  const slow = source.fetchJwtSvid({ audience: 'slow' });
  await until(() => asked.length === 1);
  await assert.rejects(source.fetchJwtSvid({ audience: 'denied' }), { code: 'ERR_NO_IDENTITY' });
  release();
  await slow;
  await source.fetchJwtSvid({ audience: 'slow' });
  assert.equal(asked.filter(([audience]) => audience[0] === 'slow').length, 2);
});

test('other errors do not bring out an old token', async () => {
  await source.fetchJwtSvid({ audience: 'a' });
  clock.advance(200_000);
  refuse('INVALID_ARGUMENT');
  await assert.rejects(source.fetchJwtSvid({ audience: 'a' }), { code: 'ERR_REQUEST_REFUSED' });
});

test('callers at the same time share one call', async () => {
  const both = await Promise.all([
    source.fetchJwtSvid({ audience: 'a' }),
    source.fetchJwtSvid({ audience: 'a' }),
  ]);
  assert.equal(both[0], both[1]);
  assert.equal(asked.length, 1);
});

test('a token that has expired on arrival is refused', async () => {
  api.onFetchJwtSvid(({ audience }) => ({
    svids: [{ spiffeId: ID, svid: jwt.issue(ID, audience, { claims: { exp: NOW / 1000 } }), hint: '' }],
  }));
  await assert.rejects(source.fetchJwtSvid({ audience: 'a' }), { code: 'ERR_JWT_EXPIRED' });
});

test('another identity is never taken', async () => {
  const other = 'spiffe://example.org/other';
  api.onFetchJwtSvid(({ audience }) => ({
    svids: [{ spiffeId: other, svid: jwt.issue(other, audience), hint: '' }],
  }));
  await assert.rejects(source.fetchJwtSvid({ audience: 'a' }), { code: 'ERR_NO_IDENTITY' });
});

test('a fetch ends by its own limits', async () => {
  api.onFetchJwtSvid(async () => await new Promise(() => {}));
  await assert.rejects(source.fetchJwtSvid({ audience: 'a', timeoutMs: 10 }), { code: 'ERR_TIMEOUT' });
  await assert.rejects(source.fetchJwtSvid({ audience: 'a', signal: AbortSignal.abort() }), {
    code: 'ERR_ABORTED',
  });
});

test('a closed source refuses', async () => {
  await source.fetchJwtSvid({ audience: 'a' });
  await source.close();
  await assert.rejects(source.fetchJwtSvid({ audience: 'a' }), { code: 'ERR_CLOSED' });
});

test('addresses and IDs are checked at once', () => {
  assert.throws(() => createJwtSource({ address: 'nope' }), { code: 'ERR_ENDPOINT_ADDRESS' });
  assert.throws(() => createJwtSource({ address: 'unix:///a', spiffeId: 'nope' }), { code: 'ERR_ID_SCHEME' });
});
