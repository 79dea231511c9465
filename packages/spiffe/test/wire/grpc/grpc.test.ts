import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http2 from 'node:http2';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import * as fc from 'fast-check';

import { createGrpcServer, GRPC_STATUS, GrpcClient, GrpcStatusError } from '../../../src/wire/index.ts';
import type { GrpcCall, GrpcServer } from '../../../src/wire/index.ts';

let folder: string;
let socketPath: string;
let server: GrpcServer;
let client: GrpcClient;
const connections: net.Socket[] = [];
const calls: GrpcCall[] = [];
const errors: unknown[] = [];
const metadata = { 'workload.spiffe.io': 'true' };

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'spiffe-grpc-'));
  socketPath = join(folder, 'api.sock');
  server = createGrpcServer({
    services: {
      Guarded: {
        securityHeader: 'Workload.Spiffe.IO',
        methods: { Echo: { kind: 'unary', handle: (request) => request } },
      },
      'test.Open': {
        methods: {
          Echo: {
            kind: 'unary',
            handle: (request, call) => {
              calls.push(call);
              return request;
            },
          },
          Fail: {
            kind: 'unary',
            handle: () => {
              throw new GrpcStatusError(GRPC_STATUS.PERMISSION_DENIED, 'no identity issued: 100 % säuber');
            },
          },
          Break: {
            kind: 'unary',
            handle: () => {
              throw new Error('secret detail');
            },
          },
          Hang: {
            kind: 'unary',
            handle: async (_request, call) => {
              await aborted(call.signal);
              return new Uint8Array(0);
            },
          },
          Count: {
            kind: 'serverStream',
            async *handle(request) {
              for (let index = 0; index < request[0]!; index += 1) {
                yield Uint8Array.of(index);
              }
            },
          },
          CountThenFail: {
            kind: 'serverStream',
            async *handle() {
              yield Uint8Array.of(1);
              throw new GrpcStatusError(GRPC_STATUS.UNAVAILABLE, 'gone');
            },
          },
          Forever: {
            kind: 'serverStream',
            async *handle(_request, call) {
              calls.push(call);
              yield Uint8Array.of(1);
              await aborted(call.signal);
            },
          },
        },
      },
    },
    onConnection: (socket) => {
      connections.push(socket);
    },
    onError: (error) => {
      errors.push(error);
    },
    maxRequestBytes: 1000,
  });
  await server.listen(socketPath);
  client = new GrpcClient({ address: `unix://${socketPath}`, maxMessageBytes: 2000 });
});

after(async () => {
  await client.close();
  await server.close();
  rmSync(folder, { recursive: true });
});

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) {
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => {
        resolve();
      });
    });
  }
}

async function collect(path: string, request: Uint8Array): Promise<number[]> {
  const received: number[] = [];
  for await (const message of client.serverStream(path, request)) {
    received.push(message[0]!);
  }
  return received;
}

function hasStatus(status: number): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof GrpcStatusError, String(error));
    assert.equal(error.status, status, error.message);
    assert.equal(error.code, 'ERR_GRPC_STATUS');
    return true;
  };
}

test('a unary call returns the bytes, empty ones too', async () => {
  assert.deepEqual([...(await client.unary('/test.Open/Echo', Uint8Array.of(1, 2, 3)))], [1, 2, 3]);
  assert.equal((await client.unary('/test.Open/Echo', new Uint8Array(0))).length, 0);
});

test('the socket of a call is the one seen at accept', async () => {
  await client.unary('/test.Open/Echo', new Uint8Array(0));
  const last = calls.at(-1);
  assert.ok(last !== undefined && connections.includes(last.socket));
  assert.ok(last.socket instanceof net.Socket);
});

test('a stream delivers every message in order and ends', async () => {
  assert.deepEqual(await collect('/test.Open/Count', Uint8Array.of(5)), [0, 1, 2, 3, 4]);
  assert.deepEqual(await collect('/test.Open/Count', Uint8Array.of(0)), []);
});

test('a status after messages reaches the reader after them', async () => {
  const received: number[] = [];
  await assert.rejects(async () => {
    for await (const message of client.serverStream('/test.Open/CountThenFail', new Uint8Array(0))) {
      received.push(message[0]!);
    }
  }, hasStatus(GRPC_STATUS.UNAVAILABLE));
  assert.deepEqual(received, [1]);
});

test('a status and its message survive the wire', async () => {
  await assert.rejects(client.unary('/test.Open/Fail', new Uint8Array(0)), (error) => {
    hasStatus(GRPC_STATUS.PERMISSION_DENIED)(error);
    assert.match((error as Error).message, /no identity issued: 100 % säuber/);
    return true;
  });
});

test('what a handler throws is told to onError and not to the client', async () => {
  await assert.rejects(client.unary('/test.Open/Break', new Uint8Array(0)), (error) => {
    hasStatus(GRPC_STATUS.INTERNAL)(error);
    assert.doesNotMatch((error as Error).message, /secret/);
    return true;
  });
  assert.match(String(errors.at(-1)), /secret detail/);
});

test('unknown services and methods are unimplemented, inherited names too', async () => {
  for (const path of [
    '/test.Open/Nope',
    '/Nope/Echo',
    '/test.Open/toString',
    '/__proto__/Echo',
    '/test.Open/Echo/x',
    '/',
  ]) {
    await assert.rejects(client.unary(path, new Uint8Array(0)), hasStatus(GRPC_STATUS.UNIMPLEMENTED), path);
  }
});

async function echo(headers: Record<string, string>): Promise<Uint8Array> {
  return await client.unary('/Guarded/Echo', new Uint8Array(0), { metadata: headers });
}

test('the security header must be there once, with the value true', async () => {
  await echo(metadata);
  for (const value of ['false', 'TRUE', 'true ,true', 'true, true', '', '1']) {
    await assert.rejects(
      echo({ 'workload.spiffe.io': value }),
      hasStatus(GRPC_STATUS.INVALID_ARGUMENT),
      value,
    );
  }
  await assert.rejects(echo({}), hasStatus(GRPC_STATUS.INVALID_ARGUMENT));
  const twice = { 'workload.spiffe.io': ['true', 'true'] } as unknown as Record<string, string>;
  await assert.rejects(echo(twice), hasStatus(GRPC_STATUS.INVALID_ARGUMENT));
});

test('messages above the limits are refused on both sides', async () => {
  await assert.rejects(
    client.unary('/test.Open/Echo', new Uint8Array(1001)),
    hasStatus(GRPC_STATUS.RESOURCE_EXHAUSTED),
  );
  await using small = new GrpcClient({ address: `unix:${socketPath}`, maxMessageBytes: 10 });
  await assert.rejects(
    small.unary('/test.Open/Echo', new Uint8Array(11)),
    hasStatus(GRPC_STATUS.RESOURCE_EXHAUSTED),
  );
  assert.equal((await small.unary('/test.Open/Echo', new Uint8Array(10))).length, 10);
});

test('a deadline ends the call on the client and aborts the handler', async () => {
  await assert.rejects(
    client.unary('/test.Open/Hang', new Uint8Array(0), { timeoutMs: 20 }),
    hasStatus(GRPC_STATUS.DEADLINE_EXCEEDED),
  );
});

test('an abort ends a stream and the handler learns of it', async () => {
  const controller = new AbortController();
  await assert.rejects(
    async () => {
      for await (const message of client.serverStream('/test.Open/Forever', new Uint8Array(0), {
        signal: controller.signal,
      })) {
        assert.equal(message[0], 1);
        controller.abort();
      }
    },
    { code: 'ERR_ABORTED' },
  );
  await aborted(calls.at(-1)!.signal);
  await assert.rejects(client.unary('/test.Open/Echo', new Uint8Array(0), { signal: AbortSignal.abort() }), {
    code: 'ERR_ABORTED',
  });
});

test('leaving the loop cancels the call', async () => {
  for await (const message of client.serverStream('/test.Open/Forever', new Uint8Array(0))) {
    assert.equal(message[0], 1);
    break;
  }
  await aborted(calls.at(-1)!.signal);
});

test('where nobody listens is named', async () => {
  const holder = net.createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const { port } = holder.address() as net.AddressInfo;
  holder.close();
  await once(holder, 'close');
  await using nowhere = new GrpcClient({ target: { host: '127.0.0.1', port } });
  await assert.rejects(nowhere.unary('/s/Echo', new Uint8Array(0)), {
    message: `Call /s/Echo failed: cannot connect to "127.0.0.1 port ${port}": nothing listens there (ECONNREFUSED)`,
  });
});

test('a socket that is not there is UNAVAILABLE, and the client recovers when it appears', async () => {
  const late = join(folder, 'late.sock');
  await using lateClient = new GrpcClient({ address: `unix://${late}` });
  await assert.rejects(lateClient.unary('/s/Echo', new Uint8Array(0)), (error: Error) => {
    assert.match(error.message, /late\.sock": there is no socket \(ENOENT\)$/);
    return hasStatus(GRPC_STATUS.UNAVAILABLE)(error);
  });
  const options = {
    services: { s: { methods: { Echo: { kind: 'unary', handle: (request: Uint8Array) => request } } } },
  } as const;
  for (let round = 0; round < 2; round += 1) {
    await using lateServer = createGrpcServer(options);
    await lateServer.listen(late);
    assert.equal((await lateClient.unary('/s/Echo', Uint8Array.of(9)))[0], 9);
  }
  await assert.rejects(lateClient.unary('/s/Echo', new Uint8Array(0)), hasStatus(GRPC_STATUS.UNAVAILABLE));
});

test('closing the server ends its streams as UNAVAILABLE', async () => {
  const path = join(folder, 'closing.sock');
  const closing = createGrpcServer({
    services: {
      s: {
        methods: {
          Forever: {
            kind: 'serverStream',
            async *handle(_request, call) {
              yield Uint8Array.of(1);
              await aborted(call.signal);
            },
          },
        },
      },
    },
  });
  await closing.listen(path);
  await using closingClient = new GrpcClient({ address: `unix://${path}` });
  await assert.rejects(async () => {
    for await (const message of closingClient.serverStream('/s/Forever', new Uint8Array(0))) {
      assert.equal(message[0], 1);
      await closing.close();
    }
  }, hasStatus(GRPC_STATUS.UNAVAILABLE));
});

test('a closed client refuses calls and ends the ones in flight', async () => {
  const closed = new GrpcClient({ address: `unix://${socketPath}` });
  const hanging = assert.rejects(
    closed.unary('/test.Open/Hang', new Uint8Array(0)),
    hasStatus(GRPC_STATUS.UNAVAILABLE),
  );
  await closed.unary('/test.Open/Echo', new Uint8Array(0));
  await closed.close();
  await hanging;
  await assert.rejects(closed.unary('/test.Open/Echo', new Uint8Array(0)), { code: 'ERR_CLOSED' });
});

test('a connection refused by onConnection is destroyed', async () => {
  const path = join(folder, 'refusing.sock');
  await using refusing = createGrpcServer({
    services: {},
    onConnection: () => {
      throw new Error('not attested');
    },
  });
  await refusing.listen(path);
  await using refused = new GrpcClient({ address: `unix://${path}` });
  await assert.rejects(refused.unary('/s/Echo', new Uint8Array(0)), hasStatus(GRPC_STATUS.UNAVAILABLE));
});

interface RawAnswer {
  readonly httpStatus: number | undefined;
  readonly grpcStatus: string | undefined;
}

async function raw(headers: http2.OutgoingHttpHeaders, body: Uint8Array): Promise<RawAnswer> {
  const session = http2.connect('http://localhost', {
    createConnection: () => net.connect({ path: socketPath }),
  });
  try {
    const stream = session.request({
      ':method': 'POST',
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    return await new Promise((resolve, reject) => {
      let httpStatus: number | undefined;
      let grpcStatus: string | undefined;
      stream.on('response', (received) => {
        httpStatus = Number(received[':status']);
        grpcStatus = received['grpc-status'] as string | undefined;
      });
      stream.on('trailers', (received) => {
        grpcStatus = received['grpc-status'] as string | undefined;
      });
      stream.on('error', reject);
      stream.on('close', () => {
        resolve({ httpStatus, grpcStatus });
      });
      stream.resume();
      if (headers[':method'] !== 'GET') {
        stream.end(body);
      }
    });
  } finally {
    session.destroy();
  }
}

test('broken requests end with a status', async () => {
  const path = { ':path': '/test.Open/Echo' };
  const frame = Uint8Array.of(0, 0, 0, 0, 1, 7);
  const cases: [string, http2.OutgoingHttpHeaders, Uint8Array, number, string | undefined][] = [
    ['good', path, frame, 200, '0'],
    ['no message', path, new Uint8Array(0), 200, '13'],
    ['cut message', path, Uint8Array.of(0, 0, 0, 0, 9, 1), 200, '13'],
    ['two messages', path, Buffer.concat([frame, frame]), 200, '13'],
    ['compressed', path, Uint8Array.of(1, 0, 0, 0, 1, 7), 200, '12'],
    ['length 4 GiB', path, Uint8Array.of(0, 255, 255, 255, 255), 200, '8'],
    ['bad timeout', { ...path, 'grpc-timeout': '5 minutes' }, frame, 200, '13'],
    ['other content type', { ...path, 'content-type': 'text/html' }, frame, 415, undefined],
    ['other method', { ...path, ':method': 'GET' }, new Uint8Array(0), 415, undefined],
  ];
  for (const [name, headers, body, httpStatus, grpcStatus] of cases) {
    assert.deepEqual(await raw(headers, body), { httpStatus, grpcStatus }, name);
  }
});

async function sendRaw(path: string, bytes: Uint8Array): Promise<void> {
  await new Promise<void>((resolve) => {
    const socket = net.connect({ path });
    socket.on('error', () => {});
    socket.once('close', () => {
      resolve();
    });
    socket.end(bytes);
    socket.resume();
  });
}

test('a server outlives clients that do not speak HTTP/2', async () => {
  const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  const emptySettings = Buffer.from('000000040000000000', 'hex');
  await sendRaw(socketPath, new Uint8Array(0));
  await sendRaw(socketPath, Buffer.from('GET / HTTP/1.1\r\n\r\n'));
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 100 }), fc.boolean(), async (bytes, isPrefaced) => {
      await sendRaw(socketPath, isPrefaced ? Buffer.concat([preface, emptySettings, bytes]) : bytes);
    }),
    { numRuns: 100 },
  );
  assert.equal((await client.unary('/test.Open/Echo', Uint8Array.of(1)))[0], 1);
});

test('a client calls a server that talks rubbish unavailable', async () => {
  for (const answer of ['', 'HTTP/1.1 200 OK\r\n\r\n', '\0'.repeat(1000), 'rubbish'.repeat(10_000)]) {
    const path = join(folder, `rubbish-${answer.length}.sock`);
    const rubbish = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.end(answer);
    });
    await new Promise<void>((resolve) => {
      rubbish.listen({ path }, resolve);
    });
    await using unlucky = new GrpcClient({ address: `unix://${path}` });
    await assert.rejects(unlucky.unary('/s/Echo', new Uint8Array(0)), hasStatus(GRPC_STATUS.UNAVAILABLE));
    rubbish.close();
  }
});
