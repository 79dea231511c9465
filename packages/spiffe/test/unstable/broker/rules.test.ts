// Rules of the standard about what a broker does with the material of its workloads.
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';

import { createTestCa, createTestJwtAuthority } from '@muster/testing';

import { matchId } from '../../../src/id/matcher.ts';
import { SpiffeId } from '../../../src/id/spiffe-id.ts';
import { BrokerClient, createBrokeredX509Source } from '../../../src/unstable/index.ts';
import type { GrpcMethod, GrpcStatusCode } from '../../../src/wire/index.ts';
import {
  GRPC_STATUS,
  GrpcStatusError,
  jwtBundlesResponse,
  jwtSvidResponse,
  subscribeRequest,
  workloadPidReference,
  x509BundlesResponse,
  x509SvidResponse,
} from '../../../src/wire/index.ts';
import { FAST_RETRY, until, x509Message } from '../../workload-api/support.ts';
import { brokerSource, ENDPOINT, startFakeBroker } from './support.ts';

const ca = createTestCa('example.org');
const partner = createTestCa('partner.example');
const authorize = matchId(SpiffeId.parse(ENDPOINT));
const isAlive = (): boolean => true;
const [first, second] = ['spiffe://example.org/first', 'spiffe://example.org/second'].map((id) => ({
  id,
  svid: ca.issueX509Svid(id),
  bundle: ca.certificate,
})) as [Offer, Offer];
type Offer = Parameters<typeof x509Message>[0][number];

async function withMethods(
  methods: Readonly<Record<string, GrpcMethod>>,
  run: (client: BrokerClient, fake: Awaited<ReturnType<typeof startFakeBroker>>) => Promise<void>,
): Promise<void> {
  await using fake = await startFakeBroker({ ca, methods });
  const source = brokerSource(ca);
  await using client = new BrokerClient({ address: fake.address, source, authorize, retry: FAST_RETRY });
  await run(client, fake);
}

function once(kind: 'unary' | 'serverStream', answer: Uint8Array): GrpcMethod {
  const stream = async function* (): AsyncGenerator<Uint8Array> {
    yield await Promise.resolve(answer);
  };
  return kind === 'unary' ? { kind, handle: () => answer } : { kind, handle: stream };
}

/** Streams that send to each process what the test pushes for it: a message, or a status to end with. */
function createScript(): {
  readonly method: GrpcMethod;
  push(pid: number, step: Uint8Array | GrpcStatusCode): void;
} {
  const steps = new Map<number, (Uint8Array | GrpcStatusCode)[]>();
  const wakes = new Set<() => void>();
  const handle = async function* (
    bytes: Uint8Array,
    call: { signal: AbortSignal },
  ): AsyncGenerator<Uint8Array> {
    const { value = new Uint8Array(0) } = subscribeRequest.decode(bytes).reference?.reference ?? {};
    const { pid } = workloadPidReference.decode(value);
    while (!call.signal.aborted) {
      const step = steps.get(pid)?.shift();
      if (step instanceof Uint8Array) {
        yield step;
      } else if (step === undefined) {
        await new Promise<void>((resolve) => {
          wakes.add(resolve);
          call.signal.addEventListener('abort', () => {
            resolve();
          });
        });
      } else {
        throw new GrpcStatusError(step, 'no');
      }
    }
  };
  return {
    method: { kind: 'serverStream', handle },
    push(pid, step) {
      steps.set(pid, [...(steps.get(pid) ?? []), step]);
      for (const wake of wakes) {
        wake();
      }
      wakes.clear();
    },
  };
}

test('workloads are kept apart on one connection, in what they get and in what is taken from them', async () => {
  const { method, push } = createScript();
  await withMethods({ SubscribeToX509SVID: method }, async (client, fake) => {
    push(1, x509Message([first], [partner]));
    push(2, x509Message([second]));
    await using one = await createBrokeredX509Source({ client, reference: { pid: 1 }, isAlive });
    await using two = await createBrokeredX509Source({ client, reference: { pid: 2 }, isAlive });
    assert.deepEqual(
      [one, two].map((source) => source.getX509Svid().id.toString()),
      [first.id, second.id],
    );
    assert.ok(one.getX509Bundle(partner.trustDomain));
    assert.equal(two.getX509Bundle(partner.trustDomain), undefined, 'not the bundle of the other workload');
    for (const end of [GRPC_STATUS.PERMISSION_DENIED, GRPC_STATUS.NOT_FOUND]) {
      push(2, x509Message([second]));
      await until(() => two.state() === 'valid');
      push(2, end);
      await until(() => two.state() === 'withdrawn');
      assert.equal(two.getX509Bundle(ca.trustDomain), undefined);
      assert.equal(one.getX509Svid().id.toString(), first.id);
      assert.ok(one.getX509Bundle(partner.trustDomain));
    }
    assert.equal(fake.clients.length, 1);
  });
});

test('nothing of an earlier message stays: neither an SVID nor the bundle of a partner', async () => {
  const { method, push } = createScript();
  await withMethods({ SubscribeToX509SVID: method }, async (client) => {
    push(1, x509Message([first, second], [partner]));
    const reference = { pid: 1 };
    await using source = await createBrokeredX509Source({
      client,
      reference,
      isAlive,
      spiffeId: first.id,
    });
    push(1, x509Message([first]));
    await until(() => source.changeCount === 2);
    assert.equal(source.getX509Bundle(partner.trustDomain), undefined);
    push(1, x509Message([second]));
    await until(() => source.state() === 'withdrawn');
    assert.throws(() => source.getX509Svid(), { code: 'ERR_NO_IDENTITY' });
  });
});

test('the first SVID is the default, and of a hint that is there twice the first has it', async () => {
  const { method, push } = createScript();
  await withMethods({ SubscribeToX509SVID: method }, async (client) => {
    const message = x509Message([
      { ...second, hint: 'same' },
      { ...first, hint: 'same' },
    ]);
    push(1, message);
    push(2, message);
    const { svids } = await client.fetchX509Context({ pid: 1 });
    assert.deepEqual(
      svids.map(({ id, hint }) => [id.toString(), hint]),
      [
        [second.id, 'same'],
        [first.id, undefined],
      ],
    );
    await using source = await createBrokeredX509Source({ client, reference: { pid: 2 }, isAlive });
    assert.equal(source.getX509Svid().id.toString(), second.id);
  });
});

test('a watch ends for good where the endpoint calls the request invalid or does not offer it', async () => {
  for (const [status, code] of [
    [GRPC_STATUS.INVALID_ARGUMENT, 'ERR_REQUEST_REFUSED'],
    [GRPC_STATUS.UNIMPLEMENTED, 'ERR_ENDPOINT_UNIMPLEMENTED'],
  ] as const) {
    const { method, push } = createScript();
    await withMethods({ SubscribeToX509SVID: method }, async (client, fake) => {
      push(1, status);
      push(1, x509Message([first]));
      const told: (number | undefined)[] = [];
      await using watch = client.watchX509Context(
        { pid: 1 },
        { onUpdate: () => {}, onError: (_error, retryInMs) => told.push(retryInMs) },
      );
      await until(() => told.length > 0);
      assert.deepEqual(told, [undefined], 'it is not tried again');
      assert.equal(((await watch.ended) as { code?: string } | undefined)?.code, code);
      assert.equal(fake.calls.length, 1);
    });
  }
});

test('a message in which a mandatory field is empty is told of and passed over', async () => {
  const [good] = x509SvidResponse.decode(x509Message([first])).svids;
  const none = new Uint8Array(0);
  const bad = [
    ['ERR_SVID_ID_MISMATCH', { spiffeId: '' }],
    ['ERR_SVID_CHAIN_EMPTY', { x509Svid: none }],
    ['ERR_SVID_KEY_MALFORMED', { x509SvidKey: none }],
    ['ERR_ENDPOINT_RESPONSE', { bundle: none }],
  ] as const;
  const { method, push } = createScript();
  await withMethods({ SubscribeToX509SVID: method }, async (client) => {
    push(1, x509Message([first]));
    const told: unknown[] = [];
    await using source = await createBrokeredX509Source({
      client,
      reference: { pid: 1 },
      isAlive,
      onError: (error) => told.push((error as { code?: string }).code),
    });
    for (const [, change] of bad) {
      const before = told.length;
      push(
        1,
        x509SvidResponse.encode({ svids: [{ ...good!, ...change }], crl: [], federatedBundles: new Map() }),
      );
      await until(() => told.length > before);
    }
    assert.deepEqual(
      told,
      bad.map(([code]) => code),
    );
    assert.equal(source.getX509Svid().id.toString(), first.id, 'what there was is still in use');
  });
});

test('an answer without bundles, or with a JWT-SVID for another audience, is refused', async () => {
  const svid = createTestJwtAuthority('example.org').issue(first.id, ['https://other.example']);
  const methods = {
    SubscribeToX509Bundles: once('serverStream', x509BundlesResponse.encode({ crl: [], bundles: new Map() })),
    SubscribeToJWTBundles: once('serverStream', jwtBundlesResponse.encode({ bundles: new Map() })),
    FetchJWTSVID: once('unary', jwtSvidResponse.encode({ svids: [{ spiffeId: first.id, svid, hint: '' }] })),
  };
  await withMethods(methods, async (client) => {
    const reference = { pid: 1 };
    const refused = { code: 'ERR_ENDPOINT_RESPONSE' };
    await assert.rejects(client.fetchX509Bundles(reference), refused);
    await assert.rejects(client.fetchJwtBundles(reference), refused);
    await assert.rejects(client.fetchJwtSvids(reference, { audience: ['https://api.example'] }), refused);
  });
});

test('an endpoint without TLS gets the beginning of a handshake, and nothing else', async () => {
  const received: Buffer[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      received.push(bytes);
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = `tcp://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  {
    await using client = new BrokerClient({ address, source: brokerSource(ca), authorize });
    const call = client.fetchX509Context({ kubernetes: { plural: 'nodes', name: 'one' } });
    await assert.rejects(call, { code: 'ERR_ENDPOINT_UNAVAILABLE' });
  }
  await new Promise((resolve) => server.close(resolve));
  assert.equal(received[0]?.[0], 22, 'a TLS record of a handshake');
  assert.ok(!Buffer.concat(received).includes('PRI *'), 'not a byte of HTTP/2');
});
