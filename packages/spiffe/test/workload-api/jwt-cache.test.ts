import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

import { createTestClock, createTestJwtAuthority, startFakeWorkloadApi } from '@muster/testing';
import type { FakeWorkloadApi, TestClock } from '@muster/testing';

import { createJwtSource } from '../../src/index.ts';
import type { JwtSource, JwtSourceOptions, JwtSvid } from '../../src/index.ts';
import { GRPC_STATUS, GrpcStatusError } from '../../src/wire/index.ts';
import { until } from './support.ts';

const NOW = Date.UTC(2030, 5, 1);
const ID = 'spiffe://example.org/workload';
const OTHER = 'spiffe://example.org/other';
const jwt = createTestJwtAuthority('example.org', NOW);

let api: FakeWorkloadApi;
let clock: TestClock;
let asked: [readonly string[], string][];
let errors: [string, number | undefined][];
const sources: JwtSource[] = [];

beforeEach(async () => {
  api = await startFakeWorkloadApi();
  clock = createTestClock(NOW);
  asked = [];
  errors = [];
  grant();
});

afterEach(async () => {
  await Promise.all(sources.splice(0).map(async (source) => await source.close()));
  assert.equal(clock.pendingTimers, 0);
  await api.stop();
});

function open(options: JwtSourceOptions = {}): JwtSource {
  const source = createJwtSource({
    address: api.address,
    clock,
    onError: (error, retryInMs) => errors.push([(error as { code?: string }).code ?? '', retryInMs]),
    ...options,
  });
  sources.push(source);
  return source;
}

/** Every identity is had; without a name both are given, `ID` first. */
function grant(): void {
  api.onFetchJwtSvid(({ audience, spiffeId }) => {
    asked.push([audience, spiffeId]);
    const seconds = Math.floor(clock.now() / 1000);
    const claims = { iat: seconds, exp: seconds + 300, jti: String(asked.length) };
    const ids = spiffeId === '' ? [ID, OTHER] : [spiffeId];
    return {
      svids: ids.map((id, index) => ({
        spiffeId: id,
        svid: jwt.issue(id, audience, { claims }),
        hint: index === 0 ? 'first' : 'second',
      })),
    };
  });
}

function refuse(status: keyof typeof GRPC_STATUS): void {
  api.onFetchJwtSvid(({ audience, spiffeId }) => {
    asked.push([audience, spiffeId]);
    throw new GrpcStatusError(GRPC_STATUS[status], 'refused');
  });
}

test('JF-2 one token is for several audiences, whatever their order, and they are passed on unchanged', async () => {
  const source = open();
  const both = await source.fetchJwtSvid({ audience: ['b', 'a'] });
  assert.deepEqual(both.audience, ['b', 'a']);
  assert.deepEqual(asked, [[['b', 'a'], '']]);
  assert.equal(await source.fetchJwtSvid({ audience: ['a', 'b', 'a'] }), both);
  const alone = await source.fetchJwtSvid({ audience: 'a' });
  assert.notEqual(alone, both);
  assert.equal(await source.fetchJwtSvid({ audience: ['a'] }), alone);
  assert.equal(asked.length, 2);
  for (const audience of ['', [], ['a', '']]) {
    await assert.rejects(source.fetchJwtSvid({ audience }), { code: 'ERR_REQUEST_REFUSED' });
  }
});

test('audiences are told apart whatever is in their names', async () => {
  const source = open();
  await source.fetchJwtSvid({ audience: ['a', 'b'] });
  await source.fetchJwtSvid({ audience: ['a,b'] });
  await source.fetchJwtSvid({ audience: ['a","b'] });
  assert.equal(asked.length, 3);
});

test('JF-3 several identities have tokens of their own', async () => {
  const source = open();
  const first = await source.fetchJwtSvid({ audience: 'a' });
  const other = await source.fetchJwtSvid({ audience: 'a', spiffeId: OTHER });
  assert.deepEqual([first.id.toString(), other.id.toString()], [ID, OTHER]);
  assert.equal(await source.fetchJwtSvid({ audience: 'a', spiffeId: OTHER }), other);
  assert.equal(await source.fetchJwtSvid({ audience: 'a' }), first);
  await assert.rejects(source.fetchJwtSvid({ audience: 'a', spiffeId: 'no id' }), { code: 'ERR_ID_SCHEME' });
});

test('a token is chosen by its hint or by a function, and no other is taken in its place', async () => {
  const byHint = await open({ hint: 'second' }).fetchJwtSvid({ audience: 'a' });
  const byFunction = await open({ pickSvid: (svids) => svids.at(-1) }).fetchJwtSvid({ audience: 'a' });
  assert.deepEqual([byHint.id.toString(), byFunction.id.toString()], [OTHER, OTHER]);
  await assert.rejects(open({ hint: 'third' }).fetchJwtSvid({ audience: 'a' }), { code: 'ERR_NO_IDENTITY' });
  assert.throws(() => open({ hint: '' }), { code: 'ERR_SOURCE_OPTIONS' });
  assert.throws(() => open({ timeoutMs: -1 }), { code: 'ERR_SOURCE_OPTIONS' });
});

test('a token that is in use is renewed at half of its life, before anybody waits for it', async () => {
  const source = open();
  const first = await source.fetchJwtSvid({ audience: 'a' });
  await source.fetchJwtSvid({ audience: 'a' });
  clock.advance(150_000);
  await until(() => asked.length === 2);
  let next: JwtSvid = first;
  while (next === first) {
    next = await source.fetchJwtSvid({ audience: 'a' });
  }
  assert.equal(next.jti, '2');
  assert.equal(asked.length, 2, 'whoever comes meanwhile shares the call');
});

test('a token that nobody asks for is not renewed, and forgotten when it expires', async () => {
  const source = open();
  await source.fetchJwtSvid({ audience: 'a' });
  clock.advance(150_000);
  assert.equal(clock.pendingTimers, 1);
  clock.advance(150_000);
  assert.equal(clock.pendingTimers, 0);
  // Calls go out in order: one for "a" would have come before this one.
  await source.fetchJwtSvid({ audience: 'b' });
  assert.deepEqual(
    asked.map(([audience]) => audience[0]),
    ['a', 'b'],
  );
});

test('with renewal on demand nothing happens by itself', async () => {
  const source = open({ refresh: 'on-demand' });
  await source.fetchJwtSvid({ audience: 'a' });
  await source.fetchJwtSvid({ audience: 'a' });
  assert.equal(clock.pendingTimers, 0);
  clock.advance(150_000);
  assert.equal((await source.fetchJwtSvid({ audience: 'a' })).jti, '2');
});

test('a renewal that fails is tried again ever later, and nothing is given past its expiry', async () => {
  const source = open();
  const first = await source.fetchJwtSvid({ audience: 'a' });
  await source.fetchJwtSvid({ audience: 'a' });
  refuse('UNAVAILABLE');
  clock.advance(150_000);
  await until(() => errors.length === 1);
  assert.equal(errors[0]![0], 'ERR_ENDPOINT_UNAVAILABLE');
  assert.ok(errors[0]![1]! <= 1000);
  clock.advance(1000);
  await until(() => errors.length === 2);
  assert.ok(errors[1]![1]! > 1000);
  assert.equal(await source.fetchJwtSvid({ audience: 'a' }), first, 'still good');
  clock.jump(NOW + 300_000);
  await assert.rejects(source.fetchJwtSvid({ audience: 'a' }), { code: 'ERR_ENDPOINT_UNAVAILABLE' });
});

test('JF-4 a denial in the background leaves no token, and one of another identity leaves the rest', async () => {
  const source = open();
  await source.fetchJwtSvid({ audience: 'a', spiffeId: ID });
  refuse('PERMISSION_DENIED');
  await assert.rejects(source.fetchJwtSvid({ audience: 'a', spiffeId: OTHER }), { code: 'ERR_NO_IDENTITY' });
  assert.equal((await source.fetchJwtSvid({ audience: 'a', spiffeId: ID })).jti, '1');
  clock.advance(150_000);
  await until(() => asked.length === 3);
  await until(() => clock.pendingTimers === 0);
  await assert.rejects(source.fetchJwtSvid({ audience: 'a', spiffeId: ID }), { code: 'ERR_NO_IDENTITY' });
});

test('callers share a call whatever their limits are, and wait no longer than these', async () => {
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  api.onFetchJwtSvid(async ({ audience, spiffeId }) => {
    asked.push([audience, spiffeId]);
    await held;
    return { svids: [{ spiffeId: ID, svid: jwt.issue(ID, audience), hint: '' }] };
  });
  const source = open();
  const controller = new AbortController();
  const patient = source.fetchJwtSvid({ audience: 'a' });
  const aborted = assert.rejects(source.fetchJwtSvid({ audience: 'a', signal: controller.signal }), {
    code: 'ERR_ABORTED',
  });
  const late = assert.rejects(source.fetchJwtSvid({ audience: 'a', timeoutMs: 5 }), { code: 'ERR_TIMEOUT' });
  await until(() => asked.length === 1);
  controller.abort();
  clock.advance(5);
  await Promise.all([aborted, late]);
  release();
  assert.equal((await patient).id.toString(), ID);
  assert.equal(asked.length, 1);
});

test('A17 the number of tokens that are kept is bounded', async () => {
  const source = open({ refresh: 'on-demand' });
  const audiences = Array.from({ length: 257 }, (_, index) => `audience-${index}`);
  for (const audience of audiences) {
    await source.fetchJwtSvid({ audience });
  }
  await source.fetchJwtSvid({ audience: audiences[256]! });
  await source.fetchJwtSvid({ audience: audiences[1]! });
  assert.equal(asked.length, 257);
  await source.fetchJwtSvid({ audience: audiences[0]! });
  assert.equal(asked.length, 258, 'the oldest went');
  // Renewing one takes no place, and makes it the newest.
  await source.fetchJwtSvid({ audience: audiences[5]!, isFresh: true });
  await source.fetchJwtSvid({ audience: audiences[2]! });
  assert.equal(asked.length, 259);
  for (const audience of ['more', 'and more', 'and more still', 'and the last']) {
    await source.fetchJwtSvid({ audience });
  }
  await source.fetchJwtSvid({ audience: audiences[5]! });
  assert.equal(asked.length, 263);
});

test('a closed source ends what is under way and gives nothing', async () => {
  api.onFetchJwtSvid(async () => await new Promise(() => {}));
  const source = open();
  const waiting = assert.rejects(source.fetchJwtSvid({ audience: 'a' }), { code: 'ERR_CLOSED' });
  await source.close();
  await waiting;
  await assert.rejects(source.fetchJwtSvid({ audience: 'a' }), { code: 'ERR_CLOSED' });
});
