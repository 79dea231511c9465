import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decoder, echo, encoder, get, raw, rig, statusOf, whole } from './support.ts';

const refused: readonly (readonly [string, string, number])[] = [
  ['no Host', get([]), 400],
  ['two Hosts', get(['Host: a', 'Host: a']), 400],
  ['an empty Host', get(['Host:']), 400],
  ['a Host with a path', get(['Host: a/b']), 400],
  ['a Host with user information', get(['Host: u@a']), 400],
  ['HTTP/1.0 without Host', 'GET / HTTP/1.0\r\n\r\n', 400],
  ['a target without slash', get(['Host: a'], 'x'), 400],
  ['a fragment in the target', get(['Host: a'], '/a#b'), 400],
  ['a target of another scheme', get(['Host: a'], 'ftp://a/b'), 400],
  ['user information in the target', get(['Host: a'], 'http://u:p@a/b'), 400],
  ['a byte above ASCII in the target', get(['Host: a'], '/\xe4'), 400],
  [
    'both lengths',
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    400,
  ],
  ['two lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello', 400],
  ['a negative length', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\nhello', 400],
  ['a hexadecimal length', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\nhello', 400],
  [
    'a coding before chunked',
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    400,
  ],
  [
    'chunked twice',
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    400,
  ],
  ['an unknown coding', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n', 400],
  ['chunked in HTTP/1.0', 'POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400],
  ['a blank before the colon', 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length : 0\r\n\r\n', 400],
  ['a folded header', 'GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n', 400],
  ['a bare line feed', 'GET / HTTP/1.1\nHost: a\n\n', 400],
  ['a NUL in a value', get(['Host: a', 'X: a\0b']), 400],
  ['a broken chunk size', 'POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', 400],
  ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01', 400],
  ['HTTP/2 without upgrade', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  ['a long header', get(['Host: a', `X: ${'x'.repeat(20_000)}`]), 431],
  ['a long target', get(['Host: a'], `/${'x'.repeat(20_000)}`), 431],
  ['many headers', get(['Host: a', ...Array.from({ length: 120 }, (_, i) => `x${i}: 1`)]), 431],
  ['an announced body past the limit', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n', 413],
  [
    'the same with Expect',
    'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n',
    413,
  ],
  ['an unknown expectation', get(['Host: a', 'Expect: magic']), 417],
];

for (const [name, bytes, status] of refused) {
  test(`${name} is answered ${status} and the connection closed`, async () => {
    let isReached = false;
    await using it = await rig(
      async (request, context) => {
        const answer = await echo(request, context);
        isReached = true;
        return answer;
      },
      { limits: { bodyBytes: 1000 } },
    );
    const answer = await raw(it.port, bytes);
    assert.equal(statusOf(answer), status, answer);
    assert.match(answer, /connection: close/i);
    assert.equal(answer.match(/HTTP\/1\.1/g)?.length, 1);
    assert.equal(isReached, false);
  });
}

test('a host that is not in the list is answered 421', async () => {
  await using it = await rig(echo, { allowedHosts: ['good.example'] });
  assert.equal(statusOf(await raw(it.port, get(['Host: good.example:1']))), 200);
  assert.equal(statusOf(await raw(it.port, get(['Host: rebound.example']))), 421);
  assert.equal(statusOf(await raw(it.port, get(['Host: good.example'], 'http://rebound.example/'))), 421);
});

test('an absolute target overrides Host', async () => {
  await using it = await rig(echo);
  const answer = await raw(it.port, get(['Host: other'], 'http://real.example:81?q'));
  assert.match(answer, /"authority":"real\.example:81","path":"\/\?q"/);
});

test('a smuggled second request is never served', async () => {
  const paths: string[] = [];
  await using it = await rig(async (request) => {
    paths.push(request.pathWithQuery);
    return { status: 200, headers: [], body: encoder.encode('ok') };
  });
  await raw(
    it.port,
    'POST /outer HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /inner HTTP/1.1\r\nHost: a\r\n\r\n',
  );
  await raw(
    it.port,
    'GET /outer HTTP/1.1\r\nHost: a\r\nContent-Length:\x0b35\r\n\r\nGET /inner HTTP/1.1\r\nHost: a\r\n\r\n',
  );
  assert.equal(paths.includes('/inner'), false);
});

test('a chunked body past the limit is cut at the limit and answered 413', async () => {
  let read = 0;
  await using it = await rig(
    async (request) => {
      read = (await whole(request.body ?? encoder.encode(''))).byteLength;
      return { status: 200, headers: [], body: undefined };
    },
    { limits: { bodyBytes: 1000 } },
  );
  const chunk = `3e8\r\n${'x'.repeat(1000)}\r\n`;
  const answer = await raw(
    it.port,
    `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}${chunk}0\r\n\r\n`,
  );
  assert.equal(statusOf(answer), 413);
  assert.equal(read, 0);
});

test('a chunked body at the limit passes', async () => {
  await using it = await rig(
    async (request) => ({ status: 200, headers: [], body: await whole(request.body ?? encoder.encode('')) }),
    { limits: { bodyBytes: 1000 } },
  );
  const answer = await fetch(it.url, {
    method: 'POST',
    duplex: 'half',
    body: new ReadableStream({
      start(controller) {
        controller.enqueue(encoder.encode('y'.repeat(1000)));
        controller.close();
      },
    }),
  });
  assert.equal(decoder.decode(new Uint8Array(await answer.arrayBuffer())), 'y'.repeat(1000));
});

test('a handler that answers without reading a large body gets the connection closed', async () => {
  await using it = await rig(async () => ({ status: 200, headers: [], body: encoder.encode('early') }));
  const answer = await raw(it.port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nsome');
  assert.equal(statusOf(answer), 200);
  assert.match(answer, /connection: close/i);
});

for (const [name, bytes] of [
  ['head', 'GET / HTTP/1.1\r\nHost: a\r\nX: '],
  ['announced body', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12'],
  ['chunked body', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n12\r\n'],
] as const) {
  test(`a ${name} that never ends is answered 408 or cut`, async () => {
    await using it = await rig(echo, { limits: { headersTimeoutMs: 100, requestTimeoutMs: 150 } });
    const answer = await raw(it.port, bytes);
    assert.equal(answer === '' || statusOf(answer) === 408, true, answer);
  });
}

test('connections above the maximum are closed without a word', async () => {
  await using it = await rig(echo, { limits: { maxConnections: 1 } });
  let second = 'not tried';
  await raw(it.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', (socket) => {
    socket.once('data', () => {
      void raw(it.port, get(['Host: a'])).then((answer) => {
        second = answer;
        socket.end();
      });
    });
  });
  assert.equal(second, '');
});

test('Expect is answered 100 only when the request is acceptable', async () => {
  await using it = await rig(echo);
  const answer = await raw(
    it.port,
    'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi',
  );
  assert.match(answer, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/);
  assert.match(answer, /"body":"hi"/);
});

test('nothing behind a refusal that closes the connection reaches the handler', async () => {
  const seen: string[] = [];
  await using it = await rig((request, context) => {
    seen.push(request.pathWithQuery);
    return echo(request, context);
  });
  const refused = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n';
  const answer = await raw(it.port, refused + get(['Host: a'], '/behind'));
  assert.equal(statusOf(answer), 400);
  assert.equal(answer.match(/HTTP\/1\.1/g)?.length, 1);
  assert.deepEqual(seen, []);
});

test('garbage behind a whole request is not answered in its place', async () => {
  let answerNow = (): void => {};
  const isDue = new Promise<void>((resolve) => {
    answerNow = resolve;
  });
  let isReached = false;
  await using it = await rig(async (request, context) => {
    isReached = true;
    await isDue;
    return echo(request, context);
  });
  const answer = await raw(it.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\ngarbage\r\n\r\n');
  answerNow();
  assert.equal(isReached, true);
  assert.equal(answer, '');
});
