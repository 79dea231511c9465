import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { test } from 'node:test';
import { connect, createSecureContext, TLSSocket } from 'node:tls';
import type { SecureVersion } from 'node:tls';

import { createTestCa } from '@muster/testing';
import type { TestX509Svid } from '@muster/testing';

import { marshalCertificatesPem, marshalPrivateKeyPem, parseX509Svid } from '../../src/index.ts';
import { takePeerCertificates } from '../../src/tls/peer-certificates.ts';

const ca = createTestCa();
const deep = ca.createIntermediate().createIntermediate();

function identity(issued: TestX509Svid): { cert: string; key: string } {
  const svid = parseX509Svid(issued.chainDer, issued.keyDer);
  return { cert: marshalCertificatesPem(svid), key: marshalPrivateKeyPem(svid) };
}

/** Looks at the client of a connection, at a server that has no opinion about clients. */
async function withConnection(
  client: { cert?: string; key?: string },
  maxVersion: SecureVersion,
  look: (socket: TLSSocket) => void,
): Promise<void> {
  const own = identity(deep.issueX509Svid('spiffe://example.org/server'));
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const connected = once(server, 'connection') as Promise<[Socket]>;
  const { port } = server.address() as AddressInfo;
  const options = { ...client, ca: ca.bundle.toPem(), checkServerIdentity: () => undefined, maxVersion };
  const socket = connect({ port, host: '127.0.0.1', ...options });
  const secured = once(socket, 'secureConnect');
  const secureContext = createSecureContext({ ...own, ca: [] });
  const [plain] = await connected;
  const other = new TLSSocket(plain, { isServer: true, requestCert: true, secureContext });
  socket.on('error', () => {});
  other.on('error', () => {});
  await Promise.all([secured, once(other, 'secure')]);
  try {
    look(other);
  } finally {
    socket.destroy();
    other.destroy();
    server.close();
    await once(server, 'close');
  }
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`the whole chain is taken, again and again, and others see what they would have seen, ${version}`, async () => {
    const issued = deep.issueX509Svid('spiffe://example.org/client');
    await withConnection(identity(issued), version, (socket) => {
      const before = [
        socket.getPeerCertificate(true),
        socket.getPeerCertificate(),
        socket.getPeerCertificate(false),
      ];
      const chain = takePeerCertificates(socket);
      assert.equal(chain.length, 3);
      assert.deepEqual(
        chain.map(({ raw }) => raw.toString('hex')),
        issued.certificates.map((bytes) => Buffer.from(bytes).toString('hex')),
      );
      const after = [
        socket.getPeerCertificate(true),
        socket.getPeerCertificate(),
        socket.getPeerCertificate(false),
      ];
      assert.deepEqual(after, before);
      const again = takePeerCertificates(socket);
      assert.deepEqual(
        again.map(({ raw }) => raw),
        chain.map(({ raw }) => raw),
      );
      assert.equal(socket.getPeerX509Certificate(), chain[0]);
      assert.ok(socket.getPeerX509Certificate()?.issuerCertificate?.issuerCertificate);
    });
  });

  test(`a chain that ends in its root is linked to itself there, ${version}`, async () => {
    const issued = ca.issueX509Svid('spiffe://example.org/client');
    const { cert, key } = identity(issued);
    await withConnection({ cert: cert + ca.bundle.toPem(), key }, version, (socket) => {
      const before = socket.getPeerCertificate(true);
      assert.equal(takePeerCertificates(socket).length, 2);
      const after = socket.getPeerCertificate(true);
      assert.deepEqual(after, before);
      const root = after.issuerCertificate;
      assert.equal(root.issuerCertificate, root);
    });
  });

  test(`without a certificate nothing is taken and nothing is changed, ${version}`, async () => {
    await withConnection({}, version, (socket) => {
      assert.deepEqual(takePeerCertificates(socket), []);
      assert.deepEqual(socket.getPeerCertificate(true), {});
      assert.equal(Object.hasOwn(socket, 'getPeerCertificate'), false);
    });
  });
}

test('of a closed connection there is no certificate any more', async () => {
  await withConnection(identity(ca.issueX509Svid('spiffe://example.org/client')), 'TLSv1.3', (socket) => {
    assert.notEqual(takePeerCertificates(socket).length, 0);
    socket.destroy();
    assert.equal(socket.getPeerCertificate(true), null);
    assert.equal(socket.getPeerX509Certificate(), undefined);
    assert.deepEqual(takePeerCertificates(socket), []);
  });
});
