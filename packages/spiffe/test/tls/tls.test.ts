import assert from 'node:assert/strict';
import { connect as connectSocket } from 'node:net';
import { test } from 'node:test';
import tls from 'node:tls';

import { createTestCa } from '@muster/testing';
import type { LeafOverrides, TestCa } from '@muster/testing';

import { matchAny, SpiffeError, tlsClientOptions, tlsServerOptions, X509BundleSet } from '../../src/index.ts';
import type { SpiffeIdMatcher } from '../../src/index.ts';
import {
  authorizeServer,
  bundles,
  ca,
  clientOptions,
  greet,
  hello,
  intermediate,
  keep,
  listen,
  other,
  raw,
  SERVER_ID,
  source,
} from './support.ts';

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
    keep(first);
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
    keep(second);
    await new Promise((resolve, reject) => {
      second.once('secureConnect', resolve);
      second.once('error', reject);
    });
    assert.equal(second.isSessionReused(), false, version);
  }
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

test('whoever does not finish a handshake is cut off', async () => {
  const options = tlsServerOptions({ svid: source(ca.issueX509Svid(SERVER_ID)) });
  assert.equal(options.handshakeTimeout, 30_000);
  const server = hello({ ...options, handshakeTimeout: 20 });
  const refused = new Promise<NodeJS.ErrnoException>((resolve) => server.once('tlsClientError', resolve));
  const path = await listen(server);
  const socket = connectSocket(path);
  socket.on('error', () => {});
  assert.equal((await refused).code, 'ERR_TLS_HANDSHAKE_TIMEOUT');
  socket.destroy();
});
