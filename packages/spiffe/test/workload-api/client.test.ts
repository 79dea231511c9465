import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { createTestCa, createTestJwtAuthority, startFakeWorkloadApi } from '@muster/testing';
import type { FakeWorkloadApi } from '@muster/testing';

import { isSpiffeError, TrustDomain, WorkloadApiClient } from '../../src/index.ts';
import type { X509Context } from '../../src/index.ts';
import { GRPC_STATUS, GrpcStatusError } from '../../src/wire/index.ts';
import { FAST_RETRY, jwtBundlesMessage, until, x509BundlesMessage, x509Message } from './support.ts';

const ID = 'spiffe://example.org/workload';
const td = TrustDomain.parse('example.org');
const ca = createTestCa();
const other = createTestCa('other.org');
const jwt = createTestJwtAuthority();
const offer = { id: ID, svid: ca.issueX509Svid(ID), bundle: ca.certificate };

let api: FakeWorkloadApi;
let client: WorkloadApiClient;

before(async () => {
  api = await startFakeWorkloadApi();
  client = new WorkloadApiClient({ address: api.address, retry: FAST_RETRY });
});

after(async () => {
  await client.close();
  await api.stop();
});

test('fetchX509Context gives SVIDs and bundles', async () => {
  api.send('FetchX509SVID', x509Message([{ ...offer, hint: 'internal' }], [other]));
  const { svids, bundles } = await client.fetchX509Context();
  assert.deepEqual(
    svids.map((svid) => [svid.id.toString(), svid.hint]),
    [[ID, 'internal']],
  );
  assert.ok(bundles.getX509Bundle(td)?.equals(ca.bundle));
  assert.ok(bundles.getX509Bundle(other.trustDomain)?.equals(other.bundle));
});

test('of two SVIDs with one hint the first has it, and both are there', async () => {
  const second = 'spiffe://example.org/second';
  const message = x509Message([
    { ...offer, hint: 'same' },
    { id: second, svid: ca.issueX509Svid(second), bundle: ca.certificate, hint: 'same' },
  ]);
  api.send('FetchX509SVID', message);
  const { svids } = await client.fetchX509Context();
  assert.deepEqual(
    svids.map((svid) => [svid.id.toString(), svid.hint]),
    [
      [ID, 'same'],
      [second, undefined],
    ],
  );
  assert.ok(svids[1]!.privateKey.type === 'private');
});

const badContexts: [string, string, Uint8Array][] = [
  [
    'an ID that differs from the SAN',
    'ERR_SVID_ID_MISMATCH',
    x509Message([{ ...offer, id: 'spiffe://example.org/other' }]),
  ],
  [
    'the key of another SVID',
    'ERR_SVID_KEY_MISMATCH',
    x509Message([{ ...offer, svid: { ...offer.svid, keyDer: ca.issueX509Svid(ID).keyDer } }]),
  ],
  ['no bundle', 'ERR_ENDPOINT_RESPONSE', x509Message([{ ...offer, bundle: new Uint8Array(0) }])],
  ['a broken bundle', 'ERR_BUNDLE_MALFORMED', x509Message([{ ...offer, bundle: Buffer.from('x') }])],
  ['no SVID', 'ERR_ENDPOINT_RESPONSE', x509Message([])],
  ['a hint of 1025 bytes', 'ERR_ENDPOINT_RESPONSE', x509Message([{ ...offer, hint: 'a'.repeat(1025) }])],
  [
    'one good and one broken SVID',
    'ERR_SVID_CHAIN_EMPTY',
    x509Message([offer, { ...offer, svid: { ...offer.svid, chainDer: new Uint8Array(0) } }]),
  ],
  ['bytes that are no message', 'ERR_ENDPOINT_RESPONSE', Buffer.from('0aff', 'hex')],
];
for (const [name, code, message] of badContexts) {
  test(`fetchX509Context refuses ${name}`, async () => {
    api.send('FetchX509SVID', message);
    await assert.rejects(client.fetchX509Context(), { name: 'SpiffeError', code });
  });
}

test('fetchX509Bundles and fetchJwtBundles give a set', async () => {
  api.send('FetchX509Bundles', x509BundlesMessage([ca, other]));
  assert.equal((await client.fetchX509Bundles()).size, 2);
  api.send('FetchJWTBundles', jwtBundlesMessage({ 'spiffe://example.org': jwt.jwks }));
  assert.ok((await client.fetchJwtBundles()).getJwtBundle(td)?.equals(jwt.bundle));
  api.send('FetchJWTBundles', jwtBundlesMessage({ 'spiffe://example.org/path': jwt.jwks }));
  await assert.rejects(client.fetchJwtBundles(), { code: 'ERR_ID_TRUST_DOMAIN_CHARACTER' });
});

test('fetchJwtSvids asks for audience and ID and reads the answer', async () => {
  api.onFetchJwtSvid(({ audience, spiffeId }) => {
    assert.deepEqual([audience, spiffeId], [['a', 'b'], ID]);
    return { svids: [{ spiffeId: ID, svid: jwt.issue(ID, ['a', 'b']), hint: 'h' }] };
  });
  const [svid] = await client.fetchJwtSvids({ audience: ['a', 'b'], spiffeId: ID });
  assert.equal(svid?.id.toString(), ID);
  assert.equal(svid.hint, 'h');
});

test('fetchJwtSvids takes only what was asked for', async () => {
  const answer = (spiffeId: string, token: string) => () => ({
    svids: [{ spiffeId, svid: token, hint: '' }],
  });
  api.onFetchJwtSvid(answer(ID, jwt.issue(ID, 'other')));
  await assert.rejects(client.fetchJwtSvids({ audience: ['a'] }), { code: 'ERR_ENDPOINT_RESPONSE' });
  api.onFetchJwtSvid(answer('spiffe://example.org/x', jwt.issue(ID, 'a')));
  await assert.rejects(client.fetchJwtSvids({ audience: ['a'] }), { code: 'ERR_SVID_ID_MISMATCH' });
  api.onFetchJwtSvid(answer(ID, jwt.issue(ID, 'a')));
  await assert.rejects(client.fetchJwtSvids({ audience: ['a'], spiffeId: 'spiffe://example.org/x' }), {
    code: 'ERR_NO_IDENTITY',
  });
  api.onFetchJwtSvid(() => ({ svids: [] }));
  await assert.rejects(client.fetchJwtSvids({ audience: ['a'] }), { code: 'ERR_NO_IDENTITY' });
  await assert.rejects(client.fetchJwtSvids({ audience: [] }), { code: 'ERR_REQUEST_REFUSED' });
  await assert.rejects(client.fetchJwtSvids({ audience: ['a', ''] }), { code: 'ERR_REQUEST_REFUSED' });
});

test('validateJwtSvid passes the token on and gives ID and claims back', async () => {
  api.onValidateJwtSvid(({ audience, svid }) => {
    assert.deepEqual([audience, svid], ['a', 'token']);
    return { spiffeId: ID, claims: { aud: ['a'], n: 1 } };
  });
  const { id, claims } = await client.validateJwtSvid({ token: 'token', audience: 'a' });
  assert.equal(id.toString(), ID);
  assert.deepEqual(claims, { aud: ['a'], n: 1 });
});

const statuses: [keyof typeof GRPC_STATUS, string][] = [
  ['INVALID_ARGUMENT', 'ERR_REQUEST_REFUSED'],
  ['PERMISSION_DENIED', 'ERR_NO_IDENTITY'],
  ['UNIMPLEMENTED', 'ERR_ENDPOINT_UNIMPLEMENTED'],
  ['UNAVAILABLE', 'ERR_ENDPOINT_UNAVAILABLE'],
  ['DEADLINE_EXCEEDED', 'ERR_TIMEOUT'],
  ['INTERNAL', 'ERR_GRPC_STATUS'],
];
for (const [status, code] of statuses) {
  test(`status ${status} is ${code}, with the status as its cause`, async () => {
    api.refuse('FetchX509SVID', GRPC_STATUS[status]);
    await assert.rejects(client.fetchX509Context(), (error) => {
      assert.ok(isSpiffeError(error));
      assert.equal(error.code, code);
      assert.ok((error.cause ?? error) instanceof GrpcStatusError);
      return true;
    });
  });
}

test('a call ends by its time limit and by its signal', async () => {
  api.onFetchJwtSvid(async () => await new Promise(() => {}));
  await assert.rejects(client.fetchJwtSvids({ audience: ['a'] }, { timeoutMs: 10 }), { code: 'ERR_TIMEOUT' });
  const controller = new AbortController();
  const call = client.fetchJwtSvids({ audience: ['a'] }, { signal: controller.signal });
  controller.abort();
  await assert.rejects(call, { code: 'ERR_ABORTED' });
});

test('a watch delivers each state, and comes back after a break', async () => {
  const seen: X509Context[] = [];
  const errors: [string, number | undefined][] = [];
  api.send('FetchX509SVID', x509Message([offer]));
  const watch = client.watchX509Context({
    onUpdate: (context) => {
      seen.push(context);
    },
    onError: (error, retryInMs) => {
      errors.push([(error as { code?: string }).code ?? '', retryInMs]);
    },
  });
  await until(() => seen.length === 1);
  api.send('FetchX509SVID', x509Message([{ ...offer, hint: 'two' }]));
  await until(() => seen.length === 2);
  api.send('FetchX509SVID', x509Message([{ ...offer, id: 'spiffe://example.org/x' }]));
  await until(() => errors.length === 1);
  assert.deepEqual(errors, [['ERR_SVID_ID_MISMATCH', 0]]);
  await api.pause();
  await until(() => errors.length >= 4);
  assert.deepEqual(errors.slice(1, 4), [
    ['ERR_ENDPOINT_UNAVAILABLE', 1],
    ['ERR_ENDPOINT_UNAVAILABLE', 2],
    ['ERR_ENDPOINT_UNAVAILABLE', 4],
  ]);
  api.send('FetchX509SVID', x509Message([{ ...offer, hint: 'back' }]));
  await api.resume();
  await until(() => seen.length === 3);
  assert.equal(seen[2]?.svids[0]?.hint, 'back');
  await watch.close();
  const count = seen.length;
  api.send('FetchX509SVID', x509Message([offer]));
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  assert.equal(seen.length, count);
  assert.equal(await watch.ended, undefined);
});

test('a handler that throws refuses the update and keeps the watch', async () => {
  api.send('FetchX509Bundles', x509BundlesMessage([ca]));
  const errors: Error[] = [];
  let updates = 0;
  await using watch = client.watchX509Bundles({
    onUpdate: () => {
      updates += 1;
      throw new Error('not this one');
    },
    onError: (error) => {
      errors.push(error);
      throw new Error('nor this');
    },
  });
  await until(() => errors.length === 1);
  api.send('FetchX509Bundles', x509BundlesMessage([other]));
  await until(() => errors.length === 2);
  assert.equal(updates, 2);
  assert.match(errors[1]!.message, /not this one/);
  void watch;
});

for (const status of ['INVALID_ARGUMENT', 'UNIMPLEMENTED'] as const) {
  test(`a watch ends at ${status}`, async () => {
    api.refuse('FetchJWTBundles', GRPC_STATUS[status]);
    const before = api.calls.length;
    let lastRetry: number | undefined = -1;
    const watch = client.watchJwtBundles({
      onUpdate: () => {},
      onError: (_error, retryInMs) => {
        lastRetry = retryInMs;
      },
    });
    const error = await watch.ended;
    assert.ok(isSpiffeError(error));
    assert.equal(lastRetry, undefined);
    assert.equal(api.calls.length, before + 1);
  });
}

test('a watch gives up after the attempts it was given', async () => {
  api.refuse('FetchJWTBundles', GRPC_STATUS.UNAVAILABLE);
  await using impatient = new WorkloadApiClient({
    address: api.address,
    retry: { ...FAST_RETRY, attempts: 3 },
  });
  const before = api.calls.length;
  const error = await impatient.watchJwtBundles({ onUpdate: () => {} }).ended;
  assert.ok(isSpiffeError(error) && error.code === 'ERR_ENDPOINT_UNAVAILABLE');
  assert.equal(api.calls.length, before + 3);
});

test('a watch ends by its signal, also while it waits', async () => {
  api.refuse('FetchJWTBundles', GRPC_STATUS.UNAVAILABLE);
  await using patient = new WorkloadApiClient({ address: api.address, retry: { initialDelayMs: 3_600_000 } });
  const controller = new AbortController();
  const watch = patient.watchJwtBundles(
    {
      onUpdate: () => {},
      onError: () => {
        controller.abort();
      },
    },
    { signal: controller.signal },
  );
  assert.equal(await watch.ended, undefined);
  assert.equal(
    await patient.watchJwtBundles({ onUpdate: () => {} }, { signal: AbortSignal.abort() }).ended,
    undefined,
  );
});

test('closing the client ends its watches and refuses new ones', async () => {
  api.send('FetchX509SVID', x509Message([offer]));
  const closing = new WorkloadApiClient({ address: api.address });
  let updates = 0;
  const watch = closing.watchX509Context({
    onUpdate: () => {
      updates += 1;
    },
  });
  await until(() => updates === 1);
  await closing.close();
  assert.equal(await watch.ended, undefined);
  assert.throws(() => closing.watchX509Context({ onUpdate: () => {} }), { code: 'ERR_CLOSED' });
  await assert.rejects(closing.fetchX509Context(), { code: 'ERR_CLOSED' });
});
