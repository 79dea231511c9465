import assert from 'node:assert/strict';
import { once } from 'node:events';
import https from 'node:https';
import { test } from 'node:test';
import tls from 'node:tls';

import type { SpiffeIdMatcher } from '../../src/index.ts';
import {
  asClient,
  ca,
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
} from './support.ts';

const good = ca.issueX509Svid(CLIENT_ID);
const evil = other.issueX509Svid(CLIENT_ID);

test('a callback for refusals that throws does not end the process, and is told as an error of the client', async () => {
  const makers = [
    () => hello(required()),
    () => https.createServer(required(), (_request, response) => response.end()),
  ];
  for (const make of makers) {
    const server = make();
    const told: unknown[] = [];
    guarded(server, {
      onRefused: (error) => {
        // As easily written as this: of a client without a certificate there is none.
        throw new TypeError('mistaken', { cause: error });
      },
    });
    server.on('tlsClientError', (error) => told.push(error));
    const path = await listen(server);
    await assert.rejects(greet(path, asClient(evil)));
    assert.deepEqual(told.map(String), ['TypeError: mistaken']);
    assert.equal(codeOf((told[0] as Error).cause), 'ERR_SVID_UNTRUSTED');
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
