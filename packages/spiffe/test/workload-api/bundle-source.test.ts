import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

import { createTestCa, createTestClock, createTestJwtAuthority, startFakeWorkloadApi } from '@muster/testing';
import type { FakeWorkloadApi } from '@muster/testing';

import { createBundleSource, TrustDomain } from '../../src/index.ts';
import { GRPC_STATUS } from '../../src/wire/index.ts';
import { FAST_RETRY, jwtBundlesMessage, until, x509BundlesMessage } from './support.ts';

const td = TrustDomain.parse('example.org');
const ca = createTestCa();
const jwt = createTestJwtAuthority();

let api: FakeWorkloadApi;

beforeEach(async () => {
  api = await startFakeWorkloadApi();
});

afterEach(async () => {
  await api.stop();
});

test('both kinds of bundles are there once the source is', async () => {
  api.send('FetchX509Bundles', x509BundlesMessage([ca]));
  api.send('FetchJWTBundles', jwtBundlesMessage({ 'spiffe://example.org': jwt.jwks }));
  await using source = await createBundleSource({ address: api.address, retry: FAST_RETRY });
  assert.ok(source.getX509Bundle(td)?.equals(ca.bundle));
  assert.ok(source.getJwtBundle(td)?.equals(jwt.bundle));
  assert.equal(source.getJwtBundle(TrustDomain.parse('other.org')), undefined);
});

test('a closed source gives no bundles, which may be out of date by then', async () => {
  api.send('FetchX509Bundles', x509BundlesMessage([ca]));
  api.send('FetchJWTBundles', jwtBundlesMessage({ 'spiffe://example.org': jwt.jwks }));
  const source = await createBundleSource({ address: api.address, retry: FAST_RETRY });
  await source.close();
  for (const get of [
    () => source.getX509Bundle(td),
    () => source.getX509Bundles(),
    () => source.getJwtBundle(td),
    () => source.getJwtBundles(),
  ]) {
    assert.throws(get, { code: 'ERR_CLOSED' });
  }
});

test('an endpoint that has answered is asked again where it says that it knows no such call', async () => {
  api.send('FetchX509Bundles', x509BundlesMessage([ca]));
  const told: unknown[] = [];
  await using source = await createBundleSource({
    address: api.address,
    kinds: ['x509'],
    retry: FAST_RETRY,
    onError: (error, retryInMs) => {
      told.push([(error as { code?: string }).code, retryInMs === undefined]);
    },
  });
  api.refuse('FetchX509Bundles', GRPC_STATUS.UNIMPLEMENTED);
  await until(() => told.length >= 2);
  assert.deepEqual(told[0], ['ERR_ENDPOINT_UNIMPLEMENTED', false]);
  assert.ok(source.getX509Bundle(td));
  api.send('FetchX509Bundles', x509BundlesMessage([createTestCa('other.org')]));
  await until(() => source.getX509Bundle(td) === undefined);
});

test('A55 a set is replaced as a whole, and listeners are told', async () => {
  api.send('FetchX509Bundles', x509BundlesMessage([ca]));
  api.send('FetchJWTBundles', jwtBundlesMessage({ 'spiffe://example.org': jwt.jwks }));
  await using source = await createBundleSource({ address: api.address, retry: FAST_RETRY });
  let changes = 0;
  const stop = source.onChange(() => {
    changes += 1;
  });
  api.send('FetchJWTBundles', jwtBundlesMessage({ 'spiffe://other.org': jwt.jwks }));
  await until(() => changes === 1);
  assert.equal(source.getJwtBundle(td), undefined);
  assert.ok(source.getJwtBundle(TrustDomain.parse('other.org')));
  stop();
  api.send('FetchX509Bundles', x509BundlesMessage([createTestCa('other.org')]));
  await until(() => source.getX509Bundle(td) === undefined);
  assert.equal(changes, 1);
});

test('the last bundles stay while the endpoint is away or sends rubbish', async () => {
  api.send('FetchX509Bundles', x509BundlesMessage([ca]));
  api.send('FetchJWTBundles', jwtBundlesMessage({ 'spiffe://example.org': jwt.jwks }));
  const errors: string[] = [];
  await using source = await createBundleSource({
    address: api.address,
    retry: FAST_RETRY,
    onError: (error) => {
      errors.push((error as { code?: string }).code ?? '');
    },
  });
  api.send('FetchJWTBundles', jwtBundlesMessage({ 'spiffe://example.org': 'rubbish' }));
  await until(() => errors.includes('ERR_BUNDLE_MALFORMED'));
  await api.pause();
  await until(() => errors.includes('ERR_ENDPOINT_UNAVAILABLE'));
  assert.ok(source.getJwtBundle(td)?.equals(jwt.bundle));
  assert.ok(source.getX509Bundle(td));
});

test('waiting ends by the time limit and where trying again is no use', async () => {
  const clock = createTestClock();
  const errors: Error[] = [];
  const creating = createBundleSource({
    address: api.address,
    clock,
    timeoutMs: 500,
    onError: (error) => {
      errors.push(error);
    },
  });
  await until(() => errors.length === 2);
  clock.advance(500);
  await assert.rejects(creating, { code: 'ERR_TIMEOUT' });
  api.refuse('FetchJWTBundles', GRPC_STATUS.UNIMPLEMENTED);
  await assert.rejects(createBundleSource({ address: api.address }), { code: 'ERR_ENDPOINT_UNIMPLEMENTED' });
});
