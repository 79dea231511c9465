import assert from 'node:assert/strict';
import { once } from 'node:events';
import https from 'node:https';
import net from 'node:net';
import { test } from 'node:test';
import tls from 'node:tls';

import { createTestCa } from '@muster/testing';

import { matchAny, tlsPeerOf, TrustDomain, verifyTlsPeer, X509BundleSet } from '../../src/index.ts';
import type { SpiffeIdMatcher, X509BundleSource } from '../../src/index.ts';
import {
  asClient,
  bundles,
  ca,
  CLIENT_ID,
  clientOptions,
  greet,
  guarded,
  hello,
  intermediate,
  keep,
  listen,
  raw,
  required,
  SERVER_ID,
} from './support.ts';

const good = ca.issueX509Svid(CLIENT_ID);
const evilCa = createTestCa();
const evil = evilCa.issueX509Svid(CLIENT_ID);
const server = raw(ca.issueX509Svid(SERVER_ID));
const versions = ['TLSv1.2', 'TLSv1.3'] as const;

test('a client of a listed trust domain only may knock, whatever the source of bundles knows', async () => {
  const listening = hello(required());
  const trustDomains = [TrustDomain.parse('other.org')];
  const { errors } = guarded(listening, { trustDomains, authorize: matchAny() });
  await assert.rejects(greet(await listen(listening), asClient(good)));
  assert.deepEqual(errors, ['ERR_BUNDLE_NOT_FOUND']);
});

test('a matcher that throws anything refuses', async () => {
  for (const thrown of [new TypeError('no'), 'no', undefined]) {
    const listening = hello(required());
    const authorize: SpiffeIdMatcher = () => {
      throw thrown;
    };
    const { errors } = guarded(listening, { authorize });
    await assert.rejects(greet(await listen(listening), asClient(good)));
    assert.deepEqual(errors, [thrown instanceof Error ? 'TypeError: no' : 'Error: The matcher threw']);
  }
});

test('a bundle that is replaced counts from the next connection on', async () => {
  const next = createTestCa();
  let current: X509BundleSource = bundles;
  const listening = hello(required());
  guarded(listening, { bundles: { getX509Bundle: (wanted) => current.getX509Bundle(wanted) } });
  const path = await listen(listening);
  const newcomer = asClient(next.issueX509Svid(CLIENT_ID));
  await assert.rejects(greet(path, newcomer));
  current = next.bundle;
  assert.equal(await greet(path, newcomer), 'hello');
  await assert.rejects(greet(path, asClient(good)));
  current = new X509BundleSet();
  await assert.rejects(greet(path, newcomer));
});

test('A31 a resumed session is refused, should a context of somebody else give tickets', async () => {
  for (const maxVersion of versions) {
    const listening = hello(required());
    const { errors } = guarded(listening);
    listening.setSecureContext({ ...server, ca: [ca.bundle.toPem()] });
    const path = await listen(listening);
    // Node's own memory of sessions; our client options would neither ask for a ticket nor take one.
    const options = {
      path,
      ...raw(good),
      ca: ca.bundle.toPem(),
      checkServerIdentity: () => undefined,
      maxVersion,
    };
    const first = keep(tls.connect(options));
    let session: Buffer | undefined;
    first.on('session', (received) => {
      session = received;
    });
    first.resume();
    await once(first, 'close');
    const second = keep(tls.connect({ ...options, session: session ?? first.getSession() }));
    second.on('error', () => {});
    second.resume();
    await once(second, 'secureConnect');
    assert.equal(second.isSessionReused(), true, maxVersion);
    await once(second, 'close');
    assert.deepEqual(errors, ['ERR_TLS_SESSION_RESUMED'], maxVersion);
  }
});

test('A31 a guarded server resumes no session', async () => {
  const isResumed = async (listening: tls.Server, maxVersion: tls.SecureVersion): Promise<boolean> => {
    const path = await listen(listening);
    let session: Buffer | undefined;
    let isReused = false;
    for (let count = 0; count < 2; count += 1) {
      const socket = keep(tls.connect({ path, ...asClient(good), secureOptions: 0, maxVersion, session }));
      socket.on('session', (received) => {
        session = received;
      });
      socket.once('secureConnect', () => {
        isReused = socket.isSessionReused();
      });
      await once(socket, 'data');
      await once(socket, 'close');
    }
    assert.notEqual(session, undefined);
    return isReused;
  };
  for (const maxVersion of versions) {
    // Also where the server was made without our options.
    for (const made of [required(), server]) {
      const listening = hello(made);
      guarded(listening);
      assert.equal(await isResumed(listening, maxVersion), false, maxVersion);
    }
    assert.equal(await isResumed(hello(server), maxVersion), true, maxVersion);
  }
});

test('a context of somebody else, for a server name or for all, lets nobody in whom the guard does not', async () => {
  for (const maxVersion of versions) {
    for (const authorities of [undefined, [], [evilCa.bundle.toPem()], [ca.bundle.toPem()]]) {
      for (const isForAll of [true, false]) {
        const listening = hello(required());
        const context = { ...server, ...(authorities === undefined ? {} : { ca: authorities }) };
        listening.addContext('before.example', context);
        const { errors } = guarded(listening);
        listening.addContext('after.example', context);
        if (isForAll) {
          listening.setSecureContext(context);
        }
        const path = await listen(listening);
        for (const servername of ['before.example', 'after.example', 'other.example']) {
          await assert.rejects(greet(path, { ...asClient(evil), servername, maxVersion }));
          assert.equal(errors.at(-1), 'ERR_SVID_UNTRUSTED');
          await assert.rejects(greet(path, { ...clientOptions(), servername, maxVersion }));
          assert.equal(errors.at(-1), 'ERR_TLS_PEER_CERTIFICATE_MISSING');
          assert.equal(await greet(path, { ...asClient(good), servername, maxVersion }), 'hello');
        }
      }
    }
  }
});

test('the authorities of the system count for nothing, with a guard and without', async () => {
  const known = tls.getCACertificates();
  tls.setDefaultCACertificates([evilCa.bundle.toPem(), ca.bundle.toPem()]);
  try {
    const listening = hello(required());
    const path = await listen(listening);
    await assert.rejects(greet(path, asClient(good)));
    await assert.rejects(greet(path, asClient(evil)));
    const { errors } = guarded(listening);
    await assert.rejects(greet(path, asClient(evil)));
    assert.deepEqual(errors, ['ERR_SVID_UNTRUSTED']);
    // Had OpenSSL known the authority, the intermediate would be lost.
    assert.equal(await greet(path, asClient(intermediate.issueX509Svid(CLIENT_ID))), 'hello');
  } finally {
    tls.setDefaultCACertificates(known);
  }
});

test('A34 a client cannot change its certificate by renegotiation', async () => {
  for (const isOurContext of [true, false]) {
    const listening = tls.createServer(required(), (socket) => {
      socket.on('error', () => {});
      socket.write('hello');
    });
    guarded(listening);
    if (!isOurContext) {
      listening.setSecureContext({ ...server, ca: [] });
    }
    const options = { ...asClient(good), secureOptions: 0, maxVersion: 'TLSv1.2' as const };
    const socket = keep(tls.connect({ path: await listen(listening), ...options }));
    socket.on('error', () => {});
    await once(socket, 'data');
    // The connection ends, whether OpenSSL says no or the guard.
    socket.renegotiate({}, () => {});
    await new Promise((resolve) => {
      socket.once('close', resolve);
    });
  }
});

test('sockets that are passed in by hand are verified like others', async () => {
  let used = 0;
  const listening = hello(required());
  const { errors } = guarded(listening);
  listening.on('secureConnection', () => {
    used += 1;
  });
  const plain = keep(new net.Socket());
  const unfinished = keep(new tls.TLSSocket(new net.Socket(), { isServer: true }));
  for (const socket of [plain, unfinished]) {
    assert.equal(listening.emit('secureConnection', socket as tls.TLSSocket), false);
  }
  assert.equal(plain.destroyed, true);
  assert.equal(used, 0);
  assert.deepEqual([...new Set(errors)], ['ERR_TLS_HANDSHAKE_INCOMPLETE']);
  // A connection that was accepted elsewhere goes the whole way.
  const path = await listen(net.createServer((socket) => listening.emit('connection', socket)));
  assert.equal(await greet(path, asClient(good)), 'hello');
  await assert.rejects(greet(path, asClient(evil)));
  assert.equal(used, 1);
});

test('listeners of http see a destroyed socket should somebody undo what the guard did to the server', async () => {
  let used = 0;
  const listening = https.createServer(required(), (_request, response) => {
    used += 1;
    response.end();
  });
  guarded(listening);
  Reflect.deleteProperty(listening, 'emit');
  const path = await listen(listening);
  const ask = async (options: tls.ConnectionOptions): Promise<number | undefined> =>
    await new Promise((resolve, reject) => {
      const request = https.get({ socketPath: path, ...options, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      request.on('error', reject);
    });
  await assert.rejects(ask(asClient(evil)));
  assert.equal(used, 0);
  assert.equal(await ask(asClient(good)), 200);
});

test('a client that closes its half at once is refused all the same', async () => {
  let used = 0;
  const listening = tls.createServer({ ...required(), allowHalfOpen: true }, () => {
    used += 1;
  });
  const { errors } = guarded(listening);
  const options: tls.ConnectionOptions & { allowHalfOpen: boolean } = {
    ...asClient(evil),
    allowHalfOpen: true,
  };
  const socket = keep(tls.connect({ path: await listen(listening), ...options }));
  socket.on('error', () => {});
  socket.end('bytes');
  socket.resume();
  await new Promise((resolve) => {
    socket.once('close', resolve);
  });
  assert.deepEqual(errors, ['ERR_SVID_UNTRUSTED']);
  assert.equal(used, 0);
});

test('frameworks that look at what node:tls says see an authorized client', async () => {
  const listening = hello(required());
  guarded(listening);
  const path = await listen(listening);
  const accepted = once(listening, 'secureConnection');
  assert.equal(await greet(path, asClient(intermediate.issueX509Svid(CLIENT_ID))), 'hello');
  const [socket] = (await accepted) as [tls.TLSSocket];
  assert.equal(socket.authorized, true);
  assert.equal(socket.authorizationError, null);
  assert.equal(tlsPeerOf(socket)?.id.toString(), CLIENT_ID);
});

test('open connections of those who would not be let in any more are closed on demand', async () => {
  let isAllowed = true;
  let now = Date.now();
  const listening = tls.createServer(required(), (socket) => {
    socket.on('error', () => {});
    socket.write('hello');
  });
  const { guard, errors } = guarded(listening, {
    authorize: () => {
      assert.ok(isAllowed);
    },
    now: () => now,
  });
  const path = await listen(listening);
  const connect = async (): Promise<tls.TLSSocket> => {
    const socket = keep(tls.connect({ path, ...asClient(intermediate.issueX509Svid(CLIENT_ID)) }));
    socket.on('error', () => {});
    await once(socket, 'data');
    return socket;
  };
  const first = await connect();
  assert.equal(guard.reverify(), 0);
  isAllowed = false;
  const closed = once(first, 'close');
  assert.equal(guard.reverify(), 1);
  await closed;
  isAllowed = true;
  const second = await connect();
  now += 7_200_000;
  assert.equal(guard.reverify(), 1);
  await once(second, 'close');
  assert.equal(guard.reverify(), 0);
  assert.equal(errors.at(-1), 'ERR_SVID_EXPIRED');
});

test('a closed guard lets nobody in', async () => {
  for (const how of ['close', Symbol.dispose] as const) {
    const listening = hello(required());
    const { guard, errors } = guarded(listening);
    const path = await listen(listening);
    assert.equal(await greet(path, asClient(good)), 'hello');
    guard[how]();
    await assert.rejects(greet(path, asClient(good)));
    // Not even through a context that has a certificate.
    listening.setSecureContext({ ...server, ca: [] });
    listening.addContext('sni.example', server);
    await assert.rejects(greet(path, { ...asClient(good), servername: 'sni.example' }));
    assert.equal(errors.at(-1), 'ERR_CLOSED');
  }
});

test('A33 a peer is verified on an established connection only', () => {
  const policy = { bundles, authorize: matchAny() };
  const like = {
    isSessionReused: () => false,
    getPeerCertificate: () => ({}),
    getPeerFinished: () => good.keyDer,
  };
  for (const socket of [like, {}, new net.Socket(), new tls.TLSSocket(new net.Socket())]) {
    assert.throws(() => verifyTlsPeer(socket as tls.TLSSocket, policy), {
      code: 'ERR_TLS_HANDSHAKE_INCOMPLETE',
    });
  }
});
