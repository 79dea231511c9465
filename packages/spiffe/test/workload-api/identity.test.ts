import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

import { createTestCa, createTestClock, startFakeWorkloadApi } from '@muster/testing';
import type { FakeWorkloadApi, TestClock } from '@muster/testing';

import { createX509Source } from '../../src/index.ts';
import type { IdentityState, X509Source, X509SourceOptions } from '../../src/index.ts';
import { GRPC_STATUS } from '../../src/wire/index.ts';
import { until, x509Message } from './support.ts';
import type { OfferedSvid } from './support.ts';

const NOW = Date.UTC(2030, 5, 1);
const A = 'spiffe://example.org/a';
const B = 'spiffe://example.org/b';
const ca = createTestCa('example.org', NOW);
const retry = { initialDelayMs: 1, maxDelayMs: 1, jitter: 0 };

let api: FakeWorkloadApi;
let clock: TestClock;
let errors: string[];

beforeEach(async () => {
  api = await startFakeWorkloadApi();
  clock = createTestClock(NOW);
  errors = [];
});

afterEach(async () => {
  await api.stop();
});

function offer(id: string, hint = '', expiresAt: number = NOW + 60_000): OfferedSvid {
  return { id, svid: ca.issueX509Svid(id, { expiresAt }), bundle: ca.certificate, hint };
}

function send(...offered: OfferedSvid[]): void {
  api.send('FetchX509SVID', x509Message(offered));
}

async function open(options: Partial<X509SourceOptions> = {}): Promise<X509Source> {
  return await createX509Source({
    address: api.address,
    clock,
    retry,
    onError: (error) => errors.push((error as { code?: string }).code ?? error.message),
    ...options,
  });
}

const idOf = (source: X509Source): string => source.getX509Svid().id.toString();

test('WA-3 the first SVID is the default, also after the order has changed', async () => {
  send(offer(A), offer(B));
  await using source = await open();
  assert.equal(idOf(source), A);
  send(offer(B), offer(A));
  await source.waitForChange();
  assert.equal(idOf(source), B);
});

test('an SVID is chosen by its hint, and no other is taken when it is gone', async () => {
  send(offer(A, 'internal'), offer(B, 'external'));
  await using source = await open({ hint: 'external' });
  assert.equal(idOf(source), B);
  send(offer(A, 'external'), offer(B, 'external'));
  await source.waitForChange();
  assert.equal(idOf(source), A, 'of two with the same hint the first has it');
  send(offer(A), offer(B, 'internal'));
  assert.equal(await source.waitForChange(), 'withdrawn');
  assert.throws(() => source.getX509Svid(), { code: 'ERR_NO_IDENTITY' });
  assert.ok(source.getX509Bundle(ca.trustDomain));
  await assert.rejects(open({ hint: '' }), { code: 'ERR_SOURCE_OPTIONS' });
});

test('an SVID that is not offered is told with those that are', async () => {
  send(offer(A), offer(B, 'internal'), offer(A), offer(A));
  const creating = open({ hint: 'external', timeoutMs: 10 });
  const refused = assert.rejects(creating, {
    message: `Cannot create X.509 source: nothing usable came within 10 ms: The endpoint does not offer an SVID with the hint "external", but "${A}", "${B}" as "internal", "${A}" and 1 more`,
  });
  await until(() => errors.includes('ERR_NO_IDENTITY'));
  clock.advance(10);
  await refused;
});

test('an SVID is chosen by a function among those that fit, and only one of these', async () => {
  send(offer(A), offer(B));
  const offered: number[] = [];
  await using source = await open({
    pickSvid: (svids) => {
      offered.push(svids.length);
      return svids.at(-1);
    },
  });
  assert.equal(idOf(source), B);
  assert.deepEqual(offered, [2]);
  await using only = await open({ spiffeId: A, pickSvid: (svids) => svids.at(-1) });
  assert.equal(idOf(only), A);
  const foreign = source.getX509Svid();
  const creating = open({ pickSvid: () => foreign, timeoutMs: 10 });
  const refused = assert.rejects(creating, { code: 'ERR_TIMEOUT', message: /does not offer/ });
  await until(() => errors.includes('ERR_NO_IDENTITY'));
  clock.advance(10);
  await refused;
});

test('SVIDs and bundles are had together, expired ones left out', async () => {
  send(offer(A), offer(B, '', NOW + 10_000));
  await using source = await open();
  const before = source.getX509Identity();
  assert.equal(before.svid, source.getX509Svid());
  assert.deepEqual(
    before.svids.map(({ id }) => id.toString()),
    [A, B],
  );
  assert.ok(before.bundles.getX509Bundle(ca.trustDomain)?.equals(ca.bundle));
  clock.advance(10_000);
  assert.equal(source.getX509Identity().svids.length, 1);
  const next = createTestCa('example.org', NOW);
  const svid = next.issueX509Svid(A, { expiresAt: NOW + 90_000 });
  send({ id: A, svid, bundle: next.certificate });
  await source.waitForChange();
  const { svids, bundles } = source.getX509Identity();
  assert.deepEqual([svids.length, bundles.getX509Bundle(ca.trustDomain)?.equals(next.bundle)], [1, true]);
  // What was had before stays what it was.
  assert.equal(before.svids.length, 2);
  assert.ok(before.bundles.getX509Bundle(ca.trustDomain)?.equals(ca.bundle));
  clock.advance(90_000);
  assert.throws(() => source.getX509Identity(), { code: 'ERR_SVID_EXPIRED' });
  assert.throws(() => source.getX509Svid(), { code: 'ERR_SVID_EXPIRED' });
});

const other = createTestCa('example.org', NOW);
const flawed: [string, string, () => OfferedSvid][] = [
  [
    'HX-1 whose signature is wrong',
    'ERR_CA_SIGNATURE',
    () => {
      const offered = offer(B);
      const chainDer = Uint8Array.from(offered.svid.chainDer);
      chainDer[chainDer.length - 1]! ^= 1;
      return { ...offered, svid: { ...offered.svid, chainDer } };
    },
  ],
  [
    'HX-2 that its own bundle does not verify',
    'ERR_SVID_UNTRUSTED',
    () => ({ ...offer(B), svid: other.issueX509Svid(B) }),
  ],
  ['HX-3 that has expired', 'ERR_SVID_EXPIRED', () => offer(B, '', NOW - 1000)],
];
for (const [name, code, make] of flawed) {
  test(`an SVID ${name} is refused, and the old one stays until a good one comes`, async () => {
    send(offer(A));
    await using source = await open();
    const seen: IdentityState[] = [];
    source.onChange((state) => seen.push(state));
    send(make());
    await until(() => errors.length === 1);
    assert.deepEqual([errors, idOf(source), seen], [[code], A, []]);
    assert.equal((source.lastError as { code?: string } | undefined)?.code, code);
    send(offer(B));
    await source.waitForChange();
    assert.equal(idOf(source), B);
    assert.equal(source.lastError, undefined);
    // Where it is not the one to use, it is left out and told.
    send(offer(A), make());
    await until(() => errors.length === 2);
    assert.deepEqual(
      source.getX509Identity().svids.map(({ id }) => id.toString()),
      [A],
    );
  });
}

test('a clock of our own that is a little slow does not keep an SVID from being taken', async () => {
  const svid = ca.issueX509Svid(A, { notBeforeAt: NOW + 5_000, expiresAt: NOW + 60_000 });
  send({ id: A, svid, bundle: ca.certificate });
  await using source = await open();
  assert.equal(source.state(), 'valid');
});

test('WA-4 a denial does what the caller chose', async () => {
  send(offer(A));
  const kept = await open({ denial: 'keep' });
  const bare = await open({ denial: 'withdraw-all' });
  const usual = await open();
  api.refuse('FetchX509SVID', GRPC_STATUS.PERMISSION_DENIED);
  await Promise.all([bare.waitForChange(), usual.waitForChange()]);
  await until(() => errors.length >= 3);
  assert.deepEqual([kept.state(), bare.state(), usual.state()], ['valid', 'withdrawn', 'withdrawn']);
  assert.equal(bare.getX509Bundle(ca.trustDomain), undefined);
  assert.ok(usual.getX509Bundle(ca.trustDomain));
  assert.equal(idOf(kept), A);
  clock.advance(60_000);
  assert.throws(() => kept.getX509Svid(), { code: 'ERR_SVID_EXPIRED' });
  await Promise.all([kept.close(), bare.close(), usual.close()]);
});

test('changes are counted, waited for and looped over', async () => {
  send(offer(A));
  const source = await open();
  assert.deepEqual([source.changeCount, source.updatedAt], [1, NOW]);
  assert.equal(await source.waitForChange({ after: 0 }), 'valid', 'one that was is not waited for again');
  const seen: IdentityState[] = [];
  const looping = (async () => {
    for await (const state of source.changes()) {
      seen.push(state);
    }
  })();
  const waiting = source.waitForChange();
  clock.advance(1000);
  send(offer(A, '', NOW + 30_000));
  assert.equal(await waiting, 'valid');
  await until(() => seen.length === 1);
  assert.deepEqual([source.changeCount, source.updatedAt], [2, NOW + 1000]);
  clock.advance(29_000);
  await until(() => seen.length === 2);
  assert.deepEqual([seen, source.updatedAt], [['valid', 'expired'], NOW + 1000]);
  const late = assert.rejects(source.waitForChange(), { code: 'ERR_CLOSED' });
  await source.close();
  await looping;
  await late;
  await assert.rejects(source.waitForChange(), { code: 'ERR_CLOSED' });
  await source.close();
});

test('a loop that is busy gets the last of the changes it missed', async () => {
  send(offer(A));
  await using source = await open();
  const changes = source.changes();
  const first = changes.next();
  for (let turn = 1; turn <= 3; turn += 1) {
    const { changeCount } = source;
    send(offer(A, '', NOW + 60_000 + turn * 1000));
    await source.waitForChange({ after: changeCount });
  }
  assert.deepEqual(await first, { done: false, value: 'valid' });
  assert.deepEqual(await changes.next(), { done: false, value: 'valid' });
  const none = changes.next();
  assert.equal(source.changeCount, 4);
  await source.close();
  assert.deepEqual(await none, { done: true, value: undefined });
});

test('waiting for a change ends by its limits', async () => {
  send(offer(A));
  await using source = await open();
  const waiting = assert.rejects(source.waitForChange({ timeoutMs: 100 }), { code: 'ERR_TIMEOUT' });
  clock.advance(100);
  await waiting;
  const controller = new AbortController();
  const aborted = assert.rejects(source.waitForChange({ signal: controller.signal }), {
    code: 'ERR_ABORTED',
  });
  const loop = assert.rejects(source.changes({ signal: controller.signal }).next(), { code: 'ERR_ABORTED' });
  controller.abort();
  await Promise.all([aborted, loop]);
  const timers = clock.pendingTimers;
  assert.equal(timers, 1, 'that of the expiry');
});

test('options that cannot be meant are refused before anything is opened', async () => {
  send(offer(A));
  for (const options of [
    { timeoutMs: 0 },
    { timeoutMs: Number.NaN },
    { timeoutMs: 2 ** 31 },
    { retry: { initialDelayMs: 0 } },
    { retry: { maxDelayMs: Number.POSITIVE_INFINITY } },
    { retry: { attempts: 0 } },
    { retry: { jitter: 2 } },
  ]) {
    await assert.rejects(open(options), { code: 'ERR_SOURCE_OPTIONS' }, JSON.stringify(options));
  }
  assert.deepEqual(api.calls, []);
  assert.equal(clock.pendingTimers, 0);
});
