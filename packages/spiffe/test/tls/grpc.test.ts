import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { afterEach, test } from 'node:test';
import tls from 'node:tls';

import grpc from '@grpc/grpc-js';

import { grpcClientTls, injectGrpcConnections, requireTlsPeer, tlsPeerOf } from '../../src/index.ts';
import type { SpiffeIdMatcher } from '../../src/index.ts';
import {
  asClient,
  authorizeServer,
  bundles,
  ca,
  ChangingSource,
  CLIENT_ID,
  guarded,
  intermediate,
  keep,
  listenTcp,
  raw,
  required,
  SERVER_ID,
  source,
} from './support.ts';

const text = (value: string): Buffer => Buffer.from(value);
const describe = <S extends boolean>(path: string, isStream: S) => ({
  path,
  requestStream: isStream,
  responseStream: isStream,
  requestSerialize: text,
  requestDeserialize: String,
  responseSerialize: text,
  responseDeserialize: String,
});
const service = { ask: describe('/test.Test/Ask', false), talk: describe('/test.Test/Talk', true) };
const closers: (() => void)[] = [];

afterEach(() => {
  for (const close of closers.splice(0)) {
    close();
  }
});

/** Answers with who calls. */
async function serve(
  svid = source(ca.issueX509Svid(SERVER_ID)),
): Promise<{ port: number; connections: string[]; open: tls.TLSSocket[] }> {
  const connections: string[] = [];
  const server = tls.createServer({ ...required(), ALPNProtocols: ['h2'] });
  guarded(server, { svid });
  const open: tls.TLSSocket[] = [];
  server.on('secureConnection', (socket) => {
    open.push(socket);
    connections.push(socket.getPeerCertificate().serialNumber);
  });
  const calls = new grpc.Server();
  calls.addService(service, {
    ask: (call: grpc.ServerUnaryCall<string, string>, answer: grpc.sendUnaryData<string>) => {
      answer(null, `${requireTlsPeer(call).id.toString()} ${call.request}`);
    },
    talk: (call: grpc.ServerDuplexStream<string, string>) => {
      call.on('data', () => {
        call.write(requireTlsPeer(call).id.toString());
      });
      call.on('end', () => {
        call.end();
      });
    },
  });
  injectGrpcConnections(server, calls.createConnectionInjector(grpc.ServerCredentials.createInsecure()));
  closers.push(() => {
    calls.forceShutdown();
  });
  return { port: await listenTcp(server), connections, open };
}

function connect(
  port: number,
  svid = source(intermediate.issueX509Svid(CLIENT_ID)),
  authorize: SpiffeIdMatcher = authorizeServer,
): grpc.Client {
  const { secureContext, verifyOptions } = grpcClientTls({
    bundles,
    trustDomain: ca.trustDomain,
    authorize,
    svid,
  });
  const client = new grpc.Client(
    `localhost:${port}`,
    grpc.credentials.createFromSecureContext(secureContext, verifyOptions),
    { 'grpc.initial_reconnect_backoff_ms': 10, 'grpc.use_local_subchannel_pool': 1 },
  );
  closers.push(() => {
    client.close();
  });
  return client;
}

async function ask(client: grpc.Client, request = 'hello', timeoutMs = 5000): Promise<string> {
  return await new Promise((resolve, reject) => {
    const { path, requestSerialize, responseDeserialize } = service.ask;
    const options = { deadline: Date.now() + timeoutMs };
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      options,
      (error, answer) => {
        if (error === null) {
          resolve(answer ?? '');
        } else {
          reject(error);
        }
      },
    );
  });
}

test('grpc-js: both sides know each other, in unary calls and in streams', async () => {
  const { port, connections } = await serve();
  const client = connect(port);
  assert.equal(await ask(client), `${CLIENT_ID} hello`);
  const { path, requestSerialize, responseDeserialize } = service.talk;
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  call.write('x');
  assert.deepEqual(await once(call, 'data'), [CLIENT_ID]);
  call.end();
  call.resume();
  await once(call, 'end');
  assert.equal(connections.length, 1);
});

test('grpc-js: a server of another ID hears not a byte', async () => {
  let heard = 0;
  const impostor = tls.createServer(
    { ...raw(ca.issueX509Svid('spiffe://example.org/impostor')), ALPNProtocols: ['h2'] },
    (socket) => {
      socket.on('error', () => {});
      socket.on('data', (data: Buffer) => {
        heard += data.length;
      });
    },
  );
  const client = connect(await listenTcp(impostor));
  await assert.rejects(ask(client), {
    code: grpc.status.UNAVAILABLE,
    message: /expected "spiffe:\/\/example\.org\/nats\/one"/,
  });
  assert.equal(heard, 0);
});

test('grpc-js: a client of another ID is not served', async () => {
  const { port, connections } = await serve();
  const client = connect(port, source(ca.issueX509Svid('spiffe://example.org/someone')));
  await assert.rejects(ask(client), { code: grpc.status.UNAVAILABLE });
  assert.deepEqual(connections, []);
});

test('A32 grpc-js: without the options that verify no connection is made', async () => {
  let connections = 0;
  // Its SVID has the host name that is asked for, with which node:tls would be content.
  const impostor = tls.createServer(
    {
      ...raw(ca.issueX509Svid('spiffe://example.org/impostor', { dnsNames: ['localhost'] })),
      ALPNProtocols: ['h2'],
    },
    (socket) => {
      connections += 1;
      socket.destroy();
    },
  );
  impostor.on('connection', (socket) => socket.on('error', () => {}));
  const { secureContext } = grpcClientTls({
    bundles,
    trustDomain: ca.trustDomain,
    authorize: authorizeServer,
  });
  const client = new grpc.Client(
    `localhost:${await listenTcp(impostor)}`,
    grpc.credentials.createFromSecureContext(secureContext),
    { 'grpc.use_local_subchannel_pool': 1 },
  );
  closers.push(() => {
    client.close();
  });
  await assert.rejects(ask(client), {
    code: grpc.status.UNAVAILABLE,
    message: /"verifyOptions" must be given/,
  });
  assert.equal(connections, 0);
});

test('grpc-js: a renewed SVID is taken by the next connection, on both sides, and calls go on', async () => {
  const svid = new ChangingSource(ca.issueX509Svid(SERVER_ID));
  const { port, connections, open } = await serve(svid);
  const mine = new ChangingSource(intermediate.issueX509Svid(CLIENT_ID));
  const client = connect(port, mine);
  await ask(client);
  svid.change(ca.issueX509Svid(SERVER_ID));
  mine.change(ca.issueX509Svid(CLIENT_ID));
  await ask(client);
  assert.equal(connections.length, 1);
  // The server drops the connection; the channel makes another one.
  open[0]?.destroy();
  const answer = await ask(client).catch(async () => await ask(client));
  assert.equal(answer, `${CLIENT_ID} hello`);
  assert.equal(connections.length, 2);
  assert.notEqual(connections[0], connections[1]);
});

test('grpc-js: without an identity calls fail, and work again when it is back', async () => {
  const { port, connections } = await serve();
  const issued = ca.issueX509Svid(CLIENT_ID);
  const mine = new ChangingSource(issued);
  mine.change(undefined);
  const client = connect(port, mine);
  await assert.rejects(ask(client), { code: grpc.status.UNAVAILABLE });
  assert.deepEqual(connections, []);
  mine.change(issued);
  for (;;) {
    try {
      assert.equal(await ask(client), `${CLIENT_ID} hello`);
      break;
    } catch (error) {
      assert.equal((error as grpc.ServiceError).code, grpc.status.UNAVAILABLE);
    }
  }
});

test('grpc-js: a server that is silent costs no more than the deadline', async () => {
  const client = connect(await listenTcp(net.createServer(() => {})));
  await assert.rejects(ask(client, 'hello', 30), { code: grpc.status.DEADLINE_EXCEEDED });
});

test('grpc-js: connections that nobody verified, or without HTTP/2, are not handed over', async () => {
  let handed = 0;
  const injector = {
    injectConnection: () => {
      handed += 1;
    },
  };
  // Without a guard, and without client certificates at all.
  const bare = tls.createServer({ ...raw(ca.issueX509Svid(SERVER_ID)), ALPNProtocols: ['h2'] });
  const stop = injectGrpcConnections(bare, injector);
  const guardedOne = tls.createServer({ ...required(), ALPNProtocols: ['h2', 'http/1.1'] });
  guarded(guardedOne);
  injectGrpcConnections(guardedOne, injector);
  for (const [server, ALPNProtocols] of [
    [bare, ['h2']],
    [guardedOne, ['http/1.1']],
  ] as const) {
    const options: tls.ConnectionOptions = {
      ...asClient(ca.issueX509Svid(CLIENT_ID)),
      ALPNProtocols: [...ALPNProtocols],
    };
    const socket = keep(tls.connect({ port: await listenTcp(server), host: '127.0.0.1', ...options }));
    socket.on('error', () => {});
    socket.resume();
    await new Promise((resolve) => {
      socket.once('close', resolve);
    });
  }
  assert.equal(handed, 0);
  stop();
  assert.equal(bare.listenerCount('secureConnection'), 0);
});

test('grpc-js: a server without client certificates knows nobody', async () => {
  const server = tls.createServer({ ...raw(ca.issueX509Svid(SERVER_ID)), ALPNProtocols: ['h2'] });
  const calls = new grpc.Server();
  calls.addService(service, {
    ask: (call: grpc.ServerUnaryCall<string, string>, answer: grpc.sendUnaryData<string>) => {
      answer(null, tlsPeerOf(call)?.id.toString() ?? 'nobody');
    },
    talk: () => {},
  });
  const injector = calls.createConnectionInjector(grpc.ServerCredentials.createInsecure());
  injectGrpcConnections(server, injector, { isClientRequired: false });
  closers.push(() => {
    calls.forceShutdown();
  });
  assert.equal(await ask(connect(await listenTcp(server))), 'nobody');
});
