import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import tls from 'node:tls';

import { createTestCa } from '@muster/testing';
import type { TestCa } from '@muster/testing';

import {
  guardTlsServer,
  matchAny,
  rotateTlsServer,
  tlsClientOptions,
  tlsPeerOf,
  tlsServerOptions,
  tlsWebClientOptions,
} from '../../src/index.ts';
import type { TlsServerIdentity, TlsServerRotation } from '../../src/index.ts';
import {
  asClient,
  authorizeClient,
  authorizeServer,
  bundles,
  ca,
  ChangingSource,
  CLIENT_ID,
  greet,
  hello,
  keep,
  listen,
  other,
  raw,
  SERVER_ID,
  source,
} from './support.ts';

const client = ca.issueX509Svid(CLIENT_ID);

/** The serial number that the server shows, or the error. */
async function shown(path: string, options: tls.ConnectionOptions): Promise<string> {
  const socket = keep(tls.connect({ path, servername: 'localhost', ...options }));
  return await new Promise((resolve) => {
    socket.once('secureConnect', () => {
      resolve(socket.getPeerCertificate().serialNumber);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code ?? error.message);
    });
  });
}

const serialOf = (svid: { readonly certificates: readonly Uint8Array[] } | undefined): string =>
  new X509Certificate(svid?.certificates[0] ?? '').serialNumber;

type Start = (
  server: tls.Server,
  identity: TlsServerIdentity & { onIdentityLost?: (error: Error) => void; now?: () => number },
) => TlsServerRotation;
const ways: [string, boolean, Start][] = [
  ['a server without client certificates', false, rotateTlsServer],
  [
    'a guarded server',
    true,
    (server, identity) => guardTlsServer(server, { ...identity, bundles, authorize: authorizeClient }),
  ],
];

for (const [name, isClientRequired, start] of ways) {
  test(`${name} shows the renewed SVID to the next connection, and keeps those that exist`, async () => {
    const svid = new ChangingSource(ca.issueX509Svid(SERVER_ID));
    const server = tls.createServer(tlsServerOptions({ svid, isClientRequired }), (socket) =>
      socket.pipe(socket),
    );
    start(server, { svid });
    const path = await listen(server);
    const before = keep(tls.connect({ path, ...asClient(client) }));
    await once(before, 'secureConnect');
    const first = serialOf(svid.svid);
    assert.equal(await shown(path, asClient(client)), first);
    svid.change(ca.issueX509Svid(SERVER_ID));
    assert.notEqual(serialOf(svid.svid), first);
    assert.equal(await shown(path, asClient(client)), serialOf(svid.svid));
    before.write('still here');
    assert.equal(String((await once(before, 'data'))[0]), 'still here');
  });

  test(`${name} renews without losing a handshake that is under way`, async () => {
    const svid = new ChangingSource(ca.issueX509Svid(SERVER_ID));
    const server = hello(tlsServerOptions({ svid, isClientRequired }));
    start(server, { svid });
    const path = await listen(server);
    const accepted = once(server, 'connection');
    const slow = keep(net.connect(path));
    await accepted;
    const first = serialOf(svid.svid);
    svid.change(ca.issueX509Svid(SERVER_ID));
    assert.equal(await shown(path, asClient(client)), serialOf(svid.svid));
    const socket = keep(tls.connect({ socket: slow, servername: 'x.example', ...asClient(client) }));
    assert.equal(String((await once(socket, 'data'))[0]), 'hello');
    assert.equal(socket.getPeerCertificate().serialNumber ?? first, first);
  });

  test(`${name} shows no SVID that was withdrawn or has expired, and comes back`, async () => {
    const svid = new ChangingSource(ca.issueX509Svid(SERVER_ID));
    const lost: string[] = [];
    let now = Date.now();
    const server = hello(tlsServerOptions({ svid, isClientRequired }));
    start(server, {
      svid,
      now: () => now,
      onIdentityLost: (error) => lost.push((error as { code?: string }).code ?? error.message),
    });
    const path = await listen(server);
    const options = asClient(client);
    svid.change(undefined);
    for (let count = 0; count < 2; count += 1) {
      assert.equal(await shown(path, options), 'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE');
    }
    assert.deepEqual(lost, ['ERR_NO_IDENTITY']);
    svid.change(ca.issueX509Svid(SERVER_ID));
    assert.equal(await greet(path, options), 'hello');
    now += 7_200_000;
    assert.equal(await shown(path, options), 'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE');
    assert.deepEqual(lost, ['ERR_NO_IDENTITY', 'ERR_SVID_EXPIRED']);
  });

  test(`${name} keeps the options of node:tls that it was made with`, async () => {
    const svid = new ChangingSource(ca.issueX509Svid(SERVER_ID));
    const server = hello({
      ...tlsServerOptions({ svid, isClientRequired }),
      maxVersion: 'TLSv1.2',
      ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384',
    });
    start(server, { svid });
    const path = await listen(server);
    for (const issued of [ca.issueX509Svid(SERVER_ID), undefined, ca.issueX509Svid(SERVER_ID)]) {
      svid.change(issued);
      if (issued === undefined) {
        await shown(path, asClient(client));
        continue;
      }
      const socket = keep(tls.connect({ path, ...asClient(client) }));
      await once(socket, 'secureConnect');
      assert.equal(socket.getProtocol(), 'TLSv1.2');
      assert.equal(socket.getCipher().name, 'ECDHE-ECDSA-AES256-GCM-SHA384');
      const old = { ...asClient(client), ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' };
      assert.match(await shown(path, old), /HANDSHAKE_FAILURE/);
    }
  });

  test(`${name} that has been closed shows nothing`, async () => {
    const svid = new ChangingSource(ca.issueX509Svid(SERVER_ID));
    const server = hello(tlsServerOptions({ svid, isClientRequired }));
    {
      using _rotation = start(server, { svid });
      assert.equal(await greet(await listen(server), asClient(client)), 'hello');
    }
    assert.match(await shown(server.address() as string, asClient(client)), /HANDSHAKE_FAILURE/);
  });

  test(`${name} does not start without an SVID`, () => {
    const svid = new ChangingSource(ca.issueX509Svid(SERVER_ID));
    const server = tls.createServer(tlsServerOptions({ svid, isClientRequired }));
    svid.change(undefined);
    assert.throws(() => start(server, { svid }), { code: 'ERR_NO_IDENTITY' });
    assert.throws(() => tlsServerOptions({ svid, isClientRequired }), { code: 'ERR_NO_IDENTITY' });
    assert.throws(
      () => tlsServerOptions({ svid: source(ca.issueX509Svid(SERVER_ID, { expiresAt: Date.now() - 1 })) }),
      {
        code: 'ERR_SVID_EXPIRED',
      },
    );
  });
}

test('a server with a certificate of the web serves clients with SVIDs, and takes a renewed certificate', async () => {
  const web = createTestCa('web.example');
  const issue = (): { cert: string; key: string } =>
    raw(web.issueX509Svid('spiffe://web.example/x', { uris: [], dnsNames: ['localhost'] }));
  let current = issue();
  const webCertificate = (): { cert: string; key: string } => current;
  const server = hello(tlsServerOptions({ webCertificate, isClientRequired: true }));
  guardTlsServer(server, { webCertificate, bundles, authorize: authorizeClient });
  const path = await listen(server);
  const mine = tlsWebClientOptions({ webAuthorities: [web.bundle.toPem()], svid: source(client) });
  const accepted = once(server, 'secureConnection');
  assert.equal(await greet(path, { ...mine, servername: 'localhost' }), 'hello');
  assert.equal(tlsPeerOf(((await accepted) as [tls.TLSSocket])[0])?.id.toString(), CLIENT_ID);
  // By its host name, by its authority, and with an SVID or not at all.
  await assert.rejects(greet(path, { ...mine, servername: 'other.example' }), {
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
  });
  const elsewhere = tlsWebClientOptions({ webAuthorities: [ca.bundle.toPem()], svid: source(client) });
  await assert.rejects(greet(path, { ...elsewhere, servername: 'localhost' }));
  await assert.rejects(
    greet(path, { ...tlsWebClientOptions({ webAuthorities: 'system' }), servername: 'localhost' }),
  );
  const nobody = tlsWebClientOptions({ webAuthorities: [web.bundle.toPem()] });
  await assert.rejects(greet(path, { ...nobody, servername: 'localhost' }));
  const before = await shown(path, { ...mine, servername: 'localhost' });
  current = issue();
  assert.notEqual(await shown(path, { ...mine, servername: 'localhost' }), before);
});

test('a client believes each of several trust domains for itself', async () => {
  const both = { getX509Bundle: bundles.getX509Bundle.bind(bundles) };
  const trustDomain = [ca.trustDomain, other.trustDomain];
  const options = tlsClientOptions({ bundles: both, trustDomain, authorize: matchAny() });
  const serve = async (issuer: TestCa, id: string): Promise<string> =>
    await listen(hello(raw(issuer.issueX509Svid(id))));
  assert.equal(await greet(await serve(ca, SERVER_ID), options), 'hello');
  assert.equal(await greet(await serve(other, 'spiffe://other.org/a'), options), 'hello');
  // OpenSSL knows both authorities; who may say what is for us to judge.
  for (const [issuer, id] of [
    [other, SERVER_ID],
    [ca, 'spiffe://other.org/a'],
  ] as const) {
    await assert.rejects(greet(await serve(issuer, id), options), { code: 'ERR_SVID_UNTRUSTED' });
  }
  // All that the source has: by a set, or by a source that hands one out.
  for (const listing of [bundles, { ...both, getX509Bundles: () => bundles }]) {
    const any = tlsClientOptions({ bundles: listing, authorize: authorizeServer });
    assert.equal(await greet(await serve(ca, SERVER_ID), any), 'hello');
  }
  assert.throws(() => tlsClientOptions({ bundles: both, authorize: authorizeServer }), {
    code: 'ERR_ID_TRUST_DOMAIN_MISSING',
  });
  assert.throws(() => tlsClientOptions({ bundles, trustDomain: [], authorize: authorizeServer }), {
    code: 'ERR_ID_TRUST_DOMAIN_MISSING',
  });
});
