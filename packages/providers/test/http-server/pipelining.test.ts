import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setImmediate, setTimeout } from 'node:timers/promises';
import type { HttpHandler } from '../../src/index.ts';
import { encoder, get, raw, rig, whole } from './support.ts';

const most = 16;
const one = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
const many = (count: number): string =>
  Array.from({ length: count }, (_, index) => one(`/${index}`)).join('');
const pathsIn = (answers: string): string[] => answers.match(/(?<=path=)\S+?(?=;)/g) ?? [];
const statusesIn = (answers: string): number[] =>
  (answers.match(/(?<=HTTP\/1\.1 )\d+/g) ?? []).map((status) => Number(status));

interface Counting {
  readonly handle: HttpHandler;
  readonly begun: string[];
  mostAtOnce: number;
  open(): void;
}

/** Answers with the path and the body once it is opened, and counts. */
function counting(): Counting {
  const gate = Promise.withResolvers<void>();
  const begun: string[] = [];
  let running = 0;
  const it: Counting = {
    begun,
    mostAtOnce: 0,
    open: gate.resolve,
    async handle({ pathWithQuery, body }) {
      begun.push(pathWithQuery);
      running += 1;
      it.mostAtOnce = Math.max(it.mostAtOnce, running);
      const text = Buffer.from(body === undefined ? '' : await whole(body)).toString();
      await gate.promise;
      await setImmediate();
      running -= 1;
      return { status: 200, headers: [], body: encoder.encode(`path=${pathWithQuery};${text}`) };
    },
  };
  return it;
}

async function untilBegun({ begun }: Counting, count: number): Promise<void> {
  while (begun.length < count) {
    await setTimeout(1);
  }
}

test('of thousands of pipelined requests few are under way at once, and all are answered in order', async () => {
  const counter = counting();
  await using it = await rig(counter.handle);
  let taken = Infinity;
  const answers = await raw(it.port, many(5_000) + get(['Host: a'], '/last'), () => {
    void untilBegun(counter, most).then(async () => {
      await setTimeout(50);
      taken = counter.begun.length;
      counter.open();
    });
  });
  assert.equal(taken, most);
  assert.equal(counter.mostAtOnce, most);
  const expected = [...Array.from({ length: 5_000 }, (_, index) => `/${index}`), '/last'];
  assert.deepEqual(counter.begun, expected);
  assert.deepEqual(pathsIn(answers), expected);
});

test('what is pipelined behind waiting requests is not read', async () => {
  const counter = counting();
  await using it = await rig(counter.handle);
  const socket = connect({ port: it.port, host: '127.0.0.1' });
  const total = 32 * 1024 * 1024;
  const piece = one(`/${'x'.repeat(1_000)}`).repeat(1_000);
  let sent = 0;
  const send = (): void => {
    while (sent < total) {
      sent += piece.length;
      if (!socket.write(piece)) {
        return;
      }
    }
  };
  socket.on('drain', send);
  socket.on('error', () => {});
  send();
  let before = -1;
  while (before !== sent) {
    before = sent;
    await setTimeout(50);
  }
  assert.ok(sent < total, 'everything was taken although nothing was answered');
  assert.equal(counter.begun.length, most);
  socket.destroy();
  counter.open();
});

test('a body behind waiting requests arrives when they are answered', async () => {
  const counter = counting();
  await using it = await rig(counter.handle);
  const body = 'y'.repeat(300_000);
  const post = `POST /post HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const answers = await raw(it.port, many(20) + post, () => {
    void untilBegun(counter, most).then(counter.open);
  });
  assert.deepEqual(pathsIn(answers).slice(-2), ['/19', '/post']);
  assert.equal(answers.endsWith(`path=/post;${body}`), true);
});

test('a refusal that closes takes its turn behind waiting requests, and nothing behind it is served', async () => {
  const counter = counting();
  await using it = await rig(counter.handle);
  const refused = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n';
  const answers = await raw(it.port, many(40) + refused + many(3), () => {
    void untilBegun(counter, most).then(counter.open);
  });
  assert.deepEqual(statusesIn(answers), [...Array.from({ length: 40 }, () => 200), 400]);
  assert.equal(counter.begun.length, 40);
});

test('requests that wait when their client leaves are not served', async () => {
  const counter = counting();
  await using it = await rig(counter.handle);
  const socket = connect({ port: it.port, host: '127.0.0.1' });
  socket.write(many(40));
  await untilBegun(counter, most);
  socket.resetAndDestroy();
  await setTimeout(20);
  counter.open();
  await it.server.stop();
  assert.ok(counter.begun.length < 40);
});

test('a head is not late while the server does not read', async () => {
  const counter = counting();
  await using it = await rig(counter.handle, { limits: { headersTimeoutMs: 50, requestTimeoutMs: 60 } });
  const answers = await raw(it.port, `${many(20)}GET /split HTTP/1.1\r\nHo`, (socket) => {
    void untilBegun(counter, most).then(async () => {
      await setTimeout(250);
      socket.write('st: a\r\nConnection: close\r\n\r\n');
      counter.open();
    });
  });
  assert.equal(pathsIn(answers).length, 21);
});
