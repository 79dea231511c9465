import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { decoder, encoder, get, raw, rig, statusOf, whole } from './support.ts';

async function* chunksOf(...parts: string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    yield encoder.encode(part);
  }
}

test('a streamed answer arrives in order, chunked when no length is announced', async () => {
  await using it = await rig(async () => ({ status: 200, headers: [], body: chunksOf('a', '', 'bc', 'd') }));
  const answer = await raw(it.port, get(['Host: a']));
  assert.match(answer, /transfer-encoding: chunked/i);
  assert.match(answer, /\r\n\r\n1\r\na\r\n2\r\nbc\r\n1\r\nd\r\n0\r\n\r\n$/);
});

test('a streamed answer keeps its announced length', async () => {
  await using it = await rig(async () => ({
    status: 200,
    headers: [['content-length', '4']],
    body: chunksOf('ab', 'cd'),
  }));
  const answer = await raw(it.port, get(['Host: a']));
  assert.match(answer, /content-length: 4\r\n/i);
  assert.match(answer, /\r\n\r\nabcd$/);
});

for (const [name, parts] of [
  ['longer', ['ab', 'cde']],
  ['shorter', ['ab']],
] as const) {
  test(`a stream ${name} than its length breaks the connection`, async () => {
    await using it = await rig(async () => ({
      status: 200,
      headers: [['content-length', '4']],
      body: chunksOf(...parts),
    }));
    await assert.rejects(async () => (await fetch(it.url)).text());
    assert.equal(it.logs[0]?.message, 'http answer broken off');
  });
}

test('an error in the middle of a stream breaks the connection instead of ending it', async () => {
  await using it = await rig(async () => ({
    status: 200,
    headers: [],
    body: (async function* () {
      yield encoder.encode('first');
      throw new Error('no more');
    })(),
  }));
  const answer = await raw(it.port, get(['Host: a']));
  assert.doesNotMatch(answer, /0\r\n\r\n$/);
});

test('an endless answer is pulled no faster than the client reads, and ends when it goes away', async () => {
  let pulled = 0;
  const ended = Promise.withResolvers<void>();
  await using it = await rig(async () => ({
    status: 200,
    headers: [],
    body: (async function* () {
      try {
        for (;;) {
          pulled += 1;
          yield new Uint8Array(65_536);
        }
      } finally {
        ended.resolve();
      }
    })(),
  }));
  const socket = connect({ port: it.port, host: '127.0.0.1' });
  socket.pause();
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  let before = -1;
  while (before !== pulled) {
    before = pulled;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.ok(pulled < 400, `${pulled} chunks left the handler although nobody read`);
  socket.destroy();
  await ended.promise;
});

test('a request body streams while the client still sends, no faster than it is read', async () => {
  const first = Promise.withResolvers<string>();
  await using it = await rig(async (request) => {
    const chunks = (request.body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    const one = await chunks.next();
    first.resolve(decoder.decode(one.value as Uint8Array));
    let rest = '';
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
      rest += decoder.decode(next.value);
    }
    return { status: 200, headers: [], body: encoder.encode(rest) };
  });
  const answer = await raw(
    it.port,
    'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n',
    (socket) => {
      void first.promise.then((text) => {
        assert.equal(text, 'one');
        socket.write('3\r\ntwo\r\n0\r\n\r\n');
      });
    },
  );
  assert.equal(statusOf(answer), 200);
  assert.match(answer, /two$/);
});

test('a chunked body that comes together with its head is handed over whole', async () => {
  const seen: unknown[] = [];
  await using it = await rig(
    async ({ method, body }) => {
      seen.push(body instanceof Uint8Array ? decoder.decode(body) : `${method} ${typeof body}`);
      return { status: 200, headers: [], body: undefined };
    },
    { limits: { bodyBytes: 10 } },
  );
  const post = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
  const last = get(['Host: a']);
  const answers = await raw(
    it.port,
    `${post}3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n${post}0\r\n\r\n${post}b\r\nhello world\r\n0\r\n\r\n${last}`,
  );
  assert.equal(answers.match(/HTTP\/1\.1 200/g)?.length, 4);
  assert.deepEqual(seen, ['GET undefined', 'onetwo', '', 'POST object']);
});

test('an unread large body stops the client instead of filling memory', async () => {
  const gate = Promise.withResolvers<void>();
  await using it = await rig(
    async (request) => {
      await gate.promise;
      const body = await whole(request.body ?? encoder.encode(''));
      return { status: 200, headers: [], body: encoder.encode(String(body.byteLength)) };
    },
    { limits: { bodyBytes: 64 * 1024 * 1024 } },
  );
  const total = 32 * 1024 * 1024;
  let sent = 0;
  const answer = fetch(it.url, {
    method: 'POST',
    duplex: 'half',
    body: new ReadableStream(
      {
        pull(controller) {
          if (sent === total) {
            controller.close();
            return;
          }
          controller.enqueue(new Uint8Array(65_536));
          sent += 65_536;
        },
      },
      { highWaterMark: 0 },
    ),
  });
  let before = -1;
  while (before !== sent) {
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.ok(sent < total, 'everything was taken although nobody read');
  gate.resolve();
  assert.equal(await (await answer).text(), String(total));
});

test('a client that leaves in the middle of its body ends the stream with an error', async () => {
  const code = Promise.withResolvers<unknown>();
  await using it = await rig(async (request) => {
    try {
      await whole(request.body ?? encoder.encode(''));
    } catch (error) {
      code.resolve((error as { code?: unknown }).code);
    }
    return { status: 200, headers: [], body: undefined };
  });
  const socket = connect({ port: it.port, host: '127.0.0.1' });
  socket.write('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n', () =>
    socket.destroy(),
  );
  assert.equal(await code.promise, 'ERR_HTTP_REQUEST_BODY_ABORTED');
});

test('the stream of an answer nobody may see is closed', async () => {
  const closed = Promise.withResolvers<void>();
  await using it = await rig(async () => {
    const body = chunksOf('a');
    const end = body.return.bind(body);
    body.return = (value: unknown) => {
      closed.resolve();
      return end(value);
    };
    return { status: 204, headers: [], body };
  });
  await fetch(it.url);
  await closed.promise;
});
