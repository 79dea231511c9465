import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import tls from 'node:tls';

import { createTestCa } from '@muster/testing';
import type { LeafOverrides, TestCa, TestX509Svid } from '@muster/testing';

import {
  guardTlsServer,
  matchAny,
  matchId,
  parseX509Svid,
  SpiffeError,
  SpiffeId,
  tlsClientOptions,
  tlsServerOptions,
  verifyTlsPeer,
  X509BundleSet,
} from '../../src/index.ts';
import type { SpiffeIdMatcher, TrustDomain, X509SvidSource } from '../../src/index.ts';

const SERVER_ID = 'spiffe://example.org/nats/one';
const CLIENT_ID = 'spiffe://example.org/client';
const ca = createTestCa();
const intermediate = ca.createIntermediate();
const other = createTestCa('other.org');
const bundles = new X509BundleSet([ca.bundle, other.bundle]);
const authorizeServer = matchId(SpiffeId.parse(SERVER_ID));

let folder: string;
const servers: net.Server[] = [];
const sockets = new Set<net.Socket>();

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'spiffe-tls-'));
});

afterEach(async () => {
  for (const socket of sockets) {
    socket.destroy();
  }
  sockets.clear();
  await Promise.all(
    servers.splice(0).map(
      async (server) =>
        await new Promise<void>((resolve) => {
          server.close(() => {
            resolve();
          });
        }),
    ),
  );
});

after(() => {
  rmSync(folder, { recursive: true });
});

function source(issued: TestX509Svid): X509SvidSource {
  const svid = parseX509Svid(issued.chainDer, issued.keyDer);
  return { getX509Svid: () => svid };
}

function raw(issued: TestX509Svid): { cert: string; key: string } {
  const pem = issued.certificates.map(
    (bytes) =>
      `-----BEGIN CERTIFICATE-----\n${Buffer.from(bytes).toString('base64')}\n-----END CERTIFICATE-----\n`,
  );
  return { cert: pem.join(''), key: issued.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string };
}

let count = 0;
async function listen(server: net.Server): Promise<string> {
  servers.push(server);
  server.on('connection', (socket: net.Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  count += 1;
  const path = join(folder, `${count}.sock`);
  await new Promise<void>((resolve) => {
    server.listen({ path }, resolve);
  });
  return path;
}

/** Connects and waits for the server's first byte: in TLS 1.3 a client cannot tell earlier that it was accepted. */
async function greet(path: string, options: tls.ConnectionOptions): Promise<string> {
  return await new Promise((resolve, reject) => {
    const socket = tls.connect({ path, servername: 'ignored.example', ...options });
    sockets.add(socket);
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

function hello(options: tls.TlsOptions): tls.Server {
  const server = tls.createServer(options, (socket) => {
    socket.on('error', () => {});
    if (!socket.destroyed) {
      socket.end('hello');
    }
  });
  server.on('tlsClientError', () => {});
  return server;
}

function clientOptions(authorize: SpiffeIdMatcher = authorizeServer): tls.ConnectionOptions {
  return tlsClientOptions({ bundles, trustDomain: ca.trustDomain, authorize });
}

async function serve(issuer: TestCa, id: string, overrides: LeafOverrides = {}): Promise<string> {
  return await listen(hello(raw(issuer.issueX509Svid(id, overrides))));
}

test('a client talks to the server it authorized, with and without an intermediate', async () => {
  for (const issuer of [ca, intermediate]) {
    const path = await listen(hello(tlsServerOptions({ svid: source(issuer.issueX509Svid(SERVER_ID)) })));
    assert.equal(await greet(path, clientOptions()), 'hello');
  }
});

test('an intermediate as the only anchor is enough', async () => {
  const path = await serve(intermediate, SERVER_ID);
  const options = tlsClientOptions({
    bundles: intermediate.bundle,
    trustDomain: ca.trustDomain,
    authorize: authorizeServer,
  });
  assert.equal(await greet(path, options), 'hello');
});

test('A32 a client never switches verification off', () => {
  const options = clientOptions();
  assert.equal(options.rejectUnauthorized, true);
  assert.ok(String(options.ca).includes('BEGIN CERTIFICATE'));
  assert.ok(options.checkServerIdentity?.('x', {} as tls.PeerCertificate) instanceof SpiffeError);
});

test('a client refuses another ID, by the code of the rule', async () => {
  const path = await serve(ca, 'spiffe://example.org/nats/two');
  await assert.rejects(greet(path, clientOptions()), { code: 'ERR_ID_NOT_AUTHORIZED' });
});

test('a client refuses a server of a trust domain that was not configured, though its bundle is known', async () => {
  const path = await serve(other, 'spiffe://other.org/nats/one');
  await assert.rejects(
    greet(path, clientOptions(matchAny())),
    (error: NodeJS.ErrnoException) => error.code !== undefined,
  );
  // Even when the authority of the configured trust domain signs for another one.
  const crossed = await serve(ca, 'spiffe://other.org/nats/one');
  await assert.rejects(greet(crossed, clientOptions(matchAny())), { code: 'ERR_BUNDLE_NOT_FOUND' });
});

const refused: [string, string, LeafOverrides][] = [
  [
    'A27 without URI SAN though the DNS name fits',
    'ERR_SVID_URI_SAN_MISSING',
    { uris: [], dnsNames: ['ignored.example'] },
  ],
  ['A27 with two URI SANs', 'ERR_SVID_URI_SAN_MULTIPLE', { uris: [SERVER_ID, SERVER_ID] }],
  ['without path', 'ERR_SVID_PATH_MISSING', { uris: ['spiffe://example.org'] }],
  ['without key usage', 'ERR_SVID_KEY_USAGE_MISSING', { keyUsage: undefined }],
];
for (const [name, code, overrides] of refused) {
  test(`a client refuses a server ${name}`, async () => {
    const path = await serve(ca, SERVER_ID, overrides);
    await assert.rejects(greet(path, clientOptions()), { code });
  });
}

test('a client refuses an expired server', async () => {
  const path = await serve(ca, SERVER_ID, { expiresAt: Date.now() - 5000 });
  await assert.rejects(greet(path, clientOptions()), { code: 'CERT_HAS_EXPIRED' });
  // Our own check would say so too.
  const late = tlsClientOptions({
    bundles,
    trustDomain: ca.trustDomain,
    authorize: authorizeServer,
    now: () => Date.now() + 7_200_000,
  });
  await assert.rejects(greet(await serve(ca, SERVER_ID), late), { code: 'ERR_SVID_EXPIRED' });
});

test('a client refuses an unknown authority', async () => {
  const path = await serve(createTestCa(), SERVER_ID);
  await assert.rejects(
    greet(path, clientOptions()),
    (error: NodeJS.ErrnoException) => error.code !== undefined,
  );
});

test('a matcher that throws something else refuses as well', async () => {
  const path = await serve(ca, SERVER_ID);
  const throwing: SpiffeIdMatcher = () => {
    // oxlint-disable-next-line no-throw-literal, typescript/only-throw-error -- what a careless matcher may do
    throw 'no';
  };
  await assert.rejects(greet(path, clientOptions(throwing)), /matcher threw/);
});

test('a client without a bundle does not fall back to the authorities of the system', () => {
  const options = tlsClientOptions({
    bundles: new X509BundleSet(),
    trustDomain: ca.trustDomain,
    authorize: matchAny(),
  });
  assert.throws(() => tls.connect({ path: '/nowhere', ...options }), { code: 'ERR_BUNDLE_NOT_FOUND' });
});

test('kept options follow a bundle that is replaced', async () => {
  const next = createTestCa();
  let current = ca.bundle;
  const options = tlsClientOptions({
    bundles: { getX509Bundle: () => current },
    trustDomain: ca.trustDomain,
    authorize: authorizeServer,
  });
  assert.equal(await greet(await serve(ca, SERVER_ID), options), 'hello');
  current = next.bundle;
  await assert.rejects(greet(await serve(ca, SERVER_ID), options));
  assert.equal(await greet(await serve(next, SERVER_ID), options), 'hello');
});

test('A31 the server gives no session to resume', async () => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const server = hello(tlsServerOptions({ svid: source(ca.issueX509Svid(SERVER_ID)) }));
    const path = await listen(server);
    const first = tls.connect({ path, ...clientOptions(), maxVersion: version });
    sockets.add(first);
    let session: Buffer | undefined;
    first.on('session', (received) => {
      session = received;
    });
    await new Promise((resolve) => {
      first.once('close', resolve);
      first.resume();
    });
    session ??= first.getSession();
    const second = tls.connect({ path, ...clientOptions(), maxVersion: version, session });
    sockets.add(second);
    await new Promise((resolve, reject) => {
      second.once('secureConnect', resolve);
      second.once('error', reject);
    });
    assert.equal(second.isSessionReused(), false, version);
  }
});

test('A31 a resumed session is refused where one comes about', () => {
  const resumed = { isSessionReused: () => true } as tls.TLSSocket;
  assert.throws(() => verifyTlsPeer(resumed, { bundles, authorize: matchAny() }), {
    code: 'ERR_TLS_SESSION_RESUMED',
  });
});

test('A33 a peer without a certificate is refused', () => {
  const anonymous = {
    isSessionReused: () => false,
    getPeerCertificate: () => ({}),
  } as unknown as tls.TLSSocket;
  assert.throws(() => verifyTlsPeer(anonymous, { bundles, authorize: matchAny() }), {
    code: 'ERR_TLS_PEER_CERTIFICATE_MISSING',
  });
});

test('A34 old versions are not spoken', async () => {
  const path = await listen(hello(tlsServerOptions({ svid: source(ca.issueX509Svid(SERVER_ID)) })));
  const old = {
    ca: ca.bundle.toPem(),
    minVersion: 'TLSv1' as const,
    maxVersion: 'TLSv1.1' as const,
    ciphers: 'DEFAULT@SECLEVEL=0',
  };
  await assert.rejects(greet(path, { ...old, checkServerIdentity: () => undefined }));
});

function mutual(
  onRefused: (error: Error) => void,
  authorize: SpiffeIdMatcher = matchId(SpiffeId.parse(CLIENT_ID)),
): tls.Server {
  const server = hello(
    tlsServerOptions({ svid: source(ca.issueX509Svid(SERVER_ID)), isClientRequired: true }),
  );
  const trustDomains = [ca.trustDomain, other.trustDomain];
  guardTlsServer(server, {
    svid: source(ca.issueX509Svid(SERVER_ID)),
    bundles,
    trustDomains,
    authorize,
    onRefused,
  });
  return server;
}

function asClient(issued: TestX509Svid): tls.ConnectionOptions {
  return { ...clientOptions(), ...raw(issued) };
}

test('mutual TLS lets the authorized client in', async () => {
  const errors: Error[] = [];
  const path = await listen(mutual((error) => errors.push(error)));
  const svid = source(ca.issueX509Svid(CLIENT_ID));
  const options = tlsClientOptions({
    bundles,
    trustDomain: ca.trustDomain,
    authorize: authorizeServer,
    svid,
  });
  assert.equal(await greet(path, options), 'hello');
  assert.deepEqual(errors, []);
});

test('on Node 24 a client that needs an intermediate is refused rather than half verified', async () => {
  const errors: string[] = [];
  const path = await listen(mutual((error) => errors.push((error as { code?: string }).code ?? '')));
  await assert.rejects(greet(path, asClient(intermediate.issueX509Svid(CLIENT_ID))));
  assert.deepEqual(errors, ['ERR_SVID_UNTRUSTED']);
});

test('a refreshed guard knows the new bundle, and one that cannot refresh stays as it is', async () => {
  const next = createTestCa();
  let current: X509BundleSet = bundles;
  const changing = { getX509Bundle: (wanted: TrustDomain) => current.getX509Bundle(wanted) };
  const server = hello(
    tlsServerOptions({ svid: source(ca.issueX509Svid(SERVER_ID)), isClientRequired: true }),
  );
  const guard = guardTlsServer(server, {
    svid: source(ca.issueX509Svid(SERVER_ID)),
    bundles: changing,
    trustDomains: [ca.trustDomain],
    authorize: matchAny(),
  });
  const path = await listen(server);
  const newcomer = asClient(next.issueX509Svid(CLIENT_ID));
  await assert.rejects(greet(path, newcomer));
  current = new X509BundleSet([next.bundle]);
  guard.refresh();
  assert.equal(await greet(path, newcomer), 'hello');
  current = new X509BundleSet();
  assert.throws(
    () => {
      guard.refresh();
    },
    { code: 'ERR_BUNDLE_NOT_FOUND' },
  );
  current = new X509BundleSet([next.bundle]);
  assert.equal(await greet(path, newcomer), 'hello');
});

test('mutual TLS refuses whoever does not verify, before a handler sees the connection', async () => {
  const errors: string[] = [];
  let handled = 0;
  const server = mutual((error) => errors.push((error as { code?: string }).code ?? ''));
  server.on('secureConnection', (socket: tls.TLSSocket) => {
    handled += socket.destroyed ? 0 : 1;
  });
  const path = await listen(server);
  const cases: [TestX509Svid, string][] = [
    [ca.issueX509Svid('spiffe://example.org/someone'), 'ERR_ID_NOT_AUTHORIZED'],
    [ca.issueX509Svid(CLIENT_ID, { uris: [CLIENT_ID, CLIENT_ID] }), 'ERR_SVID_URI_SAN_MULTIPLE'],
    // Signed by an authority that the server knows, but one of another trust domain.
    [other.issueX509Svid(CLIENT_ID), 'ERR_SVID_UNTRUSTED'],
  ];
  for (const [issued, code] of cases) {
    await assert.rejects(greet(path, asClient(issued)));
    assert.equal(errors.at(-1), code);
  }
  // A33 without a certificate, by an authority that nobody knows, or expired: OpenSSL refuses already.
  await assert.rejects(greet(path, clientOptions()));
  await assert.rejects(greet(path, asClient(createTestCa().issueX509Svid(CLIENT_ID))));
  await assert.rejects(greet(path, asClient(ca.issueX509Svid(CLIENT_ID, { expiresAt: Date.now() - 5000 }))));
  assert.equal(errors.length, cases.length);
  assert.equal(handled, 0);
});

test('A32 a server whose guard was forgotten lets nobody in', async () => {
  const server = hello(
    tlsServerOptions({ svid: source(ca.issueX509Svid(SERVER_ID)), isClientRequired: true }),
  );
  let handled = 0;
  server.on('secureConnection', () => {
    handled += 1;
  });
  const path = await listen(server);
  await assert.rejects(greet(path, asClient(ca.issueX509Svid(CLIENT_ID))));
  await assert.rejects(greet(path, clientOptions()));
  assert.equal(handled, 0);
});

test('a running server takes a new SVID', async () => {
  const next = createTestCa();
  const server = hello(tlsServerOptions({ svid: source(ca.issueX509Svid(SERVER_ID)) }));
  const path = await listen(server);
  server.setSecureContext(tlsServerOptions({ svid: source(next.issueX509Svid(SERVER_ID)) }));
  const trusting = tlsClientOptions({
    bundles: next.bundle,
    trustDomain: ca.trustDomain,
    authorize: authorizeServer,
  });
  assert.equal(await greet(path, trusting), 'hello');
});

test('the guard holds for https and for http2', async () => {
  const options = tlsServerOptions({ svid: source(ca.issueX509Svid(SERVER_ID)), isClientRequired: true });
  const policy = {
    svid: source(ca.issueX509Svid(SERVER_ID)),
    bundles,
    trustDomains: [ca.trustDomain],
    authorize: matchId(SpiffeId.parse(CLIENT_ID)),
  };
  let handled = 0;
  const overHttps = https.createServer(options, (_request, response) => {
    handled += 1;
    response.end('hello');
  });
  const overHttp2 = http2.createSecureServer(options, (_request, response) => {
    handled += 1;
    response.end('hello');
  });
  for (const server of [overHttps, overHttp2]) {
    server.on('tlsClientError', () => {});
    server.on('sessionError', () => {});
    guardTlsServer(server, policy);
    await listen(server);
  }
  const good = asClient(ca.issueX509Svid(CLIENT_ID));
  const evil = asClient(ca.issueX509Svid('spiffe://example.org/evil'));
  assert.equal(await getOverHttps(overHttps, good), 200);
  await assert.rejects(getOverHttps(overHttps, evil));
  assert.equal(await getOverHttp2(overHttp2, good), 200);
  await assert.rejects(getOverHttp2(overHttp2, evil));
  assert.equal(handled, 2);
});

async function getOverHttps(server: net.Server, options: tls.ConnectionOptions): Promise<number> {
  return await new Promise((resolve, reject) => {
    const socketPath = server.address() as string;
    const request = https.get({ socketPath, ...options, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.on('error', reject);
  });
}

async function getOverHttp2(server: net.Server, options: tls.ConnectionOptions): Promise<number> {
  const path = server.address() as string;
  return await new Promise((resolve, reject) => {
    const session = http2.connect('https://ignored.example', {
      createConnection: () =>
        tls.connect({ path, servername: 'ignored.example', ...options, ALPNProtocols: ['h2'] }),
    });
    session.on('error', reject);
    const stream = session.request({ ':path': '/' });
    stream.on('response', (headers) => {
      resolve(Number(headers[':status']));
      session.destroy();
    });
    stream.on('error', reject);
    stream.on('close', () => {
      reject(new Error('closed before the response'));
      session.destroy();
    });
    stream.end();
  });
}
