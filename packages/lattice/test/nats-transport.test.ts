import assert from 'node:assert/strict';
import net from 'node:net';
import { Readable } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { parseX509Svid, tlsServerOptions, TrustDomain } from '@muster/spiffe';
import type { JwtSvid } from '@muster/spiffe';
import { createTestCa } from '@muster/testing';
import { connectLattice } from '../src/connection.ts';
import type { ConnectLatticeOptions, LatticeConnection } from '../src/connection-options.ts';
import { rejectsCode } from './support.ts';

const TOKEN = 'token-of-a-host';
const trustDomain = TrustDomain.parse('muster.internal');
const ca = createTestCa('muster.internal');

interface FakeServer {
  readonly port: number;
  /** Everything that came in the clear. */
  readonly clear: () => string;
}

/** Says `info` and then `more` to each client in the clear; goes on inside TLS where it has an SVID. */
async function startServer(
  context: TestContext,
  options: { info: object; more?: (connections: number) => string; serverId?: string; isEndless?: boolean },
): Promise<FakeServer> {
  const { info, more = () => '', serverId, isEndless = false } = options;
  const sockets = new Set<net.Socket>();
  let clear = '';
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    if (isEndless) {
      socket.write('INFO ');
      Readable.from(endless()).pipe(socket);
      return;
    }
    socket.write(`INFO ${JSON.stringify({ version: '2.15.1', proto: 1, headers: true, ...info })}\r\n`);
    socket.write(more(sockets.size));
    if (serverId === undefined) {
      socket.on('data', (bytes) => {
        clear += bytes.toString('latin1');
        if (clear.includes('PING')) socket.write('PONG\r\n');
      });
    } else {
      speakTls(socket, serverId);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  context.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { port: (server.address() as net.AddressInfo).port, clear: () => clear };
}

function* endless(): Generator<Buffer> {
  for (;;) yield Buffer.alloc(16_384, 'x');
}

function speakTls(socket: net.Socket, serverId: string): void {
  const { chainDer, keyDer } = ca.issueX509Svid(serverId);
  const svid = parseX509Svid(chainDer, keyDer);
  const secure = new TLSSocket(socket, {
    isServer: true,
    ...tlsServerOptions({ svid: { getX509Svid: () => svid } }),
  });
  secure.on('error', () => {});
  secure.on('data', (bytes) => {
    if (bytes.includes('PING')) secure.write('PONG\r\n');
  });
}

function connect(port: number, over: Partial<ConnectLatticeOptions> = {}): Promise<LatticeConnection> {
  return connectLattice({
    servers: [`tls://127.0.0.1:${port}`],
    name: 'ctl',
    trustDomain,
    bundles: ca.bundle,
    fetchToken: () => Promise.resolve({ token: TOKEN, expiresAt: Date.now() + 60_000 } as JwtSvid),
    inboxPrefix: '_INBOX.x',
    userExpiry: false,
    retry: { attempts: 1, initialDelayMs: 1 },
    attemptTimeoutMs: 3_000,
    ...over,
  });
}

test('a server is spoken to inside TLS, and only as the SPIFFE ID it must have', async (context) => {
  const good = await startServer(context, {
    info: { tls_required: true },
    serverId: 'spiffe://muster.internal/nats/a',
  });
  const connection = await connect(good.port);
  assert.equal(connection.isConnected(), true);
  await connection.close();
  const other = await startServer(context, {
    info: { tls_required: true },
    serverId: 'spiffe://muster.internal/evil',
  });
  await rejectsCode('ERR_CONNECT_FAILED', connect(other.port));
});

test('no server gets a JWT-SVID in the clear, whatever it says about TLS', async (context) => {
  const odd = [1, 'yes', [], {}, null, false, undefined];
  for (const value of odd) {
    for (const info of [{ tls_available: value }, { tls_required: value }]) {
      const server = await startServer(context, { info });
      await rejectsCode('ERR_CONNECT_FAILED', connect(server.port));
      assert.equal(server.clear().includes(TOKEN), false, JSON.stringify(info));
    }
  }
});

test('a message that was slipped in before TLS never reaches a subscription', async (context) => {
  // Whoever can put bytes into the clear part passes everything else on, so that TLS with the real server works.
  const server = await startServer(context, {
    info: { tls_required: true },
    serverId: 'spiffe://muster.internal/nats/a',
    more: (connections) => (connections === 2 ? 'MSG forged 1 4\r\nevil\r\n' : ''),
  });
  const connection = await connect(server.port);
  const received: string[] = [];
  connection.nats.subscribe('own', { callback: (_error, message) => void received.push(message.subject) });
  const failed = Promise.withResolvers<string>();
  const back = Promise.withResolvers<void>();
  connection.onStatus((status) => {
    if (status.type === 'attempt-failed') failed.resolve(status.error.message);
    if (status.type === 'reconnected') back.resolve();
  });
  connection.reconnect();
  assert.match(await failed.promise, /nothing may follow/);
  await back.promise;
  assert.deepEqual(received, []);
  await connection.close();
});

test('a server that goes on and on before TLS is left', async (context) => {
  const server = await startServer(context, { info: { tls_required: true }, isEndless: true });
  const error = await rejectsCode('ERR_CONNECT_FAILED', connect(server.port));
  assert.match((error.cause as Error).message, /too much/);
});

test('an attempt that ran out of time leaves no socket behind', { timeout: 30_000 }, async (context) => {
  for (const isHalfWay of [false, true]) {
    const closed: Promise<void>[] = [];
    const server = net.createServer((socket) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      closed.push(promise);
      socket.on('error', () => {});
      socket.resume();
      socket.once('close', () => resolve());
      // Then it does not answer the handshake.
      if (isHalfWay) socket.write('INFO {"tls_required":true,"headers":true}\r\n');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    context.after(() => server.close());
    const { port } = server.address() as net.AddressInfo;
    const attempts = { attempts: 2, initialDelayMs: 1, maxDelayMs: 1 };
    await rejectsCode('ERR_CONNECT_FAILED', connect(port, { retry: attempts, attemptTimeoutMs: 200 }));
    assert.equal(closed.length, 2);
    await Promise.all(closed);
  }
});
