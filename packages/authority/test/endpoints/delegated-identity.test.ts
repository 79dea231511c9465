import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { verifyJwtSvid } from '@muster/spiffe';
import {
  emptyMessage,
  fetchJwtSvidsRequest,
  fetchJwtSvidsResponse,
  GRPC_STATUS,
  GrpcClient,
  subscribeToX509SvidsRequest,
  subscribeToX509SvidsResponse,
  type SubscribeToX509SvidsResponse,
} from '@muster/spiffe/wire';
import type { RegistrationEntry, Selector } from '../../src/index.ts';
import { entry, SELF, startTestAuthority, TRUST_DOMAIN, type TestAuthority } from '../support/authority.ts';

const HOST = `spiffe://${TRUST_DOMAIN}/lattice/dev/host/one`;
const OTHER_HOST = `spiffe://${TRUST_DOMAIN}/lattice/dev/host/two`;
const COMPONENT = '/lattice/dev/app/shop/component/cart';
const PREFIX = '/spire.api.agent.delegatedidentity.v1.DelegatedIdentity/';
const FACTS: readonly string[] = [
  `component-digest:sha256:${'ab'.repeat(32)}`,
  'component-id:cart',
  'app:shop',
  'lattice:dev',
  `host-id:${HOST}`,
];

function wasm(values: readonly string[]): readonly Selector[] {
  return values.map((value) => ({ type: 'wasm', value }));
}

function replace(index: number, value: string): readonly string[] {
  return FACTS.map((fact, position) => (position === index ? value : fact));
}

const hostEntry: RegistrationEntry = entry('/lattice/dev/host/one', { id: 'host' });
const componentEntry: RegistrationEntry = entry(COMPONENT, {
  id: 'component',
  parent_id: HOST,
  selectors: wasm(FACTS),
});

function start(...entries: readonly RegistrationEntry[]): Promise<TestAuthority> {
  return startTestAuthority({ entries, authorizedDelegates: [HOST] });
}

function client(test: TestAuthority): GrpcClient {
  return new GrpcClient({ address: `unix://${test.delegatedSocket}` });
}

async function fetchJwt(
  test: TestAuthority,
  selectors: readonly Selector[],
  overrides: { audience?: readonly string[]; pid?: number } = {},
): Promise<readonly string[]> {
  await using grpc = client(test);
  const request = fetchJwtSvidsRequest.encode({ audience: ['a'], pid: 0, selectors, ...overrides });
  const response = await grpc.unary(`${PREFIX}FetchJWTSVIDs`, request);
  return fetchJwtSvidsResponse
    .decode(response)
    .svids.map(({ id }) => `spiffe://${id?.trustDomain}${id?.path}`);
}

function ended(status: number, message: string): Record<string, unknown> {
  return { status, message: new RegExp(`: ${message}$`) };
}

const NO_IDENTITY = ended(GRPC_STATUS.PERMISSION_DENIED, 'no identity issued');
const NO_DELEGATE = ended(GRPC_STATUS.PERMISSION_DENIED, 'caller not configured as an authorized delegate');

describe('FetchJWTSVIDs', () => {
  it('issues for a component whose every fact an entry names', async () => {
    await using test = await start(hostEntry, componentEntry);
    await using delegated = test.delegatedApi();
    const [svid, ...more] = await delegated.fetchJwtSvids({ selectors: wasm(FACTS), audience: ['a'] });
    assert.ok(svid);
    assert.equal(more.length, 0);
    assert.equal(svid.id.toString(), `spiffe://${TRUST_DOMAIN}${COMPONENT}`);
    const bundles = await test.workloadApi().fetchJwtBundles();
    assert.equal(verifyJwtSvid(svid.token, { bundles, audience: 'a' }).jti, svid.jti);
    const record = test.records.find(({ details }) => details['kind'] === 'jwt');
    assert.deepEqual(
      [record?.spiffeId, record?.rule, record?.details['delegate']],
      [`spiffe://${TRUST_DOMAIN}${COMPONENT}`, 'component', HOST],
    );
  });

  it('ignores further facts that the entry does not ask for', async () => {
    await using test = await start(hostEntry, componentEntry);
    const extra = [
      ...wasm(FACTS),
      { type: 'wasm', value: 'image-digest:sha256:00' },
      { type: 'x', value: 'y' },
    ];
    assert.equal((await fetchJwt(test, extra)).length, 1);
  });

  it('refuses when any one fact is missing or different', async () => {
    await using test = await start(hostEntry, componentEntry);
    for (let index = 0; index < FACTS.length; index++) {
      await assert.rejects(
        fetchJwt(test, wasm(FACTS.filter((_, position) => position !== index))),
        NO_IDENTITY,
      );
      await assert.rejects(fetchJwt(test, wasm(replace(index, `${FACTS[index]}x`))), NO_IDENTITY);
    }
  });

  it('refuses a component of another host, even if an entry names that host', async () => {
    const elsewhere = wasm(replace(4, `host-id:${OTHER_HOST}`));
    await using test = await start(hostEntry, componentEntry, {
      ...componentEntry,
      id: 'other',
      selectors: elsewhere,
    });
    await assert.rejects(fetchJwt(test, elsewhere), NO_IDENTITY);
  });

  it('refuses a fact that is stated twice, which would describe two components', async () => {
    await using test = await start(hostEntry, componentEntry);
    for (const fact of FACTS) {
      const selectors = [...wasm(FACTS), { type: 'wasm', value: `${fact}x` }];
      await assert.rejects(fetchJwt(test, selectors), { status: GRPC_STATUS.INVALID_ARGUMENT });
    }
  });

  it('serves no entry that lacks a fact, mixes types, or is admin, downstream or stored', async () => {
    for (const flags of [{ admin: true }, { downstream: true }, { store_svid: true }]) {
      await using test = await start(hostEntry, { ...componentEntry, ...flags });
      await assert.rejects(fetchJwt(test, wasm(FACTS)), NO_IDENTITY);
    }
    const mixed = [...wasm(FACTS), { type: 'unix', value: 'uid:0' }];
    const incomplete = FACTS.map((_, index) => wasm(FACTS.filter((__, position) => position !== index)));
    for (const selectors of [mixed, ...incomplete]) {
      await using test = await start(hostEntry, { ...componentEntry, selectors });
      await assert.rejects(fetchJwt(test, mixed), NO_IDENTITY);
    }
  });

  it('never serves the entry of a process, whatever the delegate claims', async () => {
    const victim = entry('/callout', { selectors: [{ type: 'unix', value: 'uid:0' }] });
    await using test = await start(hostEntry, componentEntry, victim);
    const claims = [
      ...wasm(FACTS),
      { type: 'unix', value: 'uid:0' },
      SELF,
      { type: 'muster', value: 'child:callout' },
    ];
    assert.deepEqual(await fetchJwt(test, claims), [`spiffe://${TRUST_DOMAIN}${COMPONENT}`]);
    await assert.rejects(fetchJwt(test, claims.slice(FACTS.length)), NO_IDENTITY);
  });

  it('is for authorized delegates only', async () => {
    await using unauthorized = await startTestAuthority({ entries: [hostEntry, componentEntry] });
    await assert.rejects(fetchJwt(unauthorized, wasm(FACTS)), NO_DELEGATE);
    const absent = { ...hostEntry, selectors: [{ type: 'unix', value: 'uid:4294967294' }] };
    await using unattested = await start(absent, componentEntry);
    await assert.rejects(fetchJwt(unattested, wasm(FACTS)), NO_DELEGATE);
    assert.equal(unattested.records.at(-1)?.decision, 'deny');
  });

  it('has the exact codes of the reference implementation', async () => {
    await using test = await start(hostEntry, componentEntry);
    const invalid = { status: GRPC_STATUS.INVALID_ARGUMENT };
    await assert.rejects(fetchJwt(test, wasm(FACTS), { audience: [] }), invalid);
    await assert.rejects(fetchJwt(test, []), invalid);
    await assert.rejects(fetchJwt(test, wasm(FACTS), { pid: process.pid }), invalid);
    await assert.rejects(fetchJwt(test, [{ type: 'wasm', value: 'app:a\nb' }]), invalid);
    await assert.rejects(fetchJwt(test, [{ type: '', value: 'x' }]), invalid);
    await assert.rejects(fetchJwt(test, [], { pid: process.pid }), NO_IDENTITY);
  });

  it('gives an identity exactly when every required fact is there and right', async () => {
    await using test = await start(hostEntry, componentEntry);
    await fc.assert(
      fc.asyncProperty(
        fc.subarray([...FACTS]),
        fc.subarray(['app:other', 'label:x', 'namespace:y']),
        async (facts, more) => {
          const selectors = wasm([...facts, ...more]);
          const isAppTwice = facts.includes('app:shop') && more.includes('app:other');
          const isComplete = facts.length === FACTS.length && !isAppTwice;
          const issued = await fetchJwt(test, selectors).catch(() => []);
          assert.equal(issued.length, isComplete ? 1 : 0);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('SubscribeToX509SVIDs', () => {
  async function next(
    stream: AsyncGenerator<Uint8Array, void, undefined>,
  ): Promise<SubscribeToX509SvidsResponse> {
    const result = await stream.next();
    assert.ok(result.done !== true);
    return subscribeToX509SvidsResponse.decode(result.value);
  }

  it('sends an empty list when nothing matches, then what comes and goes', async () => {
    await using test = await start(hostEntry);
    await using grpc = client(test);
    const request = subscribeToX509SvidsRequest.encode({ selectors: wasm(FACTS), pid: 0 });
    const stream = grpc.serverStream(`${PREFIX}SubscribeToX509SVIDs`, request);
    assert.deepEqual((await next(stream)).x509Svids, []);
    test.authority.entries.create(componentEntry);
    const [svid] = (await next(stream)).x509Svids;
    assert.deepEqual(svid?.x509Svid?.id, { trustDomain: TRUST_DOMAIN, path: COMPONENT });
    const [certificate] = svid.x509Svid.certChain;
    assert.ok(certificate);
    const leaf = new X509Certificate(certificate);
    assert.equal(leaf.validToDate.getTime() / 1000, svid.x509Svid.expiresAt);
    test.authority.entries.delete('component');
    assert.deepEqual((await next(stream)).x509Svids, []);
    await stream.return();
    const [first, issued, withdrawn] = test.records;
    assert.deepEqual([first?.decision, issued?.decision, withdrawn?.decision], ['deny', 'allow', 'deny']);
  });

  it('ends when the caller is no delegate any more', async () => {
    await using test = await start(hostEntry, componentEntry);
    await using grpc = client(test);
    const request = subscribeToX509SvidsRequest.encode({ selectors: wasm(FACTS), pid: 0 });
    const stream = grpc.serverStream(`${PREFIX}SubscribeToX509SVIDs`, request);
    await next(stream);
    test.authority.entries.delete('host');
    await assert.rejects(stream.next(), NO_DELEGATE);
  });

  it('wants either selectors or a pid', async () => {
    await using test = await start(hostEntry);
    await using grpc = client(test);
    for (const request of [
      { selectors: [], pid: 0 },
      { selectors: wasm(FACTS), pid: 1 },
    ]) {
      const stream = grpc.serverStream(
        `${PREFIX}SubscribeToX509SVIDs`,
        subscribeToX509SvidsRequest.encode(request),
      );
      await assert.rejects(stream.next(), { status: GRPC_STATUS.INVALID_ARGUMENT });
    }
  });
});

describe('the bundle streams of the Delegated Identity API', () => {
  it('are for authorized delegates only', async () => {
    await using test = await start(hostEntry);
    await using outside = await startTestAuthority({ entries: [hostEntry] });
    for (const method of ['SubscribeToX509Bundles', 'SubscribeToJWTBundles']) {
      await using grpc = client(test);
      const stream = grpc.serverStream(PREFIX + method, emptyMessage.encode({}));
      assert.equal((await stream.next()).done, false);
      await stream.return();
      await using refused = client(outside);
      await assert.rejects(
        refused.serverStream(PREFIX + method, emptyMessage.encode({})).next(),
        NO_DELEGATE,
      );
    }
  });

  it('are not there without a socket for them, nor is the Workload API on this one', async () => {
    await using test = await start(hostEntry);
    await using grpc = client(test);
    await assert.rejects(
      grpc
        .serverStream('/SpiffeWorkloadAPI/FetchX509SVID', emptyMessage.encode({}), {
          metadata: { 'workload.spiffe.io': 'true' },
        })
        .next(),
      { status: GRPC_STATUS.UNIMPLEMENTED },
    );
  });
});
