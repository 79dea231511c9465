import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import { test } from 'node:test';
import tls from 'node:tls';

import { Agent, fetch as undiciFetch } from 'undici';
import { WebSocket, WebSocketServer } from 'ws';

import { createTestCa } from '@muster/testing';

import {
  connectTls,
  createHttp2Connection,
  createHttpsAgent,
  createUndiciConnector,
  matchId,
  requireTlsPeer,
  SpiffeId,
  tlsPeerOf,
} from '../../src/index.ts';
import type { SpiffeAgent, TlsConnectOptions } from '../../src/index.ts';
import {
  authorizeServer,
  bundles,
  ca,
  ChangingSource,
  CLIENT_ID,
  codeOf,
  guarded,
  intermediate,
  keep,
  listenTcp,
  raw,
  required,
  SERVER_ID,
  source,
} from './support.ts';

const mine = source(intermediate.issueX509Svid(CLIENT_ID));

function options(changes: Partial<TlsConnectOptions> = {}): TlsConnectOptions {
  const trustDomain = ca.trustDomain;
  return { bundles, trustDomain, authorize: authorizeServer, svid: mine, ...changes };
}
const wrong = (): TlsConnectOptions =>
  options({ authorize: matchId(SpiffeId.parse('spiffe://example.org/another')) });

/** Answers every request with who asks. Remembers what it heard. */
interface Service {
  readonly url: string;
  readonly port: number;
  readonly requests: string[];
  /** The serial number of each client's certificate, by connection. */
  readonly connections: string[];
  readonly protocols: string[];
}

async function serve(server: https.Server | http2.Http2SecureServer): Promise<Service> {
  const requests: string[] = [];
  const connections: string[] = [];
  const protocols: string[] = [];
  guarded(server);
  server.on('secureConnection', (socket: tls.TLSSocket) => {
    connections.push(socket.getPeerCertificate().serialNumber);
    protocols.push(String(socket.alpnProtocol));
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    requests.push(request.url ?? '');
    response.end(`${requireTlsPeer(request).id.toString()} ${tlsPeerOf(response)?.id.toString()}`);
  });
  const port = await listenTcp(server);
  return { url: `https://localhost:${port}/`, port, requests, connections, protocols };
}
const overHttps = async (): Promise<Service> => await serve(https.createServer(required()));
const overHttp2 = async (): Promise<Service> => await serve(http2.createSecureServer(required()));

/** A server that has no SVID but another ID, and tells whether it was sent a byte. */
async function impostor(ALPNProtocols: string[]): Promise<{ port: number; heard: () => number }> {
  let count = 0;
  const server = tls.createServer(
    { ...raw(ca.issueX509Svid('spiffe://example.org/impostor')), ALPNProtocols },
    (socket) => {
      socket.on('error', () => {});
      socket.on('data', (data: Buffer) => {
        count += data.length;
      });
    },
  );
  return { port: await listenTcp(server), heard: () => count };
}

/** A server that never answers. */
async function silence(): Promise<number> {
  return await listenTcp(net.createServer(() => {}));
}

const expected = `${CLIENT_ID} ${CLIENT_ID}`;

interface Answer {
  readonly text: string;
  readonly response: IncomingMessage;
  readonly socket: net.Socket;
}
async function get(agent: https.Agent, url: string, extra: https.RequestOptions = {}): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const request = https.get(url, { agent, ...extra }, (response) => {
      let text = '';
      const { socket } = response;
      response.on('data', (data: Buffer) => {
        text += data.toString();
      });
      response.on('end', () => {
        resolve({ text, response, socket });
      });
    });
    request.on('error', reject);
  });
}

function agentFor(changes: TlsConnectOptions): SpiffeAgent {
  return createHttpsAgent(changes);
}

test('https: both sides know each other, and connections are kept', async () => {
  const { url, requests, connections } = await overHttps();
  const agent = agentFor(options());
  for (let count = 0; count < 3; count += 1) {
    const { text, response } = await get(agent, url);
    assert.equal(text, expected);
    assert.equal(requireTlsPeer(response).id.toString(), SERVER_ID);
  }
  assert.equal(requests.length, 3);
  assert.equal(connections.length, 1);
  agent.destroyIdle();
  assert.equal((await get(agent, url)).text, expected);
  assert.equal(connections.length, 2);
  agent.destroy();
});

test('https: a request cannot switch the verification off', async () => {
  const { port, heard } = await impostor(['http/1.1']);
  const agent = agentFor(options());
  const loose = {
    checkServerIdentity: () => undefined,
    ca: ca.bundle.toPem(),
    secureContext: tls.createSecureContext(),
  };
  await assert.rejects(get(agent, `https://localhost:${port}/`, loose), { code: 'ERR_ID_NOT_AUTHORIZED' });
  assert.equal(heard(), 0);
});

test('https: renewal leaves kept connections, and new ones take the new SVID', async () => {
  const { url, connections } = await overHttps();
  const svid = new ChangingSource(ca.issueX509Svid(CLIENT_ID));
  const agent = agentFor(options({ svid }));
  await get(agent, url);
  svid.change(ca.issueX509Svid(CLIENT_ID));
  await get(agent, url);
  assert.equal(connections.length, 1);
  agent.destroyIdle();
  await get(agent, url);
  assert.notEqual(connections[0], connections[1]);
  agent.destroy();
});

test('https: no kept connection is used once the identity is withdrawn or another one', async () => {
  const { url, requests, connections } = await overHttps();
  const issued = ca.issueX509Svid(CLIENT_ID);
  const svid = new ChangingSource(issued);
  const agent = agentFor(options({ svid }));
  await get(agent, url);
  svid.change(undefined);
  await assert.rejects(get(agent, url), { code: 'ERR_NO_IDENTITY' });
  assert.equal(requests.length, 1);
  svid.change(issued);
  await get(agent, url);
  assert.equal(connections.length, 2);
  svid.change(ca.issueX509Svid('spiffe://example.org/someone'));
  await assert.rejects(get(agent, url));
  assert.equal(requests.length, 2);
  agent.destroy();
});

test('https: a request that waited for its turn fails by itself when the identity is gone by then', async () => {
  const { url, requests } = await overHttps();
  const svid = new ChangingSource(ca.issueX509Svid(CLIENT_ID));
  const agent = createHttpsAgent(options({ svid }), { keepAlive: false, maxSockets: 1 });
  const first = get(agent, url);
  const second = assert.rejects(get(agent, url), { code: 'ERR_NO_IDENTITY' });
  svid.change(undefined);
  assert.equal((await first).text, expected);
  await second;
  assert.equal(requests.length, 1);
});

test('https, http2: a server that is silent costs no more than the time-out', async () => {
  const url = `https://localhost:${await silence()}/`;
  const agent = agentFor(options({ connectTimeoutMs: 20 }));
  await assert.rejects(get(agent, url), { code: 'ERR_TIMEOUT' });
  const createConnection = createHttp2Connection(options({ connectTimeoutMs: 20 }));
  const [error] = (await once(http2.connect(url, { createConnection }), 'error')) as [Error];
  assert.equal(codeOf(error), 'ERR_TIMEOUT');
});

test('A31 https: an agent remembers no session, whatever it is told', async () => {
  const server = https.createServer(raw(ca.issueX509Svid(SERVER_ID)), (_request, response) => response.end());
  const reused: boolean[] = [];
  server.on('secureConnection', (socket: tls.TLSSocket) => reused.push(socket.isSessionReused()));
  const port = await listenTcp(server);
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const agent = createHttpsAgent(options(), { keepAlive: false, maxCachedSessions: 100, maxVersion });
    await get(agent, `https://localhost:${port}/`);
    await get(agent, `https://localhost:${port}/`);
    agent.destroy();
  }
  assert.deepEqual(reused, [false, false, false, false]);
});

test('http2: both sides know each other by stream, session and request', async () => {
  const server = http2.createSecureServer(required());
  const seen: (string | undefined)[] = [];
  server.on('stream', (stream) => {
    seen.push(tlsPeerOf(stream)?.id.toString(), tlsPeerOf(stream.session ?? {})?.id.toString());
  });
  const { url } = await serve(server);
  const session = http2.connect(url, { createConnection: createHttp2Connection(options()) });
  const stream = session.request({ ':path': '/' });
  const chunks: Buffer[] = [];
  for await (const chunk of stream) {
    chunks.push(chunk as Buffer);
  }
  assert.equal(Buffer.concat(chunks).toString(), expected);
  assert.deepEqual(seen, [CLIENT_ID, CLIENT_ID]);
  assert.equal(tlsPeerOf(session)?.id.toString(), SERVER_ID);
  session.close();
});

test('http2: a server of another ID hears not a byte', async () => {
  const { port, heard } = await impostor(['h2']);
  const session = http2.connect(`https://localhost:${port}`, {
    createConnection: createHttp2Connection(options()),
  });
  const stream = session.request({ ':path': '/' });
  stream.on('error', () => {});
  const [error] = (await once(session, 'error')) as [Error];
  assert.equal(codeOf(error), 'ERR_ID_NOT_AUTHORIZED');
  assert.equal(heard(), 0);
});

const fetches: [
  string,
  (
    url: string,
    init: { dispatcher: Agent; signal?: AbortSignal; method?: string; body?: string },
  ) => Promise<{ text(): Promise<string> }>,
][] = [
  ['undici', undiciFetch],
  // The dispatcher of one copy of undici serves the other, which is inside of Node.
  ["Node's fetch", (url, init) => fetch(url, init as unknown as RequestInit)],
];

for (const [name, fetchWith] of fetches) {
  test(`${name}: both sides know each other, and renewal leaves kept connections`, async () => {
    const { url, connections } = await overHttps();
    const svid = new ChangingSource(intermediate.issueX509Svid(CLIENT_ID));
    const dispatcher = new Agent({ connect: createUndiciConnector(options({ svid })), connections: 1 });
    for (let count = 0; count < 3; count += 1) {
      assert.equal(await (await fetchWith(url, { dispatcher })).text(), expected);
      svid.change(ca.issueX509Svid(CLIENT_ID));
    }
    assert.equal(connections.length, 1);
    await dispatcher.close();
  });

  test(`${name}: a server of another ID hears not a byte`, async () => {
    const { port, heard } = await impostor(['http/1.1']);
    const dispatcher = new Agent({ connect: createUndiciConnector(options()) });
    await assert.rejects(
      fetchWith(`https://localhost:${port}/`, { dispatcher, method: 'POST', body: 'secret' }),
      (error: Error) => codeOf(error.cause) === 'ERR_ID_NOT_AUTHORIZED',
    );
    assert.equal(heard(), 0);
    await dispatcher.destroy();
  });

  test(`${name}: a server that is silent costs no more than the time-out, or the signal`, async () => {
    const url = `https://localhost:${await silence()}/`;
    const dispatcher = new Agent({ connect: createUndiciConnector(options({ connectTimeoutMs: 20 })) });
    await assert.rejects(
      fetchWith(url, { dispatcher }),
      (error: Error) => codeOf(error.cause) === 'ERR_TIMEOUT',
    );
    const patient = new Agent({ connect: createUndiciConnector(options()) });
    await assert.rejects(fetchWith(url, { dispatcher: patient, signal: AbortSignal.timeout(20) }), {
      name: 'TimeoutError',
    });
    await dispatcher.destroy();
    await patient.destroy();
  });

  test(`${name}: without an identity there is an error, and no connection`, async () => {
    const { url, connections } = await overHttps();
    const svid = new ChangingSource(ca.issueX509Svid(CLIENT_ID));
    svid.change(undefined);
    const dispatcher = new Agent({ connect: createUndiciConnector(options({ svid })) });
    await assert.rejects(
      fetchWith(url, { dispatcher }),
      (error: Error) => codeOf(error.cause) === 'ERR_NO_IDENTITY',
    );
    assert.equal(connections.length, 0);
    await dispatcher.destroy();
  });
}

test('undici: HTTP/2 where both want it', async () => {
  const { url, protocols } = await overHttp2();
  const connect = createUndiciConnector({ ...options(), isHttp2Allowed: true });
  const dispatcher = new Agent({ connect, allowH2: true });
  assert.equal(await (await undiciFetch(url, { dispatcher })).text(), expected);
  assert.deepEqual(protocols, ['h2']);
  await dispatcher.destroy();
});

test('ws: both sides know each other, by an agent', async () => {
  const server = https.createServer(required());
  guarded(server);
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket, request) => {
    socket.send(requireTlsPeer(request).id.toString());
  });
  const url = `wss://localhost:${await listenTcp(server)}/`;
  const agent = createHttpsAgent(options());
  const socket = new WebSocket(url, { agent });
  const upgraded = once(socket, 'upgrade');
  const [message] = (await once(socket, 'message')) as [Buffer];
  assert.equal(message.toString(), CLIENT_ID);
  const [response] = (await upgraded) as [IncomingMessage];
  assert.equal(requireTlsPeer(response).id.toString(), SERVER_ID);
  socket.terminate();
  // Not one of the server's events comes from anybody else.
  const refused = new WebSocket(url, { agent: createHttpsAgent(wrong()) });
  const [error] = (await once(refused, 'error')) as [Error];
  assert.equal(codeOf(error), 'ERR_ID_NOT_AUTHORIZED');
  sockets.close();
});

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
