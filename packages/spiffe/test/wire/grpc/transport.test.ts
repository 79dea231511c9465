import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import http2 from 'node:http2';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { SpiffeError } from '../../../src/errors.ts';
import {
  connectPlain,
  createGrpcServer,
  GRPC_STATUS,
  GrpcClient,
  GrpcStatusError,
  waitForSocket,
} from '../../../src/wire/index.ts';
import type { GrpcServer } from '../../../src/wire/index.ts';

const NOTHING = new Uint8Array(0);

let folder: string;
let socketPath: string;
let server: GrpcServer;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'spiffe-grpc-'));
  socketPath = join(folder, 'api.sock');
  server = createGrpcServer({
    services: {
      s: {
        methods: {
          Echo: { kind: 'unary', handle: (request) => request },
          Forever: {
            kind: 'serverStream',
            async *handle(_request, call) {
              yield Uint8Array.of(1);
              await new Promise((resolve) => {
                call.signal.addEventListener('abort', resolve);
              });
            },
          },
        },
      },
    },
  });
  await server.listen(socketPath);
});

after(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

interface Relay extends AsyncDisposable {
  readonly port: number;
  readonly connections: number;
  /** From now on nothing is forwarded and nothing closed: what a stopped peer looks like. */
  stop(): void;
  /** Forwards again on new connections. */
  resume(): void;
}

/** A TCP port in front of the server, which can fall silent. */
async function startRelay(): Promise<Relay> {
  const sockets = new Set<net.Socket>();
  let connections = 0;
  let isStopped = false;
  const relay = net.createServer((front) => {
    connections += 1;
    const back = net.connect(socketPath);
    for (const [from, to] of [
      [front, back],
      [back, front],
    ] as const) {
      sockets.add(from);
      from.on('data', (chunk: Uint8Array) => {
        if (!isStopped) {
          to.write(chunk);
        }
      });
      from.on('error', () => {});
      from.on('close', () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => {
    relay.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (relay.address() as net.AddressInfo).port,
    get connections() {
      return connections;
    },
    stop: () => {
      isStopped = true;
    },
    resume: () => {
      isStopped = false;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) {
        socket.destroy();
      }
      await new Promise((resolve) => relay.close(resolve));
    },
  };
}

function hasStatus(status: number, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof GrpcStatusError, String(error));
    assert.equal(error.status, status, error.message);
    assert.match(error.message, message);
    return true;
  };
}

test('a target may be a TCP port or a path', async () => {
  await using relay = await startRelay();
  for (const target of [{ host: '127.0.0.1', port: relay.port }, { path: socketPath }]) {
    await using client = new GrpcClient({ target });
    assert.deepEqual([...(await client.unary('/s/Echo', Uint8Array.of(7)))], [7]);
  }
  assert.equal(relay.connections, 1);
});

test('a stream whose peer falls silent ends as UNAVAILABLE', async () => {
  await using relay = await startRelay();
  await using client = new GrpcClient({
    target: { host: '127.0.0.1', port: relay.port },
    keepAliveMs: 20,
    keepAliveTimeoutMs: 300,
  });
  await assert.rejects(
    async () => {
      for await (const message of client.serverStream('/s/Forever', NOTHING)) {
        assert.equal(message[0], 1);
        relay.stop();
      }
    },
    hasStatus(GRPC_STATUS.UNAVAILABLE, /^The peer is silent: .* within 300 ms$/),
  );
  relay.resume();
  assert.deepEqual([...(await client.unary('/s/Echo', Uint8Array.of(7)))], [7]);
  assert.equal(relay.connections, 2);
});

test('a call on a connection that died silently is repeated once, on a new one', async () => {
  await using relay = await startRelay();
  await using client = new GrpcClient({
    target: { host: '127.0.0.1', port: relay.port },
    keepAliveMs: 20,
    keepAliveTimeoutMs: 300,
  });
  await client.unary('/s/Echo', NOTHING);
  relay.stop();
  await assert.rejects(client.unary('/s/Echo', NOTHING), hasStatus(GRPC_STATUS.UNAVAILABLE, /silent/));
  assert.equal(relay.connections, 2);
});

test('a silent peer does not outlast the time limit of a call, second try included', async () => {
  await using relay = await startRelay();
  await using client = new GrpcClient({
    target: { host: '127.0.0.1', port: relay.port },
    keepAliveMs: 100_000,
    keepAliveTimeoutMs: 100_000,
  });
  await client.unary('/s/Echo', NOTHING);
  relay.stop();
  await assert.rejects(
    client.unary('/s/Echo', NOTHING, { timeoutMs: 50 }),
    hasStatus(GRPC_STATUS.DEADLINE_EXCEEDED, /within 50 ms/),
  );
});

/** A server that only shakes hands, and counts the SETTINGS it gets besides the first. */
async function withHttp2Server(
  run: (path: string, settingsSeen: () => number) => Promise<void>,
): Promise<void> {
  let settings = 0;
  const sessions = new Set<http2.ServerHttp2Session>();
  const plain = http2.createServer();
  plain.on('session', (session) => {
    sessions.add(session);
    session.on('remoteSettings', () => {
      settings += 1;
    });
  });
  plain.on('stream', (stream) => {
    stream.on('error', () => {});
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    stream.write(Uint8Array.of(0, 0, 0, 0, 1, 1));
  });
  const path = join(folder, 'http2.sock');
  await new Promise<void>((resolve) => {
    plain.listen(path, resolve);
  });
  try {
    await run(path, () => settings - sessions.size);
  } finally {
    for (const session of sessions) {
      session.destroy();
    }
    await new Promise((resolve) => plain.close(resolve));
  }
}

test('probes go on for as long as the stream is open and answered, and no longer', async () => {
  await withHttp2Server(async (path, settingsSeen) => {
    await using client = new GrpcClient({ target: { path }, keepAliveMs: 10, keepAliveTimeoutMs: 30_000 });
    for await (const message of client.serverStream('/s/Forever', NOTHING)) {
      assert.equal(message[0], 1);
      while (settingsSeen() < 3) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, 30));
    const seen = settingsSeen();
    await new Promise((resolve) => setTimeout(resolve, 60));
    assert.equal(settingsSeen(), seen);
  });
});

test('an answer that waits to be read counts, even if this process was busy beyond the limit', async () => {
  await using client = new GrpcClient({
    address: `unix://${socketPath}`,
    keepAliveMs: 5,
    keepAliveTimeoutMs: 200,
  });
  await using relay = await startRelay();
  await using relayed = new GrpcClient({
    target: { host: '127.0.0.1', port: relay.port },
    keepAliveMs: 5,
    keepAliveTimeoutMs: 200,
  });
  const streams = [client, relayed].map((one) => one.serverStream('/s/Forever', NOTHING));
  await Promise.all(streams.map(async (stream) => await stream.next()));
  const ends = streams.map(async (stream) => await stream.next());
  let failure: unknown;
  for (const end of ends) {
    end.catch((error: unknown) => {
      failure = error;
    });
  }
  for (let round = 0; round < 3; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    const until = performance.now() + 300;
    while (performance.now() < until);
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(failure, undefined);
});

test('connect decides what HTTP/2 runs on, and its own error ends the call', async () => {
  const refusal = new SpiffeError('ERR_ID_NOT_AUTHORIZED', 'Not the server that was meant');
  let tries = 0;
  await using client = new GrpcClient({
    target: { path: socketPath },
    connect: async (target, signal) => {
      tries += 1;
      if (tries === 1) {
        throw refusal;
      }
      return await connectPlain(target, signal);
    },
  });
  await assert.rejects(client.unary('/s/Echo', NOTHING), (error) => error === refusal);
  await Promise.all([client.unary('/s/Echo', NOTHING), client.unary('/s/Echo', NOTHING)]);
  assert.equal(tries, 2, 'calls that start together share the connection');
});

test('connecting ends by its time limit, by the limits of the call and by close', async () => {
  const opened: AbortSignal[] = [];
  const options = {
    target: { path: socketPath },
    connect: async (_target: unknown, signal: AbortSignal): Promise<net.Socket> => {
      opened.push(signal);
      const socket = new net.Socket();
      await waitForSocket(socket, 'connect', signal);
      return socket;
    },
  };
  await using impatient = new GrpcClient({ ...options, connectTimeoutMs: 20 });
  await assert.rejects(
    impatient.unary('/s/Echo', NOTHING),
    hasStatus(GRPC_STATUS.UNAVAILABLE, /not established within 20 ms/),
  );
  assert.equal(opened[0]?.aborted, true);
  await using patient = new GrpcClient(options);
  await assert.rejects(
    patient.unary('/s/Echo', NOTHING, { timeoutMs: 20 }),
    hasStatus(GRPC_STATUS.DEADLINE_EXCEEDED, /./),
  );
  const aborting = new AbortController();
  const aborted = assert.rejects(patient.unary('/s/Echo', NOTHING, { signal: aborting.signal }), {
    code: 'ERR_ABORTED',
  });
  aborting.abort();
  await aborted;
  const closed = assert.rejects(patient.unary('/s/Echo', NOTHING), { code: 'ERR_CLOSED' });
  await patient.close();
  await closed;
});

test('details of a status are handed on as bytes, and only if they are base64', async () => {
  const plain = http2.createServer();
  const path = join(folder, 'details.sock');
  plain.on('stream', (stream, headers) => {
    stream.respond(
      {
        ':status': 200,
        'content-type': 'application/grpc',
        'grpc-status': '5',
        'grpc-status-details-bin': headers[':path'] === '/s/Good' ? 'CAUSBGdvbmU' : 'CA*=',
      },
      { endStream: true },
    );
  });
  await new Promise<void>((resolve) => {
    plain.listen(path, resolve);
  });
  {
    await using client = new GrpcClient({ target: { path } });
    await assert.rejects(client.unary('/s/Good', NOTHING), (error: GrpcStatusError) => {
      assert.deepEqual(Buffer.from(error.details ?? []), Buffer.from('08051204676f6e65', 'hex'));
      return hasStatus(GRPC_STATUS.NOT_FOUND, /./)(error);
    });
    await assert.rejects(client.unary('/s/Bad', NOTHING), (error: GrpcStatusError) => {
      assert.equal(error.details, undefined);
      return hasStatus(GRPC_STATUS.NOT_FOUND, /./)(error);
    });
  }
  await new Promise((resolve) => plain.close(resolve));
});
