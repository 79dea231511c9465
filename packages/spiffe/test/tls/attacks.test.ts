import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import tls from 'node:tls';

import { distinguishedName } from '@muster/testing';

import { guardTlsServer, tlsClientOptions } from '../../src/index.ts';
import type { SpiffeIdMatcher } from '../../src/index.ts';
import {
  asClient,
  bundles,
  ca,
  CLIENT_ID,
  clientOptions,
  greet,
  guarded,
  hello,
  listen,
  other,
  raw,
  required,
  SERVER_ID,
  serverSvid,
} from './support.ts';

// Put together, since nothing here may have it: node:tls verifies nobody where it is 0.
const VARIABLE = ['NODE', 'TLS', 'REJECT', 'UNAUTHORIZED'].join('_');

/** TypeScript takes a function of a promise for one of nothing, so this is easily written. */
const asynchronous = (async () => {
  await Promise.reject(new Error('too late'));
}) as unknown as SpiffeIdMatcher;

test('A32 options that are spread or copied keep verification on', async () => {
  const path = await listen(hello(raw(other.issueX509Svid(SERVER_ID))));
  const options = clientOptions();
  for (const copy of [
    options,
    { ...options },
    Object.assign({}, options),
    Object.create(options) as typeof options,
  ]) {
    assert.equal(copy.rejectUnauthorized, true);
    await assert.rejects(greet(path, copy));
  }
});

test('A32 the variable that switches verification off for the whole process does not', async () => {
  const before = process.env[VARIABLE];
  process.env[VARIABLE] = '0';
  try {
    const path = await listen(hello(raw(other.issueX509Svid(SERVER_ID))));
    await assert.rejects(greet(path, clientOptions()));
    const server = hello(required());
    const { errors } = guarded(server);
    const guardedPath = await listen(server);
    await assert.rejects(greet(guardedPath, asClient(other.issueX509Svid(CLIENT_ID))));
    assert.equal(errors.length, 1);
    assert.equal(await greet(guardedPath, asClient(ca.issueX509Svid(CLIENT_ID))), 'hello');
  } finally {
    if (before === undefined) {
      Reflect.deleteProperty(process.env, VARIABLE);
    } else {
      process.env[VARIABLE] = before;
    }
  }
});

test('A32 a matcher that returns a promise lets nobody in, on either side', async () => {
  const server = hello(required());
  const { errors } = guarded(server, { authorize: asynchronous });
  const path = await listen(server);
  await assert.rejects(greet(path, asClient(ca.issueX509Svid(CLIENT_ID))));
  assert.deepEqual(errors, ['ERR_ID_MATCHER']);
  const open = await listen(hello(raw(ca.issueX509Svid(SERVER_ID))));
  const options = tlsClientOptions({ bundles, trustDomain: ca.trustDomain, authorize: asynchronous });
  await assert.rejects(greet(open, options), { code: 'ERR_ID_MATCHER' });
});

test('A33 a server that sends an empty list of certificates is refused', async () => {
  // Ciphers without certificates exist up to TLS 1.2, if both sides ask for them.
  const anonymous = { ciphers: 'aNULL:@SECLEVEL=0', maxVersion: 'TLSv1.2' } as const;
  const server = tls.createServer(anonymous, (socket) => {
    socket.on('error', () => {});
  });
  const completed = once(server, 'secureConnection');
  const path = await listen(server);
  await assert.rejects(greet(path, { ...clientOptions(), ...anonymous }));
  // The handshake itself did succeed.
  await completed;
});

test('A33 a client without a certificate is refused by a guarded server, whatever it may ask for', async () => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const server = hello(required());
    const { errors } = guarded(server);
    const path = await listen(server);
    await assert.rejects(greet(path, { ...clientOptions(), maxVersion }));
    // Node refuses such clients itself or leaves it to the guard; nobody else may have been let in.
    assert.ok(
      errors.every((code) => code === 'ERR_TLS_PEER_CERTIFICATE_MISSING'),
      errors.join(),
    );
  }
});

test('A30 A36 neither host name nor subject of a certificate lets anybody in', async () => {
  const subject = distinguishedName({ commonName: SERVER_ID });
  const server = ca.issueX509Svid('spiffe://example.org/nats/two', {
    subject,
    dnsNames: ['ignored.example', `x, URI:${SERVER_ID}`],
  });
  await assert.rejects(greet(await listen(hello(raw(server))), clientOptions()), {
    code: 'ERR_ID_NOT_AUTHORIZED',
  });
});

test('A34 TLS 1.1 is not spoken to a guarded server, even if the client insists', async () => {
  const server = tls.createServer(required(), () => {
    assert.fail('a connection came about');
  });
  guardTlsServer(server, { svid: serverSvid, bundles, authorize: () => {} });
  const path = await listen(server);
  for (const maxVersion of ['TLSv1', 'TLSv1.1'] as const) {
    const old = { minVersion: 'TLSv1', maxVersion, ciphers: 'ALL:@SECLEVEL=0' } as const;
    await assert.rejects(greet(path, { ...asClient(ca.issueX509Svid(CLIENT_ID)), ...old }));
  }
});
