import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

import { createTestCa, createTestClock, createTestJwtAuthority, startFakeWorkloadApi } from '@muster/testing';
import type { FakeWorkloadApi, TestClock } from '@muster/testing';

import { createBundleSource, createJwtSource, createX509Source, WorkloadApiClient } from '../../src/index.ts';
import type { X509Context } from '../../src/index.ts';
import { GRPC_STATUS } from '../../src/wire/index.ts';
import { FAST_RETRY, jwtBundlesMessage, until, x509BundlesMessage, x509Message } from './support.ts';

const NOW = Date.UTC(2030, 5, 1);
const ID = 'spiffe://example.org/workload';
const ca = createTestCa('example.org', NOW);

let api: FakeWorkloadApi;
let clock: TestClock;
let client: WorkloadApiClient;

beforeEach(async () => {
  api = await startFakeWorkloadApi();
  clock = createTestClock(NOW);
  client = new WorkloadApiClient({ address: api.address, retry: FAST_RETRY, clock });
});

afterEach(async () => {
  await client.close();
  await api.stop();
});

function message(expiresAt: number = NOW + 60_000): Uint8Array {
  return x509Message([{ id: ID, svid: ca.issueX509Svid(ID, { expiresAt }), bundle: ca.certificate }]);
}

test('sources of one client share its streams, and close nothing that others need', async () => {
  api.send('FetchX509SVID', message());
  api.send('FetchX509Bundles', x509BundlesMessage([ca]));
  api.send('FetchJWTBundles', jwtBundlesMessage({ 'spiffe://example.org': createTestJwtAuthority().jwks }));
  const first = await createX509Source({ client, clock });
  const second = await createX509Source({ client, clock });
  const bundles = await createBundleSource({ client, clock });
  const more = await createBundleSource({ client, clock });
  assert.deepEqual(api.calls.toSorted(), ['FetchJWTBundles', 'FetchX509Bundles', 'FetchX509SVID']);
  assert.equal(second.getX509Svid(), first.getX509Svid());
  await first.close();
  await bundles.close();
  api.send('FetchX509SVID', message(NOW + 120_000));
  await until(() => second.getX509Svid().expiresAt === NOW + 120_000);
  assert.throws(() => first.getX509Svid(), { code: 'ERR_CLOSED' });
  assert.ok(more.getX509Bundle(ca.trustDomain));
  assert.equal(api.calls.length, 3);
  await Promise.all([second.close(), more.close()]);
  // The client stays the caller's, and opens a stream anew.
  await using third = await createX509Source({ client, clock });
  assert.equal(third.state(), 'valid');
  assert.equal(api.calls.length, 4);
  const tokens = createJwtSource({ client, clock });
  await tokens.close();
  assert.equal(third.state(), 'valid');
});

test('whoever comes later is told the latest state first, and everything in order after that', async () => {
  api.send('FetchX509SVID', message());
  const seen: string[] = [];
  const follow = (name: string): Promise<void> =>
    new Promise((resolve) => {
      client.watchX509Context({
        onUpdate: ({ svids }) => {
          seen.push(`${name} ${svids[0]!.expiresAt - NOW}`);
          resolve();
        },
      });
    });
  await follow('a');
  await follow('b');
  assert.deepEqual(seen, ['a 60000', 'b 60000']);
  api.send('FetchX509SVID', message(NOW + 70_000));
  await until(() => seen.length === 4);
  assert.deepEqual(seen.slice(2).toSorted(), ['a 70000', 'b 70000']);
});

test('what was withdrawn is not handed to whoever comes later', async () => {
  api.send('FetchX509SVID', message());
  await using first = await createX509Source({ client, clock });
  api.refuse('FetchX509SVID', GRPC_STATUS.PERMISSION_DENIED);
  await until(() => first.state() === 'withdrawn');
  const updates: X509Context[] = [];
  const errors: unknown[] = [];
  await using watch = client.watchX509Context({
    onUpdate: (update) => updates.push(update),
    onError: (error) => errors.push((error as { code?: string }).code),
  });
  await until(() => errors.length > 0);
  assert.deepEqual([updates, errors[0]], [[], 'ERR_NO_IDENTITY']);
  api.send('FetchX509SVID', message(NOW + 80_000));
  await until(() => {
    clock.advance(1);
    return updates.length === 1;
  });
  assert.equal(first.state(), 'valid');
  await watch.close();
});

test('one handler that throws, or is closed by another, does not concern the others', async () => {
  const errors: string[] = [];
  let updates = 0;
  const refusing = client.watchX509Context({
    onUpdate: () => {
      throw new Error('refused');
    },
    onError: (error, retryInMs) => errors.push(`${error.message} ${retryInMs}`),
  });
  const closing = client.watchX509Context({
    onUpdate: () => {
      void closed.close();
    },
  });
  const closed = client.watchX509Context({
    onUpdate: () => {
      assert.fail('called after close');
    },
  });
  client.watchX509Context({
    onUpdate: () => {
      updates += 1;
    },
    onError: () => {
      throw new Error('my fault');
    },
  });
  api.send('FetchX509SVID', message());
  await until(() => {
    clock.advance(1);
    return updates === 1;
  });
  assert.ok(errors.includes('refused 0'));
  assert.equal(await closed.ended, undefined);
  await refusing.close();
  await closing.close();
  api.send('FetchX509SVID', message());
  await until(() => updates === 2);
});

test('the end of a stream is the end for all, and a later watch tries again', async () => {
  api.refuse('FetchX509Bundles', GRPC_STATUS.UNIMPLEMENTED);
  const watches = [1, 2].map(() => client.watchX509Bundles({ onUpdate: () => {} }));
  for (const { ended } of watches) {
    assert.equal(((await ended) as { code?: string }).code, 'ERR_ENDPOINT_UNIMPLEMENTED');
  }
  assert.equal(api.calls.length, 1);
  api.send('FetchX509Bundles', x509BundlesMessage([ca]));
  let updates = 0;
  await using watch = client.watchX509Bundles({ onUpdate: () => (updates += 1) });
  await until(() => updates === 1);
  await watch.close();
});

test('a signal ends one watch and not its neighbours', async () => {
  api.send('FetchX509Bundles', x509BundlesMessage([ca]));
  const controller = new AbortController();
  let updates = 0;
  const ended = client.watchX509Bundles({ onUpdate: () => {} }, { signal: controller.signal }).ended;
  client.watchX509Bundles({ onUpdate: () => (updates += 1) });
  await until(() => updates === 1);
  controller.abort();
  assert.equal(await ended, undefined);
  const none = client.watchX509Bundles({ onUpdate: () => {} }, { signal: AbortSignal.abort() });
  assert.equal(await none.ended, undefined);
  api.send('FetchX509Bundles', x509BundlesMessage([ca]));
  await until(() => updates === 2);
  assert.equal(api.calls.length, 1);
});

test('streams of different requests are not shared, and closing the client ends them all', async () => {
  const one = client.watchX509Bundles({ onUpdate: () => {} });
  const two = client.watchJwtBundles({ onUpdate: () => {} });
  await until(() => api.calls.length === 2);
  await client.close();
  assert.deepEqual(await Promise.all([one.ended, two.ended]), [undefined, undefined]);
  assert.throws(() => client.watchX509Bundles({ onUpdate: () => {} }), { code: 'ERR_CLOSED' });
});
