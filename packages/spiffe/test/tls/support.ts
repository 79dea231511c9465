// Servers, clients and identities that the tests of this folder share.
import { mkdtempSync, rmSync } from 'node:fs';
import type net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach } from 'node:test';
import tls from 'node:tls';

import { createTestCa } from '@muster/testing';
import type { TestCa, TestX509Svid } from '@muster/testing';

import {
  guardTlsServer,
  matchId,
  parseX509Svid,
  SpiffeError,
  SpiffeId,
  tlsClientOptions,
  tlsServerOptions,
  X509BundleSet,
} from '../../src/index.ts';
import type {
  SpiffeIdMatcher,
  TlsGuard,
  TlsGuardOptions,
  X509Svid,
  X509SvidSource,
} from '../../src/index.ts';

export const SERVER_ID = 'spiffe://example.org/nats/one';
export const CLIENT_ID = 'spiffe://example.org/client';
export const ca: TestCa = createTestCa();
export const intermediate: TestCa = ca.createIntermediate();
export const other: TestCa = createTestCa('other.org');
export const bundles: X509BundleSet = new X509BundleSet([ca.bundle, other.bundle]);
export const authorizeServer: SpiffeIdMatcher = matchId(SpiffeId.parse(SERVER_ID));
export const authorizeClient: SpiffeIdMatcher = matchId(SpiffeId.parse(CLIENT_ID));

const sockets = new Set<net.Socket>();
const servers: net.Server[] = [];
let folder: string | undefined;
let count = 0;

afterEach(async () => {
  for (const socket of sockets) {
    socket.destroy();
  }
  sockets.clear();
  await Promise.all(
    servers.splice(0).map(async (server) => {
      await new Promise((resolve) => {
        server.close(resolve);
      });
    }),
  );
});

after(() => {
  if (folder !== undefined) {
    rmSync(folder, { recursive: true });
  }
});

/** Destroys the socket when the test is over. */
export function keep<S extends net.Socket>(socket: S): S {
  sockets.add(socket);
  return socket;
}

/** Listens on a unix socket and closes when the test is over. Returns the path. */
export async function listen(server: net.Server): Promise<string> {
  folder ??= mkdtempSync(join(tmpdir(), 'spiffe-tls-'));
  count += 1;
  const path = join(folder, `${count}.sock`);
  await listenOn(server, { path });
  return path;
}

/** Listens on a port of the loopback interface and closes when the test is over. Returns the port. */
export async function listenTcp(server: net.Server): Promise<number> {
  await listenOn(server, { port: 0, host: '127.0.0.1' });
  return (server.address() as net.AddressInfo).port;
}

async function listenOn(server: net.Server, where: net.ListenOptions): Promise<void> {
  servers.push(server);
  server.on('connection', (socket: net.Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  server.on('tlsClientError', () => {});
  server.on('sessionError', () => {});
  await new Promise<void>((resolve) => {
    server.listen(where, resolve);
  });
}

export function parse(issued: TestX509Svid): X509Svid {
  return parseX509Svid(issued.chainDer, issued.keyDer);
}

/** A source that never changes. */
export function source(issued: TestX509Svid): X509SvidSource {
  const svid = parse(issued);
  return { getX509Svid: () => svid };
}

/** A source that does, or loses its identity. */
export class ChangingSource implements X509SvidSource {
  svid: X509Svid | undefined;

  constructor(issued: TestX509Svid) {
    this.svid = parse(issued);
  }

  change(issued: TestX509Svid | undefined): void {
    this.svid = issued === undefined ? undefined : parse(issued);
  }

  getX509Svid(): X509Svid {
    if (this.svid === undefined) {
      throw new SpiffeError('ERR_NO_IDENTITY', 'The identity was withdrawn');
    }
    return this.svid;
  }
}

/** Certificate and key for node:tls, whatever is wrong with them. */
export function raw(issued: TestX509Svid): { cert: string; key: string } {
  const pem = issued.certificates.map(
    (bytes) =>
      `-----BEGIN CERTIFICATE-----\n${Buffer.from(bytes).toString('base64')}\n-----END CERTIFICATE-----\n`,
  );
  return { cert: pem.join(''), key: issued.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string };
}

export function clientOptions(authorize: SpiffeIdMatcher = authorizeServer): tls.ConnectionOptions {
  return tlsClientOptions({ bundles, trustDomain: ca.trustDomain, authorize });
}

/** A client that shows whatever certificate it has. */
export function asClient(issued: TestX509Svid): tls.ConnectionOptions {
  return { ...clientOptions(), ...raw(issued) };
}

/** Connects and waits for the server's first byte: in TLS 1.3 a client cannot tell earlier that it was accepted. */
export async function greet(path: string, options: tls.ConnectionOptions): Promise<string> {
  return await new Promise((resolve, reject) => {
    const socket = keep(tls.connect({ path, servername: 'ignored.example', ...options }));
    socket.once('data', (data) => {
      resolve(data.toString());
      socket.destroy();
    });
    socket.once('error', reject);
    socket.once('close', () => {
      reject(new Error('closed before the first byte'));
    });
  });
}

/** A server that says hello to whom it lets in. */
export function hello(options: tls.TlsOptions): tls.Server {
  return tls.createServer(options, (socket) => {
    socket.on('error', () => {});
    if (!socket.destroyed) {
      socket.end('hello');
    }
  });
}

export const serverSvid: X509SvidSource = source(ca.issueX509Svid(SERVER_ID));

/** Options of a server that takes nobody until it is guarded. */
export function required(): tls.TlsOptions {
  return tlsServerOptions({ svid: serverSvid, isClientRequired: true });
}

/** Guards the server, and collects why clients were refused. */
export function guarded(
  server: tls.Server,
  options: Partial<TlsGuardOptions> = {},
): { guard: TlsGuard; errors: string[] } {
  const errors: string[] = [];
  const guard = guardTlsServer(server, {
    svid: serverSvid,
    bundles,
    authorize: authorizeClient,
    onRefused: (error) => errors.push(codeOf(error)),
    ...options,
  } as TlsGuardOptions);
  return { guard, errors };
}

/** The stable code of an error, or its message. */
export function codeOf(error: unknown): string {
  return (error as { code?: string }).code ?? String(error);
}
