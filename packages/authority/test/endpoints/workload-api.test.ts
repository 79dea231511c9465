import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { TrustDomain, verifyJwtSvid, verifyX509Svid, parseSpiffeBundle } from '@muster/spiffe';
import {
  emptyMessage,
  GRPC_STATUS,
  GrpcClient,
  jwtBundlesResponse,
  jwtSvidRequest,
  jwtSvidResponse,
  validateJwtSvidRequest,
  x509SvidResponse,
  type X509SvidResponse,
} from '@muster/spiffe/wire';
import { entry, SELF, startTestAuthority, TRUST_DOMAIN, type TestAuthority } from '../support/authority.ts';

const HEADER = { metadata: { 'workload.spiffe.io': 'true' } };
const AUDIENCE = `spiffe://${TRUST_DOMAIN}/callout`;
const ID = `spiffe://${TRUST_DOMAIN}/one`;

function client(test: TestAuthority): GrpcClient {
  return new GrpcClient({ address: test.address });
}

function path(method: string): string {
  return `/SpiffeWorkloadAPI/${method}`;
}

function status(code: number, message?: string): Record<string, unknown> {
  return { status: code, ...(message === undefined ? {} : { message: new RegExp(`: ${message}$`) }) };
}

async function next(stream: AsyncGenerator<Uint8Array, void, undefined>): Promise<X509SvidResponse> {
  const result = await stream.next();
  assert.ok(result.done !== true);
  return x509SvidResponse.decode(result.value);
}

describe('FetchX509SVID', () => {
  it('delivers at once what verifies against the bundle that comes with it', async () => {
    await using test = await startTestAuthority({ entries: [entry('/one', { hint: 'main' })] });
    await using grpc = client(test);
    const stream = grpc.serverStream(path('FetchX509SVID'), emptyMessage.encode({}), HEADER);
    const { svids } = await next(stream);
    await stream.return();
    const [svid] = svids;
    assert.ok(svid);
    assert.equal(svids.length, 1);
    assert.equal(svid.spiffeId, ID);
    assert.equal(svid.hint, 'main');
    const leaf = new X509Certificate(svid.x509Svid);
    assert.ok(leaf.verify(new X509Certificate(svid.bundle).publicKey));
    const key = createPrivateKey({ key: Buffer.from(svid.x509SvidKey), format: 'der', type: 'pkcs8' });
    assert.ok(leaf.checkPrivateKey(key));

    const bundle = parseSpiffeBundle(TrustDomain.parse(TRUST_DOMAIN), test.authority.bundle());
    assert.equal(verifyX509Svid([svid.x509Svid], bundle).id.toString(), ID);
  });

  it('orders by entry id and drops all but the oldest of a hint', async () => {
    await using test = await startTestAuthority({
      entries: [
        entry('/c', { id: 'c', hint: 'h', created_at: 300 }),
        entry('/b', { id: 'b', hint: 'h', created_at: 200 }),
        entry('/a', { id: 'a' }),
      ],
    });
    await using grpc = client(test);
    const stream = grpc.serverStream(path('FetchX509SVID'), emptyMessage.encode({}), HEADER);
    const { svids } = await next(stream);
    await stream.return();
    assert.deepEqual(
      svids.map(({ spiffeId }) => spiffeId),
      [`spiffe://${TRUST_DOMAIN}/a`, `spiffe://${TRUST_DOMAIN}/b`],
    );
  });

  it('pushes the whole state when entries change, keeping what did not', async () => {
    await using test = await startTestAuthority({ entries: [entry('/one', { id: 'one' })] });
    await using grpc = client(test);
    const stream = grpc.serverStream(path('FetchX509SVID'), emptyMessage.encode({}), HEADER);
    const first = await next(stream);
    test.authority.entries.create(entry('/two', { id: 'two' }));
    const second = await next(stream);
    assert.equal(second.svids.length, 2);
    assert.deepEqual(second.svids[0]?.x509Svid, first.svids[0]?.x509Svid, 'the first was not issued anew');
    test.authority.entries.update(entry('/three', { id: 'two' }));
    const third = await next(stream);
    assert.equal(third.svids[1]?.spiffeId, `spiffe://${TRUST_DOMAIN}/three`);
    test.authority.entries.delete('two');
    assert.equal((await next(stream)).svids.length, 1);
    await stream.return();
  });

  it('ends with PERMISSION_DENIED when the last entry is removed', async () => {
    await using test = await startTestAuthority({ entries: [entry('/one', { id: 'one' })] });
    await using grpc = client(test);
    const stream = grpc.serverStream(path('FetchX509SVID'), emptyMessage.encode({}), HEADER);
    await next(stream);
    test.authority.entries.delete('one');
    await assert.rejects(stream.next(), status(GRPC_STATUS.PERMISSION_DENIED, 'no identity issued'));
    const last = test.records.at(-1);
    assert.deepEqual([last?.decision, last?.reason], ['deny', 'identity withdrawn']);
    assert.equal(test.authority.health().openStreams, 0);
  });

  it('is denied to whom no entry matches, and recorded', async () => {
    await using test = await startTestAuthority({
      entries: [entry('/one', { selectors: [SELF, { type: 'unix', value: 'uid:4294967294' }] })],
    });
    await using grpc = client(test);
    const stream = grpc.serverStream(path('FetchX509SVID'), emptyMessage.encode({}), HEADER);
    await assert.rejects(stream.next(), status(GRPC_STATUS.PERMISSION_DENIED, 'no identity issued'));
    assert.equal(test.records.length, 1);
    assert.equal(test.records[0]?.decision, 'deny');
  });

  it('never serves a component entry, an expired entry, or one whose SVID is stored elsewhere', async () => {
    await using test = await startTestAuthority({
      entries: [
        entry('/component', { selectors: [SELF, { type: 'wasm', value: 'app:x' }] }),
        entry('/only-wasm', { selectors: [{ type: 'wasm', value: 'app:x' }] }),
        entry('/expired', { expires_at: 1 }),
        entry('/stored', { store_svid: true }),
      ],
    });
    await using grpc = client(test);
    const stream = grpc.serverStream(path('FetchX509SVID'), emptyMessage.encode({}), HEADER);
    await assert.rejects(stream.next(), status(GRPC_STATUS.PERMISSION_DENIED));
  });

  it('serves admin and downstream entries, which mean nothing here', async () => {
    await using test = await startTestAuthority({
      entries: [entry('/one', { admin: true, downstream: true })],
    });
    await using workload = test.workloadApi();
    assert.equal((await workload.fetchX509Context()).svids.length, 1);
  });

  it('caps a life by what the entry and the CA allow', async () => {
    await using test = await startTestAuthority({
      caTtlMs: 60_000,
      x509SvidTtlMs: 10_000,
      jwtSvidTtlMs: 10_000,
      entries: [entry('/one', { x509_svid_ttl: 86_400 })],
    });
    await using workload = test.workloadApi();
    const { svids } = await workload.fetchX509Context();
    assert.equal(svids[0]?.expiresAt, Math.floor(test.authority.health().caExpiresAt / 1000) * 1000);
  });
});

describe('FetchJWTSVID', () => {
  it('issues what verifies against the bundle and tells its validity', async () => {
    await using test = await startTestAuthority({
      entries: [entry('/one', { hint: 'h', jwt_svid_ttl: 30 })],
    });
    await using workload = test.workloadApi();
    const [svid] = await workload.fetchJwtSvids({ audience: [AUDIENCE, 'other'] });
    assert.ok(svid);
    assert.equal(svid.hint, 'h');
    const bundles = await workload.fetchJwtBundles();
    const verified = verifyJwtSvid(svid.token, { bundles, audience: AUDIENCE });
    assert.equal(verified.id.toString(), ID);
    assert.deepEqual(verified.audience, [AUDIENCE, 'other']);
    assert.equal(verified.expiresAt - (verified.issuedAt ?? 0), 30_000);
    assert.match(verified.jti ?? '', /^[\w-]{22}$/);
    const document = parseSpiffeBundle(TrustDomain.parse(TRUST_DOMAIN), test.authority.bundle());
    assert.ok(verifyJwtSvid(svid.token, { bundles: document, audience: 'other' }));
  });

  it('filters by the wanted SPIFFE ID and never answers with another', async () => {
    await using test = await startTestAuthority({ entries: [entry('/one'), entry('/two')] });
    await using workload = test.workloadApi();
    const svids = await workload.fetchJwtSvids({ audience: ['a'], spiffeId: ID });
    assert.deepEqual(
      svids.map(({ id }) => id.toString()),
      [ID],
    );
    assert.equal((await workload.fetchJwtSvids({ audience: ['a'] })).length, 2);
    await assert.rejects(
      workload.fetchJwtSvids({ audience: ['a'], spiffeId: `spiffe://${TRUST_DOMAIN}/three` }),
      { code: 'ERR_NO_IDENTITY' },
    );
  });

  it('has the exact codes of the reference implementation', async () => {
    await using test = await startTestAuthority({ entries: [entry('/one')] });
    await using grpc = client(test);
    const call = (audience: readonly string[], spiffeId = ''): Promise<Uint8Array> =>
      grpc.unary(path('FetchJWTSVID'), jwtSvidRequest.encode({ audience, spiffeId }), HEADER);
    await assert.rejects(call([]), status(GRPC_STATUS.INVALID_ARGUMENT, 'audience must be specified'));
    await assert.rejects(call(['']), status(GRPC_STATUS.INVALID_ARGUMENT));
    await assert.rejects(call(['a'.repeat(4096)]), status(GRPC_STATUS.INVALID_ARGUMENT));
    await assert.rejects(call(Array(100).fill('a')), status(GRPC_STATUS.INVALID_ARGUMENT));
    await assert.rejects(call(['a'], 'http://x/y'), status(GRPC_STATUS.INVALID_ARGUMENT));
    await assert.rejects(
      call(['a'], 'spiffe://foreign.example/one'),
      status(GRPC_STATUS.PERMISSION_DENIED, 'no identity issued'),
    );
    assert.equal(jwtSvidResponse.decode(await call(['a'])).svids.length, 1);
  });

  it('records every issue without the token', async () => {
    await using test = await startTestAuthority({ entries: [entry('/one', { id: 'e1' })] });
    await using workload = test.workloadApi();
    const [svid] = await workload.fetchJwtSvids({ audience: ['a'] });
    assert.ok(svid);
    const [record] = test.records;
    assert.equal(test.records.length, 1);
    assert.deepEqual(
      [record?.service, record?.decision, record?.rule, record?.spiffeId],
      ['authority', 'allow', 'e1', ID],
    );
    assert.equal(record?.details['kind'], 'jwt');
    assert.equal(record?.details['tokenId'], svid.jti);
    const text = JSON.stringify(test.records);
    for (const part of svid.token.split('.')) assert.ok(!text.includes(part));
  });
});

describe('bundles', () => {
  it('are delivered to whoever has an identity', async () => {
    await using test = await startTestAuthority({ entries: [entry('/one')] });
    await using workload = test.workloadApi();
    const x509 = await workload.fetchX509Bundles();
    const trustDomain = TrustDomain.parse(TRUST_DOMAIN);
    const { x509Bundle } = parseSpiffeBundle(trustDomain, test.authority.bundle());
    assert.deepEqual(x509.getX509Bundle(trustDomain)?.authorities, x509Bundle.authorities);
    await using grpc = client(test);
    const stream = grpc.serverStream(path('FetchJWTBundles'), emptyMessage.encode({}), HEADER);
    const message = await stream.next();
    await stream.return();
    assert.ok(message.done !== true);
    const { bundles } = jwtBundlesResponse.decode(message.value);
    assert.deepEqual([...bundles.keys()], [`spiffe://${TRUST_DOMAIN}`]);
    const [jwks] = bundles.values();
    assert.deepEqual(Object.keys(JSON.parse(Buffer.from(jwks ?? []).toString()) as object), ['keys']);
  });

  it('are denied to whoever has none, also later', async () => {
    await using test = await startTestAuthority({ entries: [entry('/one', { id: 'one' })] });
    await using grpc = client(test);
    for (const method of ['FetchX509Bundles', 'FetchJWTBundles']) {
      const stream = grpc.serverStream(path(method), emptyMessage.encode({}), HEADER);
      await stream.next();
      test.authority.entries.delete('one');
      await assert.rejects(stream.next(), status(GRPC_STATUS.PERMISSION_DENIED, 'no identity issued'));
      const again = grpc.serverStream(path(method), emptyMessage.encode({}), HEADER);
      await assert.rejects(again.next(), status(GRPC_STATUS.PERMISSION_DENIED, 'no identity issued'));
      test.authority.entries.create(entry('/one', { id: 'one' }));
    }
  });
});

describe('ValidateJWTSVID', () => {
  it('needs no identity and answers with the claims', async () => {
    await using test = await startTestAuthority({ entries: [entry('/one', { id: 'one' })] });
    await using workload = test.workloadApi();
    const [svid] = await workload.fetchJwtSvids({ audience: [AUDIENCE] });
    assert.ok(svid);
    test.authority.entries.delete('one');
    const validated = await workload.validateJwtSvid({ token: svid.token, audience: AUDIENCE });
    assert.equal(validated.id.toString(), ID);
    assert.deepEqual(validated.claims['aud'], [AUDIENCE]);
    assert.equal(validated.claims['sub'], ID);
  });

  it('refuses what is not valid with one and the same answer', async () => {
    await using test = await startTestAuthority({ entries: [entry('/one')] });
    await using other = await startTestAuthority({ entries: [entry('/one')] });
    await using workload = test.workloadApi();
    const [svid] = await workload.fetchJwtSvids({ audience: [AUDIENCE] });
    const [foreign] = await other.workloadApi().fetchJwtSvids({ audience: [AUDIENCE] });
    assert.ok(svid && foreign);
    await using grpc = client(test);
    const call = (token: string, audience: string): Promise<Uint8Array> =>
      grpc.unary(path('ValidateJWTSVID'), validateJwtSvidRequest.encode({ audience, svid: token }), HEADER);
    const refused = status(GRPC_STATUS.INVALID_ARGUMENT, 'token is not valid');
    await assert.rejects(call(svid.token, 'other'), refused);
    await assert.rejects(call(foreign.token, AUDIENCE), refused);
    await assert.rejects(call('garbage', AUDIENCE), refused);
    await assert.rejects(call(`${svid.token}A`, AUDIENCE), refused);
    await assert.rejects(call('', AUDIENCE), status(GRPC_STATUS.INVALID_ARGUMENT, 'svid must be specified'));
    await assert.rejects(call('x', ''), status(GRPC_STATUS.INVALID_ARGUMENT, 'audience must be specified'));
    assert.equal(test.records.filter(({ decision }) => decision === 'deny').length, 4);
    assert.ok(!JSON.stringify(test.records).includes(svid.token));
  });
});

describe('the Workload API', () => {
  it('wants the security header on every method', async () => {
    await using test = await startTestAuthority({ entries: [entry('/one')] });
    await using grpc = client(test);
    for (const method of [
      'FetchX509SVID',
      'FetchX509Bundles',
      'FetchJWTSVID',
      'FetchJWTBundles',
      'ValidateJWTSVID',
    ]) {
      const bare = grpc.serverStream(path(method), emptyMessage.encode({}));
      await assert.rejects(
        bare.next(),
        status(GRPC_STATUS.INVALID_ARGUMENT, 'security header missing from request'),
      );
      const wrong = grpc.serverStream(path(method), emptyMessage.encode({}), {
        metadata: { 'workload.spiffe.io': 'TRUE' },
      });
      await assert.rejects(wrong.next(), status(GRPC_STATUS.INVALID_ARGUMENT));
    }
  });

  it('answers UNIMPLEMENTED to the WIT methods', async () => {
    await using test = await startTestAuthority({ entries: [entry('/one')] });
    await using grpc = client(test);
    for (const method of ['FetchWITSVID', 'FetchWITBundles']) {
      const stream = grpc.serverStream(path(method), emptyMessage.encode({}), HEADER);
      await assert.rejects(stream.next(), status(GRPC_STATUS.UNIMPLEMENTED));
    }
  });

  it('does not offer the other API on its socket', async () => {
    await using test = await startTestAuthority({ entries: [entry('/one')] });
    await using grpc = client(test);
    const method = '/spire.api.agent.delegatedidentity.v1.DelegatedIdentity/SubscribeToX509Bundles';
    await assert.rejects(
      grpc.serverStream(method, emptyMessage.encode({})).next(),
      status(GRPC_STATUS.UNIMPLEMENTED),
    );
  });

  it('limits a noisy caller with UNAVAILABLE and one record', async () => {
    await using test = await startTestAuthority({ entries: [entry('/one')], callsPerSecond: 1 });
    await using workload = test.workloadApi();
    let limited = 0;
    for (let call = 0; call < 10; call++) {
      await workload.fetchJwtSvids({ audience: ['a'] }).catch((error: { code?: string }) => {
        assert.equal(error.code, 'ERR_ENDPOINT_UNAVAILABLE');
        limited += 1;
      });
    }
    assert.ok(limited >= 6);
    assert.equal(test.records.filter(({ reason }) => reason === 'too many calls').length, 1);
  });
});
