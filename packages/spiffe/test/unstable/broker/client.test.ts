import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { suite, test } from 'node:test';
import tls from 'node:tls';

import { createTestCa, createTestJwtAuthority } from '@muster/testing';

import { matchId } from '../../../src/id/matcher.ts';
import { SpiffeId } from '../../../src/id/spiffe-id.ts';
import type { TrustDomain } from '../../../src/id/trust-domain.ts';
import { marshalCertificatesPem, marshalPrivateKeyPem } from '../../../src/svid/x509-svid.ts';
import { connectMutually, parseBrokerAddress } from '../../../src/unstable/broker/endpoint.ts';
import { encodeReference } from '../../../src/unstable/broker/reference.ts';
import { BrokerClient } from '../../../src/unstable/index.ts';
import type { BrokerClientOptions, WorkloadReference } from '../../../src/unstable/index.ts';
import type { GrpcCallOptions, GrpcMethod, GrpcStatusCode } from '../../../src/wire/index.ts';
import {
  brokerJwtSvidRequest,
  encodeErrorInfo,
  GRPC_STATUS,
  GrpcClient,
  GrpcStatusError,
  jwtSvidResponse,
  REFERENCE_TYPE,
  subscribeRequest,
  workloadPidReference,
} from '../../../src/wire/index.ts';
import {
  FAST_RETRY,
  jwtBundlesMessage,
  until,
  x509BundlesMessage,
  x509Message,
} from '../../workload-api/support.ts';
import { BROKER, brokerSource, ENDPOINT, ownSvid, startFakeBroker } from './support.ts';
import type { FakeBrokerOptions } from './support.ts';

const ca = createTestCa('example.org');
const jwtAuthority = createTestJwtAuthority('example.org');
const workloadId = 'spiffe://example.org/workload';
const workload = ca.issueX509Svid(workloadId);
const audience = 'https://api.example.org';
const reference: WorkloadReference = { pid: 4711 };
const authorize = matchId(SpiffeId.parse(ENDPOINT));
const x509 = x509Message([{ id: workloadId, svid: workload, bundle: ca.certificate }]);

/** The good answers, each after a strict look at the request. */
const methods: Readonly<Record<string, GrpcMethod>> = {
  SubscribeToX509SVID: { kind: 'serverStream', handle: stream(x509) },
  SubscribeToX509Bundles: { kind: 'serverStream', handle: stream(x509BundlesMessage([ca])) },
  SubscribeToJWTBundles: {
    kind: 'serverStream',
    handle: stream(jwtBundlesMessage({ 'spiffe://example.org': jwtAuthority.jwks })),
  },
  FetchJWTSVID: {
    kind: 'unary',
    handle: (bytes) => {
      const request = brokerJwtSvidRequest.decode(bytes);
      assert.deepEqual(request.audience, [audience]);
      checkReference(request.reference?.reference);
      // As some servers do, it answers with every identity, whichever was asked for.
      const svids = [workloadId, 'spiffe://example.org/second'].map((spiffeId) => ({
        spiffeId,
        svid: jwtAuthority.issue(spiffeId, [audience]),
        hint: '',
      }));
      return jwtSvidResponse.encode({ svids });
    },
  },
};

function checkReference(any: { readonly typeUrl: string; readonly value: Uint8Array } | undefined): void {
  assert.equal(any?.typeUrl, REFERENCE_TYPE.PID);
  assert.deepEqual(workloadPidReference.decode(any?.value ?? new Uint8Array(0)), { pid: 4711 });
}

function stream(answer: Uint8Array): Extract<GrpcMethod, { kind: 'serverStream' }>['handle'] {
  return async function* (bytes, call) {
    checkReference(subscribeRequest.decode(bytes).reference?.reference);
    yield answer;
    if (!call.signal.aborted) {
      await new Promise((resolve) => {
        call.signal.addEventListener('abort', resolve);
      });
    }
  };
}

async function withBroker(
  run: (client: BrokerClient, fake: Awaited<ReturnType<typeof startFakeBroker>>) => Promise<void>,
  fakeOptions: Partial<FakeBrokerOptions> = {},
  clientOptions: Partial<BrokerClientOptions> = {},
): Promise<void> {
  await using fake = await startFakeBroker({ ca, methods, ...fakeOptions });
  await using client = new BrokerClient({
    address: fake.address,
    source: brokerSource(ca),
    authorize,
    retry: FAST_RETRY,
    ...clientOptions,
  });
  await run(client, fake);
}

test('the four calls, each by mutual TLS and with the header, on one connection', async () => {
  await withBroker(async (client, fake) => {
    const context = await client.fetchX509Context(reference);
    assert.deepEqual(
      context.svids.map(({ id }) => id.toString()),
      [workloadId],
    );
    assert.ok(context.bundles.getX509Bundle(ca.trustDomain));
    assert.equal(
      (await client.fetchX509Bundles(reference)).getX509Bundle(ca.trustDomain)?.authorities.length,
      1,
    );
    assert.ok((await client.fetchJwtBundles(reference)).getJwtBundle(ca.trustDomain));
    const tokens = await client.fetchJwtSvids(reference, { audience: [audience] });
    assert.equal(tokens.length, 2);
    assert.deepEqual(fake.clients, [BROKER]);
    assert.equal(fake.calls.length, 4);
    for (const headers of fake.calls) {
      assert.equal(headers['broker.spiffe.io'], 'true');
      assert.equal(headers['workload.spiffe.io'], undefined);
      assert.match(headers[':path'] ?? '', /^\/spiffe\.broker\.API\/\w+$/);
    }
  });
});

test('only the JWT-SVID of the identity that was asked for is taken, whatever the endpoint sends', async () => {
  await withBroker(async (client) => {
    const request = { audience: [audience], spiffeId: workloadId };
    const [token, ...more] = await client.fetchJwtSvids(reference, request);
    assert.deepEqual([token?.id.toString(), more.length], [workloadId, 0]);
    const stranger = { audience: [audience], spiffeId: 'spiffe://example.org/stranger' };
    await assert.rejects(client.fetchJwtSvids(reference, stranger), { code: 'ERR_NO_IDENTITY' });
    await assert.rejects(client.fetchJwtSvids(reference, { audience: [] }), { code: 'ERR_REQUEST_REFUSED' });
  });
});

test('TCP works with references that make sense there', async () => {
  const handle = async function* (bytes: Uint8Array): AsyncGenerator<Uint8Array> {
    assert.equal(
      subscribeRequest.decode(bytes).reference?.reference?.typeUrl,
      REFERENCE_TYPE.KUBERNETES_OBJECT,
    );
    yield await Promise.resolve(x509);
  };
  const fakeOptions: Partial<FakeBrokerOptions> = {
    isTcp: true,
    methods: { SubscribeToX509SVID: { kind: 'serverStream', handle } },
  };
  await withBroker(async (client) => {
    const kubernetes = { plural: 'pods', namespace: 'shop', name: 'web' };
    assert.equal((await client.fetchX509Context({ kubernetes })).svids.length, 1);
    await assert.rejects(client.fetchX509Context(reference), { code: 'ERR_WORKLOAD_REFERENCE' });
  }, fakeOptions);
});

test('the address is that of SPIFFE_BROKER_SOCKET where none is given', async () => {
  const before = process.env['SPIFFE_BROKER_SOCKET'];
  try {
    delete process.env['SPIFFE_BROKER_SOCKET'];
    assert.throws(() => new BrokerClient({ source: brokerSource(ca), authorize }), {
      code: 'ERR_ENDPOINT_ADDRESS',
    });
    await withBroker(async (_client, fake) => {
      process.env['SPIFFE_BROKER_SOCKET'] = fake.address;
      await using client = new BrokerClient({ source: brokerSource(ca), authorize });
      assert.equal((await client.fetchX509Context(reference)).svids.length, 1);
    });
  } finally {
    if (before === undefined) {
      delete process.env['SPIFFE_BROKER_SOCKET'];
    } else {
      process.env['SPIFFE_BROKER_SOCKET'] = before;
    }
  }
});

suite('mutual TLS', () => {
  const refuses = async (
    expected: object,
    fakeOptions: Partial<FakeBrokerOptions>,
    clientOptions: Partial<BrokerClientOptions>,
  ): Promise<void> => {
    await withBroker(
      async (client, fake) => {
        await assert.rejects(client.fetchX509Context(reference), expected);
        assert.deepEqual(fake.calls, [], 'not a byte of HTTP/2 reached the endpoint');
      },
      fakeOptions,
      clientOptions,
    );
  };

  test('an endpoint of another SPIFFE ID is refused before anything is asked', async () => {
    await refuses({ code: 'ERR_ID_NOT_AUTHORIZED' }, { id: 'spiffe://example.org/impostor' }, {});
  });

  test('an endpoint of another authority is refused', async () => {
    const impostor = createTestCa('example.org');
    await refuses({ code: 'ERR_SVID_UNTRUSTED' }, { ca: impostor }, {});
  });

  test('an endpoint of another trust domain is refused, unless that one was named', async () => {
    const other = createTestCa('other.example');
    const id = 'spiffe://other.example/agent';
    const bundles = [ca.bundle, other.bundle];
    const own = brokerSource(ca);
    const source = {
      getX509Svid: () => own.getX509Svid(),
      getX509Bundle: (wanted: TrustDomain) => bundles.find(({ trustDomain }) => trustDomain.equals(wanted)),
    };
    const authorizeOther = matchId(SpiffeId.parse(id));
    await refuses({ code: 'ERR_SVID_UNTRUSTED' }, { ca: other, id }, { source, authorize: authorizeOther });
    // Named, it is verified against its own bundle; it then refuses us, whose authority it does not know.
    const named = { source, authorize: authorizeOther, trustDomain: other.trustDomain };
    await refuses({ code: 'ERR_ENDPOINT_UNAVAILABLE' }, { ca: other, id }, named);
  });

  test('A33 a broker that the endpoint does not let in learns so, and its call is not repeated at once', async () => {
    await withBroker(
      async (client, fake) => {
        await assert.rejects(client.fetchX509Context(reference), { code: 'ERR_ENDPOINT_UNAVAILABLE' });
        assert.deepEqual(fake.refused, ['URI:spiffe://example.org/other']);
        assert.deepEqual(fake.calls, []);
      },
      {},
      { source: brokerSource(ca, 'spiffe://example.org/other') },
    );
  });

  test('an endpoint that does not speak HTTP/2 is refused', async () => {
    const own = ownSvid(ca, ENDPOINT);
    const server = tls.createServer({ cert: marshalCertificatesPem(own), key: marshalPrivateKeyPem(own) });
    let received = 0;
    server.on('secureConnection', (socket) => socket.on('data', () => (received += 1)).on('error', () => {}));
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const address = `tcp://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
    {
      await using client = new BrokerClient({ address, source: brokerSource(ca), authorize });
      const kubernetes = { plural: 'nodes', name: 'one' };
      await assert.rejects(client.fetchX509Context({ kubernetes }), { code: 'ERR_ENDPOINT_UNAVAILABLE' });
    }
    await new Promise((resolve) => server.close(resolve));
    assert.equal(received, 0);
  });

  test('a source without an identity ends the call with its own error', async () => {
    const source = {
      getX509Svid: () => {
        throw new GrpcStatusError(GRPC_STATUS.UNKNOWN, 'unused');
      },
      getX509Bundle: () => undefined,
    };
    await withBroker(
      async (client) => {
        await assert.rejects(client.fetchX509Context(reference), { code: 'ERR_GRPC_STATUS' });
      },
      {},
      { source },
    );
  });

  test('the SVID in use is asked for anew at each connection', async () => {
    const source = brokerSource(ca);
    await withBroker(
      async (client, fake) => {
        await client.fetchX509Context(reference);
        const asked = source.asked;
        await client.fetchX509Context(reference);
        assert.equal(source.asked, asked);
        fake.cut();
        await until(() => fake.open === 0);
        await client.fetchX509Context(reference);
        assert.ok(source.asked > asked);
        assert.equal(fake.clients.length, 2);
      },
      {},
      { source },
    );
  });
});

suite('a connection that is cut in the middle of a write', () => {
  const withCut = async (
    options: { readonly keepAliveMs: number; readonly keepAliveTimeoutMs: number },
    run: (call: (limits: GrpcCallOptions) => Promise<Uint8Array>) => Promise<void>,
  ): Promise<void> => {
    await using fake = await startFakeBroker({ ca, methods });
    const source = brokerSource(ca);
    const tlsOptions = { svid: source, bundles: source, trustDomain: ca.trustDomain, authorize };
    await using client = new GrpcClient({
      target: parseBrokerAddress(fake.address),
      connect: connectMutually(tlsOptions),
      ...options,
    });
    const request = brokerJwtSvidRequest.encode({
      reference: { reference: encodeReference(reference, { isRemote: false }) },
      audience: [audience],
      spiffeId: '',
    });
    const metadata = { 'broker.spiffe.io': 'true' };
    const watching = client.serverStream('/spiffe.broker.API/SubscribeToX509SVID', request, { metadata });
    await watching.next();
    await watching.return();
    // In the same turn as the end of the stream is written: nobody reads what the socket would say of it.
    fake.cut();
    await run(
      async (limits) =>
        await client.unary('/spiffe.broker.API/FetchJWTSVID', request, { ...limits, metadata }),
    );
  };

  test('is found out, and closing does not wait for it', async () => {
    await withCut({ keepAliveMs: 20, keepAliveTimeoutMs: 300 }, async (call) => {
      assert.ok((await call({})).length > 0);
    });
  });

  test('holds no call beyond its time limit', async () => {
    await withCut({ keepAliveMs: 20_000, keepAliveTimeoutMs: 20_000 }, async (call) => {
      const startedAt = performance.now();
      await assert.rejects(call({ timeoutMs: 100 }), { status: GRPC_STATUS.DEADLINE_EXCEEDED });
      assert.ok(performance.now() - startedAt < 15_000, 'not only when the connection is given up');
    });
  });
});

suite('errors', () => {
  const failing = (
    status: GrpcStatusCode,
    info?: { readonly reason: string; readonly domain: string },
  ): Partial<FakeBrokerOptions> => ({
    methods: {
      FetchJWTSVID: {
        kind: 'unary',
        handle: () => {
          const details = info === undefined ? undefined : encodeErrorInfo(status, 'no', info);
          throw new GrpcStatusError(status, 'no', { details });
        },
      },
    },
  });
  const domain = 'spiffe.io';
  const cases: readonly (readonly [
    string,
    GrpcStatusCode,
    { reason: string; domain: string } | undefined,
  ])[] = [
    [
      'ERR_WORKLOAD_REFERENCE',
      GRPC_STATUS.INVALID_ARGUMENT,
      { reason: 'WORKLOAD_REFERENCE_INVALID', domain },
    ],
    ['ERR_WORKLOAD_NOT_FOUND', GRPC_STATUS.NOT_FOUND, { reason: 'WORKLOAD_NOT_FOUND', domain }],
    ['ERR_NO_IDENTITY', GRPC_STATUS.PERMISSION_DENIED, { reason: 'WORKLOAD_NOT_ENTITLED', domain }],
    ['ERR_REQUEST_REFUSED', GRPC_STATUS.INVALID_ARGUMENT, undefined],
    ['ERR_WORKLOAD_NOT_FOUND', GRPC_STATUS.NOT_FOUND, undefined],
    ['ERR_NO_IDENTITY', GRPC_STATUS.PERMISSION_DENIED, undefined],
    [
      'ERR_REQUEST_REFUSED',
      GRPC_STATUS.INVALID_ARGUMENT,
      { reason: 'WORKLOAD_NOT_FOUND', domain: 'else.example' },
    ],
    ['ERR_REQUEST_REFUSED', GRPC_STATUS.INVALID_ARGUMENT, { reason: 'UNHEARD_OF', domain }],
    ['ERR_ENDPOINT_UNIMPLEMENTED', GRPC_STATUS.UNIMPLEMENTED, undefined],
  ];
  for (const [code, status, info] of cases) {
    test(`status ${status} with ${info?.reason ?? 'no reason'} of ${info?.domain ?? 'nobody'} is ${code}`, async () => {
      await withBroker(
        async (client) => {
          const call = client.fetchJwtSvids(reference, { audience: [audience] });
          await assert.rejects(call, { code });
        },
        failing(status, info),
      );
    });
  }

  test('a call ends by its time limit and by its signal', async () => {
    const hang = async (): Promise<Uint8Array> => await new Promise(() => {});
    await withBroker(
      async (client) => {
        const request = { audience: [audience] };
        await assert.rejects(client.fetchJwtSvids(reference, request, { timeoutMs: 50 }), {
          code: 'ERR_TIMEOUT',
        });
        const signal = AbortSignal.timeout(50);
        await assert.rejects(client.fetchJwtSvids(reference, request, { signal }), { code: 'ERR_ABORTED' });
      },
      { methods: { FetchJWTSVID: { kind: 'unary', handle: hang } } },
    );
  });
});

suite('watches', () => {
  test('a watch comes back after a break, over a new connection', async () => {
    await withBroker(async (client, fake) => {
      let updates = 0;
      const breaks: string[] = [];
      await using _watch = client.watchX509Context(reference, {
        onUpdate: () => {
          updates += 1;
        },
        onError: (error) => {
          breaks.push((error as { code?: string }).code ?? '');
        },
      });
      await until(() => updates === 1);
      fake.cut();
      await until(() => updates === 2);
      assert.ok(
        breaks.every((code) => code === 'ERR_ENDPOINT_UNAVAILABLE'),
        breaks.join(),
      );
      assert.equal(fake.clients.length, 2);
    });
  });

  test('a watch of a workload that is not found any more ends for good', async () => {
    let opened = 0;
    const handle = async function* (): AsyncGenerator<Uint8Array> {
      opened += 1;
      yield await Promise.resolve(x509);
      throw new GrpcStatusError(GRPC_STATUS.NOT_FOUND, 'the workload has ended');
    };
    await withBroker(
      async (client) => {
        const told: (number | undefined)[] = [];
        const watch = client.watchX509Context(reference, {
          onUpdate: () => {},
          onError: (_error, retryInMs) => told.push(retryInMs),
        });
        assert.equal(((await watch.ended) as { code?: string } | undefined)?.code, 'ERR_WORKLOAD_NOT_FOUND');
        assert.deepEqual([opened, told], [1, [undefined]]);
      },
      { methods: { SubscribeToX509SVID: { kind: 'serverStream', handle } } },
    );
  });

  test('the bundles of the workload can be watched', async () => {
    await withBroker(async (client) => {
      const seen: string[] = [];
      await using _one = client.watchX509Bundles(reference, { onUpdate: () => seen.push('x509') });
      await using _two = client.watchJwtBundles(reference, { onUpdate: () => seen.push('jwt') });
      await until(() => seen.length === 2);
      assert.deepEqual(seen.toSorted(), ['jwt', 'x509']);
    });
  });
});
