import assert from 'node:assert/strict';
import { once } from 'node:events';
import https from 'node:https';
import { test } from 'node:test';
import tls from 'node:tls';

import { rotateTlsServer, tlsServerOptions } from '../../src/index.ts';
import type { SpiffeIdMatcher } from '../../src/index.ts';
import {
  asClient,
  ca,
  ChangingSource,
  CLIENT_ID,
  codeOf,
  greet,
  guarded,
  hello,
  keep,
  listen,
  listenTcp,
  other,
  required,
  SERVER_ID,
  serverSvid,
} from './support.ts';

const good = ca.issueX509Svid(CLIENT_ID);
const evil = other.issueX509Svid(CLIENT_ID);

test('a callback for refusals that throws does not end the process, and is told as an error of the client', async () => {
  const makers = [
    () => hello(required()),
    () => https.createServer(required(), (_request, response) => response.end()),
  ];
  const mistaken = (cause: Error): never => {
    throw new TypeError('mistaken', { cause });
  };
  const rejecting = async (cause: Error): Promise<void> => {
    await Promise.reject(new TypeError('mistaken', { cause }));
  };
  for (const make of makers) {
    for (const onRefused of [mistaken, rejecting as (cause: Error) => void]) {
      const server = make();
      guarded(server, { onRefused });
      const told = once(server, 'tlsClientError');
      const path = await listen(server);
      await assert.rejects(greet(path, asClient(evil)));
      const [error] = (await told) as [Error];
      assert.equal(error.message, 'mistaken');
      assert.equal(codeOf(error.cause), 'ERR_SVID_UNTRUSTED');
    }
  }
});

test('a callback for refusals that throws keeps no connection from being verified again', async () => {
  let isAllowed = true;
  const server = tls.createServer(required(), (socket) => {
    socket.write('hello');
  });
  const { guard } = guarded(server, {
    authorize: () => {
      assert.ok(isAllowed);
    },
    onRefused: () => {
      throw new TypeError('mistaken');
    },
  });
  const path = await listen(server);
  const closed: Promise<unknown>[] = [];
  for (let count = 0; count < 3; count += 1) {
    const socket = keep(tls.connect({ path, ...asClient(good) }));
    socket.on('error', () => {});
    await once(socket, 'data');
    closed.push(once(socket, 'close'));
  }
  isAllowed = false;
  assert.equal(guard.reverify(), 3);
  await Promise.all(closed);
});

test('a callback for a lost identity that throws leaves no connection open', async () => {
  const source = new ChangingSource(ca.issueX509Svid(SERVER_ID));
  for (const guard of [true, false]) {
    const server = hello(guard ? required() : tlsServerOptions({ svid: serverSvid }));
    let calls = 0;
    const options = {
      svid: source,
      onIdentityLost: (): void => {
        calls += 1;
        throw new TypeError('mistaken');
      },
    };
    source.change(ca.issueX509Svid(SERVER_ID));
    if (guard) {
      guarded(server, options);
    } else {
      rotateTlsServer(server, options);
    }
    const path = await listen(server);
    source.change(undefined);
    await assert.rejects(greet(path, asClient(good)));
    await assert.rejects(greet(path, asClient(good)));
    assert.equal(calls, 1);
  }
});

test('whoever is told of a refusal can ask from where the client came', async () => {
  const server = hello(required());
  const seen: unknown[] = [];
  guarded(server, {
    onRefused: (_error, socket) => seen.push(socket.destroyed, socket.authorized, socket.remoteAddress),
  });
  const port = await listenTcp(server);
  const socket = keep(tls.connect({ host: '127.0.0.1', port, ...asClient(evil) }));
  socket.on('error', () => {});
  await new Promise((resolve) => {
    socket.once('close', resolve);
  });
  assert.deepEqual(seen, [true, false, '127.0.0.1']);
});

test('a predicate in place of a matcher lets nobody in', async () => {
  for (const answer of [true, false]) {
    const server = hello(required());
    const predicate = (() => answer) as SpiffeIdMatcher;
    const { errors } = guarded(server, { authorize: predicate });
    await assert.rejects(greet(await listen(server), asClient(good)));
    assert.deepEqual(errors, ['ERR_ID_MATCHER']);
  }
});

test('a clock that is no number lets nobody in', async () => {
  let now = Date.now();
  const server = hello(required());
  const { errors } = guarded(server, { now: () => now });
  const path = await listen(server);
  now = Number.NaN;
  await assert.rejects(greet(path, asClient(good)));
  // The server then has no certificate of its own to show, so the guard is not even asked.
  assert.deepEqual(errors, []);
});
