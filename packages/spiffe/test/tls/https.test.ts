import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import https from 'node:https';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import tls from 'node:tls';

import { WebSocket, WebSocketServer } from 'ws';

import { createHttp2Connection, createHttpsAgent, requireTlsPeer, tlsPeerOf } from '../../src/index.ts';
import { expected, get, impostor, options, overHttps, serve, silence, wrong } from './services.ts';
import {
  ca,
  ChangingSource,
  CLIENT_ID,
  codeOf,
  guarded,
  listenTcp,
  raw,
  required,
  SERVER_ID,
} from './support.ts';

test('https: both sides know each other, and connections are kept', async () => {
  const { url, requests, connections } = await overHttps();
  const agent = createHttpsAgent(options());
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
  const agent = createHttpsAgent(options());
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
  const agent = createHttpsAgent(options({ svid }));
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
  const agent = createHttpsAgent(options({ svid }));
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

test('https: no kept connection is used once the SVID has expired, should its source not look', async () => {
  const { url, connections } = await overHttps();
  let now = Date.now();
  const agent = createHttpsAgent(options({ now: () => now }));
  await get(agent, url);
  await get(agent, url);
  assert.equal(connections.length, 1);
  now += 7_200_000;
  await assert.rejects(get(agent, url), { code: 'ERR_SVID_EXPIRED' });
  agent.destroy();
});

test('https: whoever asks for a connection without a callback is told of a failure, too', () => {
  const svid = new ChangingSource(ca.issueX509Svid(CLIENT_ID));
  svid.change(undefined);
  const agent = createHttpsAgent(options({ svid }));
  assert.throws(() => agent.createConnection({ host: 'localhost', port: 1 }), { code: 'ERR_NO_IDENTITY' });
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
  const agent = createHttpsAgent(options({ connectTimeoutMs: 20 }));
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
