import assert from 'node:assert/strict';
import { test } from 'node:test';
import { echo, encoder, get, raw, rig, statusOf } from './support.ts';

test('a handler sees method, authority, path, headers and body', async () => {
  await using it = await rig(echo);
  const answer = await fetch(`${it.url}/a%20b?c=d`, {
    method: 'POST',
    headers: { 'X-Thing': 'one' },
    body: 'hello',
  });
  assert.equal(answer.status, 200);
  const seen = (await answer.json()) as { headers: [string, string][] };
  const headers = new Map(seen.headers);
  assert.equal(headers.get('x-thing'), 'one');
  assert.equal(headers.get('content-length'), '5');
  assert.equal(headers.has('host'), false);
  assert.deepEqual(
    { ...seen, headers: undefined },
    {
      method: 'POST',
      authority: `127.0.0.1:${it.port}`,
      path: '/a%20b?c=d',
      headers: undefined,
      body: 'hello',
    },
  );
});

test('hop-by-hop fields and those named by Connection stay on their side', async () => {
  await using it = await rig(async (request) => {
    assert.deepEqual(request.headers, [
      ['x-end', 'to-end'],
      ['content-length', '0'],
    ]);
    return {
      status: 200,
      headers: [
        ['Connection', 'x-private'],
        ['X-Private', '1'],
        ['Keep-Alive', 'timeout=999'],
        ['Transfer-Encoding', 'chunked'],
        ['Proxy-Authenticate', 'Basic'],
        ['X-Public', 'yes'],
      ],
      body: encoder.encode('ok'),
    };
  });
  const answer = await raw(
    it.port,
    'GET / HTTP/1.1\r\nHost: a\r\nConnection: close, x-hop, content-length\r\nX-Hop: 1\r\nTE: trailers\r\n' +
      'Proxy-Authorization: Basic eA==\r\nKeep-Alive: 5\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\nX-End: to-end\r\nContent-Length: 0\r\n\r\n',
  );
  assert.equal(statusOf(answer), 200);
  assert.match(answer, /x-public: yes/i);
  assert.doesNotMatch(answer, /x-private|timeout=999|transfer-encoding|proxy-authenticate/i);
});

test('an error of the handler is 500 with a request id and nothing else', async () => {
  const seen: string[] = [];
  await using it = await rig((_request, context) => {
    seen.push(context.requestId);
    return Promise.reject(Object.assign(new Error('password=hunter2'), { code: 'ERR_COMPONENT_TRAP' }));
  });
  const answer = await fetch(it.url);
  const text = await answer.text();
  assert.equal(answer.status, 500);
  assert.equal(text, `internal error\nrequest id: ${seen[0]}\n`);
  assert.equal(answer.headers.get('x-request-id'), seen[0]);
  assert.deepEqual(it.logs, [
    {
      level: 'error',
      message: 'http request failed',
      fields: { requestId: seen[0], code: 'ERR_COMPONENT_TRAP' },
    },
  ]);
  await fetch(it.url);
  assert.notEqual(seen[0], seen[1]);
});

for (const [code, status] of [
  ['ERR_COMPONENT_DEADLINE', 504],
  ['ERR_COMPONENT_QUEUE_FULL', 503],
  ['ERR_COMPONENT_STOPPED', 503],
  ['ERR_COMPONENT_NOT_RUNNING', 503],
  ['ERR_COMPONENT_OUT_OF_MEMORY', 500],
] as const) {
  test(`${code} becomes ${status}`, async () => {
    await using it = await rig(() => Promise.reject(Object.assign(new Error('x'), { code })));
    assert.equal((await fetch(it.url)).status, status);
  });
}

test('while not serving every request is answered 503 and the handler is not asked', async () => {
  let calls = 0;
  await using it = await rig(async () => {
    calls += 1;
    return { status: 200, headers: [], body: undefined };
  });
  it.setServing(false);
  const refused = await fetch(it.url);
  assert.equal(refused.status, 503);
  assert.equal(calls, 0);
  it.setServing(true);
  assert.equal((await fetch(it.url)).status, 200);
});

test('HEAD, 204 and 304 carry no body', async () => {
  let status = 200;
  await using it = await rig(async () => ({ status, headers: [], body: encoder.encode('body') }));
  const head = await raw(it.port, 'HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  assert.equal(statusOf(head), 200);
  assert.equal(head.endsWith('\r\n\r\n'), true);
  for (status of [204, 304]) {
    const answer = await raw(it.port, get(['Host: a']));
    assert.equal(statusOf(answer), status);
    assert.equal(answer.endsWith('\r\n\r\n'), true);
  }
});

for (const [name, answer] of [
  ['a status below 200', { status: 101, headers: [], body: undefined }],
  ['a status above 599', { status: 600, headers: [], body: undefined }],
  ['a broken header name', { status: 200, headers: [['a b', 'c']], body: undefined }],
  ['a line break in a header value', { status: 200, headers: [['a', 'b\r\nc: d']], body: undefined }],
  ['a wrong length', { status: 200, headers: [['content-length', '3']], body: encoder.encode('four') }],
  [
    'two lengths',
    {
      status: 200,
      headers: [
        ['content-length', '1'],
        ['content-length', '2'],
      ],
      body: undefined,
    },
  ],
  [
    'a length that is no number',
    { status: 200, headers: [['content-length', '0x4']], body: encoder.encode('four') },
  ],
] as const) {
  test(`${name} from a handler becomes 500`, async () => {
    await using it = await rig(async () => answer);
    const received = await raw(it.port, get(['Host: a']));
    assert.equal(statusOf(received), 500);
    assert.doesNotMatch(received, /\r\nc: d/);
  });
}

test('a client that goes away aborts the signal of its request', async () => {
  const aborted = Promise.withResolvers<void>();
  await using it = await rig(async (_request, { signal }) => {
    if (signal.aborted) {
      aborted.resolve();
    }
    signal.addEventListener('abort', () => aborted.resolve());
    socket.resolve();
    await aborted.promise;
    return { status: 200, headers: [], body: undefined };
  });
  const socket = Promise.withResolvers<void>();
  await raw(it.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', (open) => {
    void socket.promise.then(() => open.destroy());
  });
  await aborted.promise;
});

test('several requests use one connection and the last answer says that it closes', async () => {
  await using it = await rig(echo, { limits: { maxRequestsPerConnection: 2, keepAliveTimeoutMs: 50 } });
  const one = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
  const answers = await raw(it.port, one + one);
  assert.equal(answers.match(/HTTP\/1\.1 200/g)?.length, 2);
  assert.match(answers, /connection: close/i);
});

test('stop lets a running request finish, refuses new connections and leaves nothing open', async () => {
  const entered = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const it = await rig(async () => {
    entered.resolve();
    await release.promise;
    return { status: 200, headers: [], body: encoder.encode('done') };
  });
  const running = fetch(it.url);
  await entered.promise;
  const stopped = it.server.stop();
  await assert.rejects(fetch(it.url));
  release.resolve();
  const answer = await running;
  assert.equal(answer.headers.get('connection'), 'close');
  assert.equal(await answer.text(), 'done');
  await stopped;
  await it.server.stop();
});

test('stop cuts what does not finish within the bound, and the request hears of it', async () => {
  const entered = Promise.withResolvers<void>();
  const heard = Promise.withResolvers<void>();
  const it = await rig(
    (_request, { signal }) => {
      signal.addEventListener('abort', () => heard.resolve());
      entered.resolve();
      return new Promise(() => {});
    },
    { limits: { drainTimeoutMs: 20 } },
  );
  const running = fetch(it.url);
  await entered.promise;
  await it.server.stop();
  await assert.rejects(running);
  await heard.promise;
});
