import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '@muster/lattice';
import { TrustDomain } from '@muster/spiffe';
import { GRPC_STATUS, jwtBundlesResponse, x509BundlesResponse } from '@muster/spiffe/wire';
import { createTestCa, createTestClock, createTestJwtAuthority, startFakeWorkloadApi } from '@muster/testing';
import { keepBundles, watchBundles } from '../src/bundle-keeper.ts';
import type { FollowedBundles } from '../src/bundle-keeper.ts';
import { TestIssuer, TRUST_DOMAIN } from './support.ts';

const domain = TrustDomain.parse(TRUST_DOMAIN);

class FakeSource implements FollowedBundles {
  readonly issuer = new TestIssuer();
  isClosed = false;
  changed: (() => void) | undefined;

  getJwtBundle(): TestIssuer['bundle'] {
    return this.issuer.bundle;
  }

  getX509Bundle(): undefined {
    return undefined;
  }

  onChange(listener: () => void): () => void {
    this.changed = listener;
    return () => {};
  }

  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** A Workload API that answers `open` with what stands in `answers`, in order, then with failures. */
function harness(answers: readonly (FakeSource | undefined)[], signal?: AbortSignal) {
  const clock = createTestClock();
  const left = [...answers];
  const ends: ((error: Error) => void)[] = [];
  let opened = 0;
  const keeping = keepBundles({
    clock,
    logger: silentLogger,
    signal,
    open: (onEnd) => {
      opened += 1;
      ends.push(onEnd);
      const answer = left.shift();
      return answer === undefined ? Promise.reject(new Error('down')) : Promise.resolve(answer);
    },
  });
  return { clock, keeping, end: (error: Error) => ends.at(-1)?.(error), opened: () => opened };
}

test('the start waits for the first bundles, however long that takes', async () => {
  const source = new FakeSource();
  const { clock, keeping, opened } = harness([undefined, undefined, source]);
  await settle();
  assert.equal(opened(), 1);
  for (let round = 0; round < 2; round += 1) {
    clock.advance(1_000);
    await settle();
  }
  const bundles = await keeping;
  assert.equal(bundles.getJwtBundle(domain), source.issuer.bundle);
  await bundles.close();
  assert.equal(source.isClosed, true);
});

test('the start can be aborted', async () => {
  const controller = new AbortController();
  const { keeping } = harness([], controller.signal);
  const rejected = assert.rejects(keeping);
  await settle();
  controller.abort();
  await rejected;
});

test('streams that ended are opened again, and the last bundles are used until then', async () => {
  const [first, second] = [new FakeSource(), new FakeSource()];
  const { clock, keeping, end } = harness([first, undefined, second]);
  const bundles = await keeping;
  let changes = 0;
  bundles.onChange(() => (changes += 1));
  end(new Error('broken'));
  await settle();
  assert.equal(bundles.getJwtBundle(domain), first.issuer.bundle);
  assert.equal(first.isClosed, true);
  for (let round = 0; round < 2; round += 1) {
    clock.advance(1_000);
    await settle();
  }
  assert.equal(bundles.getJwtBundle(domain), second.issuer.bundle);
  assert.equal(changes, 1);
  second.changed?.();
  assert.equal(changes, 2);
  await bundles.close();
});

test('without an identity of its own the callout has no bundles, until it has one again', async () => {
  const [first, second] = [new FakeSource(), new FakeSource()];
  const { clock, keeping, end } = harness([first, second]);
  const bundles = await keeping;
  let changes = 0;
  bundles.onChange(() => (changes += 1));
  end(Object.assign(new Error('withdrawn'), { code: 'ERR_NO_IDENTITY' }));
  assert.equal(bundles.getJwtBundle(domain), undefined);
  assert.equal(changes, 1);
  await settle();
  clock.advance(1_000);
  await settle();
  assert.equal(bundles.getJwtBundle(domain), second.issuer.bundle);
  await bundles.close();
});

test('a Workload API that denies the callout takes its bundles away, one that is away does not', async (context) => {
  const api = await startFakeWorkloadApi();
  context.after(() => api.stop());
  const send = (): void => {
    const x509 = createTestCa(TRUST_DOMAIN).certificate;
    const jwks = Buffer.from(createTestJwtAuthority(TRUST_DOMAIN).jwks);
    api.send(
      'FetchX509Bundles',
      x509BundlesResponse.encode({ crl: [], bundles: new Map([[domain.id, x509]]) }),
    );
    api.send('FetchJWTBundles', jwtBundlesResponse.encode({ bundles: new Map([[domain.id, jwks]]) }));
  };
  send();
  const clock = createTestClock();
  const warnings: string[] = [];
  const logger = { ...silentLogger, warn: (message: string) => void warnings.push(message) };
  const bundles = await watchBundles(api.address, { clock, logger, signal: undefined });
  context.after(() => bundles.close());
  const first = bundles.getJwtBundle(domain);
  assert.ok(first !== undefined);
  await api.pause();
  await until(() => warnings.length > 0);
  assert.equal(bundles.getJwtBundle(domain), first);
  await api.resume();
  for (const method of ['FetchX509Bundles', 'FetchJWTBundles'] as const) {
    api.refuse(method, GRPC_STATUS.PERMISSION_DENIED);
  }
  await until(
    () => bundles.getJwtBundle(domain) === undefined,
    () => clock.advance(1_000),
  );
  assert.equal(bundles.getX509Bundle(domain), undefined);
  send();
  await until(
    () => bundles.getJwtBundle(domain) !== undefined,
    () => clock.advance(1_000),
  );
});

/** Lets I/O run, and time by `step`, until it is so. */
async function until(isSo: () => boolean, step: () => void = () => {}): Promise<void> {
  for (let turn = 0; !isSo(); turn += 1) {
    assert.ok(turn < 500, 'it never came to be so');
    step();
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
