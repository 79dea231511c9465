// Protocol buffers, and gRPC over a unix socket: a client of the Workload API whose server sends whatever it likes.
import { WorkloadApiClient } from '@muster/spiffe';
import {
  brokerJwtSvidRequest,
  createGrpcServer,
  fetchJwtSvidsRequest,
  fetchJwtSvidsResponse,
  jwtBundlesResponse,
  jwtSvidRequest,
  jwtSvidResponse,
  type MessageCodec,
  ProtobufReader,
  subscribeRequest,
  subscribeToJwtBundlesResponse,
  subscribeToX509BundlesResponse,
  subscribeToX509SvidsRequest,
  subscribeToX509SvidsResponse,
  validateJwtSvidRequest,
  validateJwtSvidResponse,
  WORKLOAD_API_SERVICE,
  x509BundlesResponse,
  x509SvidResponse,
} from '@muster/spiffe/wire';
import type { Random } from '@muster/testing';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AUDIENCE, ID, jwt, rootDer, svid } from './corpus.ts';
import type { FuzzTarget } from './target.ts';

const x509Response = x509SvidResponse.encode({
  svids: [
    { spiffeId: ID, x509Svid: svid.chainDer, x509SvidKey: svid.keyDer, bundle: rootDer, hint: 'internal' },
    { spiffeId: ID, x509Svid: svid.chainDer, x509SvidKey: svid.keyDer, bundle: rootDer, hint: '' },
  ],
  crl: [],
  federatedBundles: new Map([['spiffe://other.org', rootDer]]),
});
const claims = { sub: ID, aud: [AUDIENCE], n: 1, list: [null, true, { a: 'b' }] };
const messages: readonly Uint8Array[] = [
  x509Response,
  x509BundlesResponse.encode({ crl: [], bundles: new Map([['spiffe://example.org', rootDer]]) }),
  jwtBundlesResponse.encode({ bundles: new Map([['spiffe://example.org', Buffer.from(jwt.jwks)]]) }),
  jwtSvidResponse.encode({ svids: [{ spiffeId: ID, svid: jwt.issue(ID, AUDIENCE), hint: 'a' }] }),
  validateJwtSvidResponse.encode({ spiffeId: ID, claims }),
  jwtSvidRequest.encode({ audience: [AUDIENCE], spiffeId: ID }),
];
const codecs: readonly MessageCodec<unknown>[] = [
  x509SvidResponse,
  x509BundlesResponse,
  jwtBundlesResponse,
  jwtSvidRequest,
  jwtSvidResponse,
  validateJwtSvidRequest,
  validateJwtSvidResponse,
  fetchJwtSvidsRequest,
  fetchJwtSvidsResponse,
  subscribeToJwtBundlesResponse,
  subscribeToX509BundlesResponse,
  subscribeToX509SvidsRequest,
  subscribeToX509SvidsResponse,
  subscribeRequest,
  brokerJwtSvidRequest,
] as readonly MessageCodec<unknown>[];

export const protobuf: FuzzTarget = {
  name: 'protobuf',
  corpus: messages.map((message) => Buffer.from(message)),
  mutate: mutateMessage,
  readers(input) {
    return [...codecs.map((codec) => () => codec.decode(input)), () => readAll(new ProtobufReader(input))];
  },
};

function readAll(reader: ProtobufReader): void {
  while (!reader.isAtEnd) reader.skip(reader.tag().wireType);
}

/** Wraps a message, or repeats it, as a field of another: nesting and repetition are where limits multiply. */
function mutateMessage(input: Buffer, random: Random): Buffer {
  const number = 1 + random.below(30);
  const header = [(number << 3) | random.pick([0, 1, 2, 2, 2, 5]), ...varint(input.length)].map(
    (byte) => byte & 0xff,
  );
  const field = Buffer.concat([Buffer.from(header), input]);
  const times = random.oneIn(4) ? 1 + random.below(200) : 1;
  return Buffer.concat(Array.from({ length: times }, () => field)).subarray(0, 65_536);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

/** Records what a good server sends to a client that asks for X.509-SVIDs, then plays mutants of it. */
export async function startGrpcTarget(): Promise<FuzzTarget> {
  const folder = mkdtempSync(join(tmpdir(), 'muster-fuzz-'));
  const corpus = [await record(join(folder, 'good.sock'), join(folder, 'tap.sock'))];
  let answer: Buffer = Buffer.alloc(0);
  const sockets = new Set<Socket>();
  const path = join(folder, 'hostile.sock');
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
    socket.once('data', () => socket.end(answer));
  });
  await listen(server, path);
  return {
    name: 'grpc',
    corpus,
    mutate: mutateHttp2,
    readers: (input) => [
      async (): Promise<void> => {
        answer = input;
        await using client = new WorkloadApiClient({ address: `unix://${path}`, timeoutMs: 1000 });
        await client.fetchX509Context();
      },
    ],
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function record(goodPath: string, tapPath: string): Promise<Buffer> {
  const handle = async function* (): AsyncGenerator<Uint8Array> {
    yield x509Response;
  };
  const good = createGrpcServer({
    services: { [WORKLOAD_API_SERVICE]: { methods: { FetchX509SVID: { kind: 'serverStream', handle } } } },
  });
  await good.listen(goodPath);
  const chunks: Buffer[] = [];
  const tap = createServer((socket) => {
    const upstream = connect(goodPath);
    socket.pipe(upstream);
    upstream.on('data', (chunk: Buffer) => chunks.push(chunk));
    upstream.pipe(socket);
    for (const one of [socket, upstream]) one.on('error', () => {});
  });
  await listen(tap, tapPath);
  {
    await using client = new WorkloadApiClient({ address: `unix://${tapPath}` });
    await client.fetchX509Context();
  }
  await new Promise((resolve) => tap.close(resolve));
  await good.close();
  return Buffer.concat(chunks);
}

async function listen(server: Server, path: string): Promise<void> {
  server.listen(path);
  await once(server, 'listening');
}

/** Changes one frame of HTTP/2 and keeps the lengths right: its payload, type, flags, stream or place. */
function mutateHttp2(input: Buffer, random: Random, corpus: readonly Buffer[]): Buffer {
  const frames: { header: Buffer; payload: Buffer }[] = [];
  for (let at = 0; at + 9 <= input.length;) {
    const length = input.readUIntBE(at, 3);
    frames.push({ header: input.subarray(at + 3, at + 9), payload: input.subarray(at + 9, at + 9 + length) });
    at += 9 + length;
  }
  const index = random.below(frames.length);
  const frame = frames[index];
  if (frame === undefined) return input;
  const header = Buffer.from(frame.header);
  const payload = Buffer.from(frame.payload);
  switch (random.below(6)) {
    case 0:
      header[random.below(2)] = random.below(16);
      break;
    case 1:
      header.writeUInt32BE(random.pick([0, 1, 2, 3, 0x7fff_ffff]), 2);
      break;
    case 2:
      frames.splice(index, 1);
      break;
    case 3:
      frames.push(...Array.from({ length: random.below(20) }, () => frame));
      break;
    default:
      if (payload.length > 0) payload[random.below(payload.length)] = random.below(256);
      if (random.oneIn(4) && payload.length > 5)
        payload.writeUInt32BE(random.pick([0, 1, 0xffff, 0xffff_ffff]), 1);
  }
  if (frames[index] === frame) frames[index] = { header, payload };
  const other = random.oneIn(10) ? random.pick(corpus).subarray(0, 9) : Buffer.alloc(0);
  return Buffer.concat([
    ...frames.flatMap((one) => {
      const length = Buffer.alloc(3);
      length.writeUIntBE(one.payload.length, 0, 3);
      return [length, one.header, one.payload];
    }),
    other,
  ]);
}
