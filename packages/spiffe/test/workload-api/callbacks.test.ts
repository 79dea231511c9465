// What users hand in may throw, reject and be asked for ever again. None of it may end the process, which Node does for an
// error in a timer and for a rejection that nobody handles: the runner fails the test then.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { queryObjects } from 'node:v8';

import { createTestCa, createTestClock, createTestJwtAuthority, startFakeWorkloadApi } from '@muster/testing';

import {
  createFileSource,
  createJwtFileSink,
  createJwtSource,
  createX509Source,
  parseUnverifiedJwtSvid,
  WorkloadApiClient,
} from '../../src/index.ts';
import { FAST_RETRY, until, x509Message } from './support.ts';

const NOW = Date.UTC(2030, 5, 1);
const ID = 'spiffe://example.org/workload';
const ca = createTestCa('example.org', NOW);
const tokens = createTestJwtAuthority('example.org', NOW);

function message(expiresAt: number = NOW + 60_000): Uint8Array {
  return x509Message([{ id: ID, svid: ca.issueX509Svid(ID, { expiresAt }), bundle: ca.certificate }]);
}

/** Counts how often it was called, and fails each time. */
function createFailing(): { readonly run: () => void; count: number } {
  const failing = {
    count: 0,
    run: (): void => {
      failing.count += 1;
      throw new Error('from a reporter');
    },
  };
  return failing;
}

test('a listener and a reporter that throw keep an X.509 source from nothing', async () => {
  await using api = await startFakeWorkloadApi();
  const clock = createTestClock(NOW);
  const other = { id: ID, svid: ca.issueX509Svid(ID, { expiresAt: NOW - 1000 }), bundle: ca.certificate };
  api.send('FetchX509SVID', message());
  const reporter = createFailing();
  await using source = await createX509Source({ address: api.address, clock, onError: reporter.run });
  source.onChange(() => {
    throw new Error('from a listener');
  });
  // The second one has expired, which is reported in the middle of taking the update over.
  const svid = ca.issueX509Svid(ID, { expiresAt: NOW + 70_000 });
  api.send('FetchX509SVID', x509Message([{ id: ID, svid, bundle: ca.certificate }, other]));
  await until(() => source.getX509Svid().expiresAt === NOW + 70_000);
  assert.equal(reporter.count, 2);
  clock.advance(70_000);
  assert.equal(source.state(), 'expired');
  assert.equal(reporter.count, 3);
});

test('what an asynchronous listener or handler rejects with is told as if it had thrown', async () => {
  await using api = await startFakeWorkloadApi();
  api.send('FetchX509SVID', message(NOW + 60_000));
  await using client = new WorkloadApiClient({
    address: api.address,
    retry: FAST_RETRY,
    clock: createTestClock(NOW),
  });
  const told: string[] = [];
  const onError = (error: Error): void => {
    told.push(error.message);
  };
  await using source = await createX509Source({ client, clock: createTestClock(NOW), onError });
  const reject = (): unknown => Promise.reject(new Error('from a promise'));
  source.onChange(reject);
  client.watchX509Context({ onUpdate: reject, onError });
  await until(() => told.length === 1);
  api.send('FetchX509SVID', message());
  await until(() => told.length === 3);
  assert.deepEqual(new Set(told), new Set(['from a promise']));
});

test('a reporter that throws keeps a token from being renewed no longer than the endpoint does', async () => {
  await using api = await startFakeWorkloadApi();
  const clock = createTestClock(NOW);
  const issue = (): string =>
    tokens.issue(ID, 'a', { claims: { iat: clock.now() / 1000, exp: clock.now() / 1000 + 300 } });
  let isAway = false;
  api.onFetchJwtSvid(() => {
    if (isAway) {
      throw new Error('away');
    }
    return { svids: [{ spiffeId: ID, svid: issue(), hint: '' }] };
  });
  const reporter = createFailing();
  await using source = createJwtSource({ address: api.address, clock, onError: reporter.run });
  await source.fetchJwtSvid({ audience: 'a' });
  const first = await source.fetchJwtSvid({ audience: 'a' });
  isAway = true;
  clock.advance(151_000);
  await until(() => reporter.count === 1);
  isAway = false;
  clock.advance(30_000);
  await until(() => api.calls.length === 3);
  let now = first;
  while (now.token === first.token) {
    now = await source.fetchJwtSvid({ audience: 'a' });
  }
  assert.ok(now.expiresAt > first.expiresAt);
});

test('a reporter that throws ends neither what reads files nor what writes them', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'muster-callbacks-'));
  try {
    const clock = createTestClock(NOW);
    const reader = createFailing();
    const opening = createFileSource({ directory, clock, timeoutMs: 60_000, onError: reader.run });
    await until(() => reader.count === 1);
    clock.advance(60_000);
    await assert.rejects(opening, { code: 'ERR_TIMEOUT' });
    const claims = { iat: clock.now() / 1000, exp: clock.now() / 1000 + 300 };
    const svid = parseUnverifiedJwtSvid(tokens.issue(ID, 'a', { claims }));
    let calls = 0;
    const source = {
      fetchJwtSvid: async () => {
        calls += 1;
        return calls === 1 ? svid : await Promise.reject(new Error('gone'));
      },
      close: async () => {},
      [Symbol.asyncDispose]: async () => {},
    };
    const writer = createFailing();
    await using _sink = await createJwtFileSink({
      source,
      directory,
      tokens: [{ fileName: 'token', audience: 'a' }],
      clock,
      onError: writer.run,
    });
    clock.advance(151_000);
    await until(() => writer.count === 1);
    clock.advance(2000);
    await until(() => writer.count === 2);
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('waiting for a change that does not come leaves nothing behind', async () => {
  await using api = await startFakeWorkloadApi();
  api.send('FetchX509SVID', message());
  await using source = await createX509Source({ address: api.address, clock: createTestClock(NOW) });
  class Reason {}
  for (let count = 0; count < 50; count += 1) {
    const ending = new AbortController();
    const waiting = source.waitForChange({ signal: ending.signal });
    ending.abort(new Reason());
    await assert.rejects(waiting, { code: 'ERR_ABORTED' });
  }
  // Makes garbage collection run.
  assert.ok(Number(queryObjects(Reason)) < 5);
  const last = assert.rejects(source.waitForChange(), { code: 'ERR_CLOSED' });
  await source.close();
  await last;
});
