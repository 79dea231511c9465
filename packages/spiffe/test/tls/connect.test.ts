import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { test } from 'node:test';
import tls from 'node:tls';

import { createTestCa } from '@muster/testing';

import {
  connectTls,
  createHttp2Connection,
  createHttpsAgent,
  createUndiciConnector,
  grpcClientTls,
  matchId,
  requireTlsPeer,
  SpiffeId,
  tlsPeerOf,
} from '../../src/index.ts';
import type { TlsConnectOptions } from '../../src/index.ts';
import { expected, get, impostor, mine, options, overHttps, silence, wrong } from './services.ts';
import {
  bundles,
  ca,
  ChangingSource,
  CLIENT_ID,
  codeOf,
  guarded,
  keep,
  listenTcp,
  raw,
  required,
  SERVER_ID,
} from './support.ts';

test('connecting ends at its time-out, and by its signal, before and after it began', async () => {
  const port = await silence();
  const failure = async (changes: Partial<TlsConnectOptions>): Promise<string> => {
    const [error] = (await once(connectTls({ host: '127.0.0.1', port }, options(changes)), 'error')) as [
      Error,
    ];
    return codeOf(error);
  };
  assert.equal(await failure({ connectTimeoutMs: 20 }), 'ERR_TIMEOUT');
  const controller = new AbortController();
  const failed = failure({ signal: controller.signal });
  controller.abort();
  assert.equal(await failed, 'ERR_ABORTED');
  assert.throws(() => connectTls({ port }, options({ signal: controller.signal })), { code: 'ERR_ABORTED' });
});

test('a signal that comes late leaves the connection', async () => {
  const { port } = await overHttps();
  const controller = new AbortController();
  const socket = keep(
    connectTls({ host: '127.0.0.1', port }, options({ signal: controller.signal, connectTimeoutMs: 5000 })),
  );
  await once(socket, 'secureConnect');
  controller.abort();
  assert.equal(socket.destroyed, false);
  assert.equal(tlsPeerOf(socket)?.id.toString(), SERVER_ID);
});

test('what was written before the handshake is sent to the right server only', async () => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const { port, heard } = await impostor([]);
    const socket = keep(connectTls({ host: '127.0.0.1', port, maxVersion }, options()));
    socket.write('secret');
    const [error] = (await once(socket, 'error')) as [Error];
    assert.equal(codeOf(error), 'ERR_ID_NOT_AUTHORIZED');
    assert.equal(heard(), 0);
  }
});

test('a session, context or key of the caller does not come in the way of verification', async () => {
  const { port } = await impostor([]);
  const target = {
    host: '127.0.0.1',
    port,
    session: Buffer.alloc(10),
    secureContext: tls.createSecureContext({ ca: ca.bundle.toPem() }),
    checkServerIdentity: () => undefined,
    minVersion: 'TLSv1' as const,
  };
  const [error] = (await once(connectTls(target, options()), 'error')) as [Error];
  assert.equal(codeOf(error), 'ERR_ID_NOT_AUTHORIZED');
});

/** What node:tls keeps beside a connection: certificates, key and authorities, some 40 KB that V8 does not count. */
interface NativeContext {
  /** Nothing any more once it is closed. */
  readonly getCertificate: () => Buffer | null;
}

test('the memory of a context is given back with its connection, whichever way that ends', async (t) => {
  const held: NativeContext[] = [];
  const { createSecureContext } = tls;
  t.mock.method(tls, 'createSecureContext', (settings?: tls.SecureContextOptions) => {
    const made = createSecureContext(settings);
    held.push(made.context as NativeContext);
    return made;
  });
  const { port } = await overHttps();
  const silent = await silence();
  held.length = 0;
  const connect = (changes: Partial<TlsConnectOptions>, to = port): tls.TLSSocket =>
    keep(connectTls({ host: '127.0.0.1', port: to }, options(changes)));

  const open = connect({});
  await once(open, 'secureConnect');
  assert.ok(held[0]?.getCertificate() instanceof Buffer);
  open.destroy();
  await once(open, 'close');
  const failing = [() => connect(wrong()), () => connect({ connectTimeoutMs: 1 }, silent)];
  for (const fail of failing) {
    const socket = fail();
    await once(socket, 'error');
    if (!socket.closed) await once(socket, 'close');
  }
  const agent = createHttpsAgent(options(), { keepAlive: false });
  const { text, socket } = await get(agent, `https://localhost:${port}/`);
  assert.equal(text, expected);
  if (!socket.closed) await once(socket, 'close');
  assert.deepEqual(
    held.map((context) => context.getCertificate()),
    [null, null, null, null],
  );
});

test('a connection whose first address refuses goes on to the second with the same context', async () => {
  const { port } = await overHttps();
  const lookup: net.LookupFunction = (_host, _options, callback) => {
    callback(null, [
      { address: '127.0.0.2', family: 4 },
      { address: '127.0.0.1', family: 4 },
    ]);
  };
  const target = { host: 'server.example', port, lookup, autoSelectFamily: true };
  const socket = keep(connectTls(target, options()));
  const failed = once(socket, 'connectionAttemptFailed');
  await once(socket, 'secureConnect');
  assert.equal((await failed)[0], '127.0.0.2');
  assert.equal(socket.remoteAddress, '127.0.0.1');
  assert.equal(tlsPeerOf(socket)?.id.toString(), SERVER_ID);
});

test('a server of the web is verified by its name, and shown the SVID', async () => {
  const web = createTestCa('web.example');
  const certificate = raw(web.issueX509Svid('spiffe://web.example/x', { uris: [], dnsNames: ['localhost'] }));
  const server = https.createServer({ ...required(), ...certificate });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    response.end(tlsPeerOf(request)?.id.toString());
  });
  guarded(server, { svid: undefined, webCertificate: () => certificate });
  const port = await listenTcp(server);
  const agent = createHttpsAgent({ webAuthorities: [web.bundle.toPem()], svid: mine });
  const { text, response } = await get(agent, `https://localhost:${port}/`);
  assert.equal(text, CLIENT_ID);
  assert.equal(tlsPeerOf(response), undefined);
  await assert.rejects(get(agent, `https://127.0.0.1:${port}/`), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
  agent.destroy();
});

test('authorities of the caller do not come in the place of those of the system', async () => {
  const evil = createTestCa('evil.example');
  const certificate = evil.issueX509Svid('spiffe://evil.example/x', { uris: [], dnsNames: ['localhost'] });
  const port = await listenTcp(https.createServer(raw(certificate), (_request, response) => response.end()));
  const agent = createHttpsAgent({ webAuthorities: 'system' });
  const authorities = { ca: evil.bundle.toPem() };
  await assert.rejects(get(agent, `https://localhost:${port}/`, authorities), {
    code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  });
  const socket = connectTls({ host: 'localhost', port, ...authorities }, { webAuthorities: 'system' });
  const [error] = (await once(socket, 'error')) as [Error];
  assert.equal(codeOf(error), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE');
});

test('both kinds of verification at once are an error, since one would not be done', () => {
  const both = { ...options(), webAuthorities: 'system' } as unknown as TlsConnectOptions;
  for (const create of [
    createHttpsAgent,
    createHttp2Connection,
    createUndiciConnector,
    grpcClientTls,
    (wrongOptions: TlsConnectOptions) => connectTls({ port: 1 }, wrongOptions),
  ]) {
    assert.throws(() => create(both), { code: 'ERR_SOURCE_OPTIONS' });
  }
  createHttpsAgent({ ...options(), webAuthorities: undefined } as unknown as TlsConnectOptions);
});

test('undici: a connection through a proxy is closed when nothing can be made of it', async () => {
  const svid = new ChangingSource(ca.issueX509Svid(CLIENT_ID));
  svid.change(undefined);
  const httpSocket = keep(net.connect(await silence(), '127.0.0.1'));
  await once(httpSocket, 'connect');
  const connect = createUndiciConnector(options({ svid }));
  const error = await new Promise((resolve) => {
    connect({ hostname: 'localhost', port: '', httpSocket }, (...result) => {
      resolve(result[0]);
    });
  });
  assert.equal(codeOf(error), 'ERR_NO_IDENTITY');
  assert.equal(httpSocket.destroyed, true);
});

test('nobody but the verification says who the peer is', async () => {
  const server = https.createServer(raw(ca.issueX509Svid(SERVER_ID)), (request, response) => {
    // What headers claim, what somebody puts on the socket, and a peer made by hand count for nothing.
    const known = tlsPeerOf(request);
    assert.throws(() => requireTlsPeer(request), { code: 'ERR_TLS_PEER_CERTIFICATE_MISSING' });
    response.end(known?.id.toString() ?? 'nobody');
  });
  const port = await listenTcp(server);
  const agent = createHttpsAgent(options());
  const headers = { 'x-forwarded-client-cert': `URI=${CLIENT_ID}`, 'x-spiffe-id': CLIENT_ID };
  const { text, socket: genuine } = await get(agent, `https://localhost:${port}/`, { headers });
  assert.equal(text, 'nobody');
  const [symbol] = Object.getOwnPropertySymbols(genuine).filter(
    ({ description }) => description === 'verified TLS peer',
  );
  assert.ok(symbol !== undefined && tlsPeerOf(genuine) !== undefined);
  const forged = new net.Socket();
  Object.assign(forged, {
    [symbol]: { ...tlsPeerOf(genuine), id: SpiffeId.parse('spiffe://example.org/root') },
  });
  assert.equal(tlsPeerOf(forged), undefined);
  assert.throws(() => {
    Object.assign(tlsPeerOf(genuine) ?? {}, { id: undefined });
  }, TypeError);
  assert.equal(tlsPeerOf({}), undefined);
  agent.destroy();
});

test('that nobody can be believed is an error at the start', () => {
  const unlisted = { getX509Bundle: bundles.getX509Bundle.bind(bundles) };
  for (const wrongOptions of [
    options({ trustDomain: [] }),
    options({ trustDomain: undefined, bundles: unlisted }),
  ]) {
    for (const create of [createHttpsAgent, createHttp2Connection, createUndiciConnector]) {
      assert.throws(() => create(wrongOptions), { code: 'ERR_ID_TRUST_DOMAIN_MISSING' });
    }
  }
});

test('an expected ID that is malformed is an error at the start', () => {
  for (const text of [
    '',
    'example.org/server',
    'https://example.org/x',
    'spiffe://',
    'spiffe://Example.org/x',
    'spiffe://example.org/a/',
    'spiffe://example.org/../x',
    'spiffe://example.org/a b',
  ]) {
    assert.throws(
      () => createHttpsAgent(options({ authorize: matchId(SpiffeId.parse(text)) })),
      (error) => codeOf(error).startsWith('ERR_ID_'),
      text,
    );
  }
});
