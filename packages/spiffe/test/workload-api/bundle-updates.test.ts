import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

import { createTestCa, createTestJwtAuthority, startFakeWorkloadApi } from '@muster/testing';
import type { FakeWorkloadApi } from '@muster/testing';

import { createBundleSource, createX509Source, WorkloadApiClient } from '../../src/index.ts';
import type { BundleSource, BundleSourceOptions, ResponseLimits } from '../../src/index.ts';
import { GRPC_STATUS, x509BundlesResponse, x509SvidResponse } from '../../src/wire/index.ts';
import { FAST_RETRY, jwtBundlesMessage, until, x509BundlesMessage, x509Message } from './support.ts';

const ID = 'spiffe://example.org/workload';
const OWN = 'spiffe://example.org';
const OTHER = 'spiffe://other.org';
const ca = createTestCa();
const second = createTestCa();
const other = createTestCa('other.org');
const jwt = createTestJwtAuthority();
const unreadable = Buffer.from('30020500', 'hex');

let api: FakeWorkloadApi;
let errors: string[];

beforeEach(async () => {
  api = await startFakeWorkloadApi();
  errors = [];
});

afterEach(async () => {
  await api.stop();
});

const onError = (error: Error): void => {
  errors.push((error as { code?: string }).code ?? error.message);
};

async function open(options: Partial<BundleSourceOptions> = {}): Promise<BundleSource> {
  return await createBundleSource({ address: api.address, retry: FAST_RETRY, onError, ...options });
}

function x509Bundles(bundles: Readonly<Record<string, Uint8Array>>): Uint8Array {
  return x509BundlesResponse.encode({ crl: [], bundles: new Map(Object.entries(bundles)) });
}

function x509Context(bundle: Uint8Array, federated: Readonly<Record<string, Uint8Array>> = {}): Uint8Array {
  const { chainDer, keyDer } = ca.issueX509Svid(ID);
  return x509SvidResponse.encode({
    svids: [{ spiffeId: ID, x509Svid: chainDer, x509SvidKey: keyDer, bundle, hint: '' }],
    crl: [],
    federatedBundles: new Map(Object.entries(federated)),
  });
}

test('one authority that cannot be read is passed over and told, and the rest of the update counts', async () => {
  api.send('FetchX509SVID', x509Context(Buffer.concat([unreadable, ca.certificate, second.certificate])));
  await using source = await createX509Source({ address: api.address, onError });
  assert.equal(source.getX509Bundle(ca.trustDomain)?.authorities.length, 2);
  assert.deepEqual(errors, ['ERR_BUNDLE_ENTRY_IGNORED']);
  // The same again is not told again, and that it has become good is no fault.
  api.send('FetchX509SVID', x509Context(Buffer.concat([unreadable, ca.certificate])));
  await source.waitForChange();
  api.send('FetchX509SVID', x509Context(ca.certificate));
  await source.waitForChange();
  assert.deepEqual(errors, ['ERR_BUNDLE_ENTRY_IGNORED']);
});

test('an own bundle of which nothing can be read spoils the update, and nothing is trusted by accident', async () => {
  api.send('FetchX509SVID', x509Context(ca.certificate));
  await using source = await createX509Source({ address: api.address, onError });
  const svid = source.getX509Svid();
  api.send('FetchX509SVID', x509Context(unreadable));
  await until(() => errors.length === 1);
  assert.deepEqual(errors, ['ERR_BUNDLE_MALFORMED']);
  assert.equal(source.getX509Svid(), svid);
  assert.ok(source.getX509Bundle(ca.trustDomain)?.equals(ca.bundle));
});

test('a federated bundle that cannot be read does not keep the own SVID from being renewed', async () => {
  api.send('FetchX509SVID', x509Context(ca.certificate, { [OTHER]: other.certificate }));
  await using source = await createX509Source({ address: api.address, onError });
  assert.ok(source.getX509Bundle(other.trustDomain)?.equals(other.bundle));
  const svid = source.getX509Svid();
  api.send(
    'FetchX509SVID',
    x509Context(ca.certificate, { [OTHER]: unreadable, 'spiffe://A B': other.certificate }),
  );
  await source.waitForChange();
  assert.notEqual(source.getX509Svid(), svid);
  assert.equal(source.getX509Bundle(other.trustDomain), undefined, 'whoever is from there is refused');
  await until(() => errors.length === 2);
  assert.deepEqual(errors, ['ERR_BUNDLE_ENTRY_IGNORED', 'ERR_BUNDLE_ENTRY_IGNORED']);
  assert.equal(source.getX509Identity().bundles.ignored.length, 2);
});

test('A54 an empty federated bundle trusts nobody, and that is told', async () => {
  api.send('FetchX509SVID', x509Context(ca.certificate, { [OTHER]: Buffer.alloc(0) }));
  await using source = await createX509Source({ address: api.address, onError });
  assert.equal(source.getX509Bundle(other.trustDomain)?.isEmpty, true);
  assert.deepEqual(errors, ['ERR_BUNDLE_EMPTY']);
});

test('bundles that cannot be read are left out of both kinds and told; without one left the last ones stay', async () => {
  api.send('FetchX509Bundles', x509Bundles({ [OWN]: ca.certificate, [OTHER]: unreadable }));
  api.send('FetchJWTBundles', jwtBundlesMessage({ [OWN]: jwt.jwks, [OTHER]: 'rubbish' }));
  await using source = await open();
  assert.deepEqual([source.getX509Bundles()?.size, source.getJwtBundles()?.size], [1, 1]);
  await until(() => errors.length === 2);
  assert.deepEqual(errors, ['ERR_BUNDLE_ENTRY_IGNORED', 'ERR_BUNDLE_ENTRY_IGNORED']);
  api.send('FetchX509Bundles', x509Bundles({ [OWN]: unreadable }));
  api.send('FetchJWTBundles', jwtBundlesMessage({ [OWN]: 'rubbish' }));
  await until(() => errors.length === 4);
  assert.deepEqual(errors.slice(2), ['ERR_BUNDLE_MALFORMED', 'ERR_BUNDLE_MALFORMED']);
  assert.ok(source.getX509Bundle(ca.trustDomain)?.equals(ca.bundle));
  assert.ok(source.getJwtBundle(ca.trustDomain)?.equals(jwt.bundle));
});

test('WA-2 a message without any bundle is discarded and told', async () => {
  api.send('FetchX509Bundles', x509BundlesMessage([ca]));
  api.send('FetchJWTBundles', jwtBundlesMessage({ [OWN]: jwt.jwks }));
  await using source = await open();
  api.send('FetchX509Bundles', x509Bundles({}));
  api.send('FetchJWTBundles', jwtBundlesMessage({}));
  await until(() => errors.length === 2);
  assert.deepEqual(errors, ['ERR_ENDPOINT_RESPONSE', 'ERR_ENDPOINT_RESPONSE']);
  assert.ok(source.getX509Bundle(ca.trustDomain) && source.getJwtBundle(ca.trustDomain));
});

test('WA-2 a message without any SVID is discarded and told, and the old one stays in use', async () => {
  api.send('FetchX509SVID', x509Context(ca.certificate));
  await using source = await createX509Source({ address: api.address, onError });
  api.send('FetchX509SVID', x509Message([]));
  await until(() => errors.length === 1);
  assert.deepEqual([errors, source.state()], [['ERR_ENDPOINT_RESPONSE'], 'valid']);
});

test('JB-7 a JWT bundle without keys trusts nobody, and that is told', async () => {
  api.send('FetchX509Bundles', x509BundlesMessage([ca]));
  api.send('FetchJWTBundles', jwtBundlesMessage({ [OWN]: '{"keys":[]}' }));
  await using source = await open();
  assert.equal(source.getJwtBundle(ca.trustDomain)?.isEmpty, true);
  assert.deepEqual(errors, ['ERR_BUNDLE_EMPTY']);
});

test('a denial withdraws the bundles of its kind, unless they are to be kept', async () => {
  const all = (): void => {
    api.send('FetchX509Bundles', x509BundlesMessage([ca]));
    api.send('FetchJWTBundles', jwtBundlesMessage({ [OWN]: jwt.jwks }));
  };
  all();
  const source = await open();
  const kept = await open({ denial: 'keep' });
  const { changeCount } = source;
  api.refuse('FetchX509Bundles', GRPC_STATUS.PERMISSION_DENIED);
  assert.equal(await source.waitForChange({ after: changeCount }), 'x509');
  assert.equal(source.getX509Bundles(), undefined);
  assert.equal(source.getX509Bundle(ca.trustDomain), undefined);
  assert.ok(source.getJwtBundle(ca.trustDomain));
  await until(() => errors.length >= 4);
  assert.equal(source.changeCount, changeCount + 1, 'told once');
  assert.ok(kept.getX509Bundle(ca.trustDomain));
  all();
  await until(() => source.getX509Bundle(ca.trustDomain) !== undefined);
  await Promise.all([source.close(), kept.close()]);
});

test('one kind of bundle can be followed alone', async () => {
  api.send('FetchJWTBundles', jwtBundlesMessage({ [OWN]: jwt.jwks }));
  api.refuse('FetchX509Bundles', GRPC_STATUS.UNIMPLEMENTED);
  await using source = await open({ kinds: ['jwt'] });
  assert.ok(source.getJwtBundle(ca.trustDomain));
  assert.equal(source.getX509Bundles(), undefined);
  assert.deepEqual(api.calls, ['FetchJWTBundles']);
  await assert.rejects(open({ kinds: [] }), { code: 'ERR_SOURCE_OPTIONS' });
});

const manyBundles = Object.fromEntries(
  Array.from({ length: 4 }, (_, index) => [`spiffe://td${index}.org`, ca.certificate]),
);
const manySvids = Array.from({ length: 4 }, (_, index) => {
  const id = `${OWN}/${index}`;
  return { id, svid: ca.issueX509Svid(id), bundle: ca.certificate };
});
const tooMuch: [string, ResponseLimits, (client: WorkloadApiClient) => Promise<unknown>][] = [
  [
    'SVIDs',
    { maxSvids: 3 },
    async (client) => {
      api.send('FetchX509SVID', x509Message(manySvids));
      return await client.fetchX509Context();
    },
  ],
  [
    'JWT-SVIDs',
    { maxSvids: 3 },
    async (client) => {
      const svid = { spiffeId: ID, svid: jwt.issue(ID, 'a'), hint: '' };
      api.onFetchJwtSvid(() => ({ svids: [svid, svid, svid, svid] }));
      return await client.fetchJwtSvids({ audience: ['a'] });
    },
  ],
  [
    'bundles',
    { maxBundles: 3 },
    async (client) => {
      api.send('FetchX509Bundles', x509Bundles(manyBundles));
      return await client.fetchX509Bundles();
    },
  ],
  [
    'federated bundles',
    { maxBundles: 3 },
    async (client) => {
      api.send('FetchX509SVID', x509Context(ca.certificate, manyBundles));
      return await client.fetchX509Context();
    },
  ],
  [
    'bytes of the own bundle',
    { maxBundleBytes: ca.certificate.length + 100 },
    async (client) => {
      api.send('FetchX509SVID', x509Context(Buffer.concat([ca.certificate, second.certificate])));
      return await client.fetchX509Context();
    },
  ],
  [
    'bytes of a JWT bundle',
    { maxBundleBytes: jwt.jwks.length },
    async (client) => {
      api.send('FetchJWTBundles', jwtBundlesMessage({ [OWN]: `${jwt.jwks} ` }));
      return await client.fetchJwtBundles();
    },
  ],
];
for (const [what, limits, fetch] of tooMuch) {
  test(`A54 too many ${what} are refused as a whole`, async () => {
    await using strict = new WorkloadApiClient({ address: api.address, limits });
    await assert.rejects(fetch(strict), { code: 'ERR_ENDPOINT_LIMIT' });
    await using usual = new WorkloadApiClient({ address: api.address });
    await fetch(usual);
  });
}

test('A54 a message that is too large ends the call, and limits must be meant', async () => {
  api.send('FetchX509SVID', x509Context(ca.certificate));
  await using client = new WorkloadApiClient({ address: api.address, maxMessageBytes: 100 });
  await assert.rejects(client.fetchX509Context(), { code: 'ERR_GRPC_STATUS' });
  for (const limits of [{ maxSvids: 0 }, { maxBundles: 1.5 }, { maxBundleBytes: Number.NaN }]) {
    assert.throws(() => new WorkloadApiClient({ address: api.address, limits }), {
      code: 'ERR_SOURCE_OPTIONS',
    });
  }
});
