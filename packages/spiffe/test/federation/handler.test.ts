import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import http2 from 'node:http2';
import { test } from 'node:test';

import { createTestCa, createTestJwtAuthority } from '@muster/testing';

import { createBundleHandler, fetchBundle, parseSpiffeBundle, watchBundle } from '../../src/index.ts';
import type { BundleHandler, SpiffeBundle, SpiffeBundleContents } from '../../src/index.ts';
import { until } from '../workload-api/support.ts';
import {
  bundleDocument,
  spiffeEndpoint,
  spiffeServerOptions,
  startEndpoint,
  webEndpoint,
  webServerOptions,
} from './support.ts';

const ca = createTestCa('example.org');
const nextCa = createTestCa('example.org');
const jwt = createTestJwtAuthority('example.org');
const contents: SpiffeBundleContents = {
  x509Authorities: [ca.certificate],
  jwtAuthorities: jwt.bundle.authorities,
  sequence: 3n,
  refreshHintMs: 60_000,
};

interface Answer {
  status: number;
  headers: Readonly<Record<string, unknown>>;
  body: string;
}

function ask(handler: BundleHandler, method: string, headers: Record<string, string> = {}): Answer {
  const answer: Answer = { status: 0, headers: {}, body: '' };
  const response = {
    writeHead(status: number, sent: Record<string, unknown>) {
      answer.status = status;
      answer.headers = sent;
      return response;
    },
    end(body: string | Buffer = '') {
      answer.body = body.toString();
      return response;
    },
  };
  handler({ method, headers }, response as unknown as Parameters<BundleHandler>[1]);
  return answer;
}

test('GET answers with the bundle as JSON', () => {
  const { status, headers, body } = ask(createBundleHandler({ getBundle: () => contents }), 'GET');
  assert.equal(status, 200);
  assert.equal(headers['content-type'], 'application/json');
  assert.equal(headers['content-length'], Buffer.byteLength(body));
  assert.equal(headers['cache-control'], 'no-cache');
  assert.equal(headers['x-content-type-options'], 'nosniff');
  const bundle = parseSpiffeBundle(ca.trustDomain, body);
  assert.deepEqual(bundle.ignored, []);
  assert.ok(bundle.x509Bundle.equals(ca.bundle));
  assert.ok(bundle.jwtBundle.equals(jwt.bundle));
  assert.deepEqual([bundle.sequence, bundle.refreshHintMs], [3n, 60_000]);
});

test('a bundle that was read is served with the same contents', () => {
  const bundle = parseSpiffeBundle(ca.trustDomain, bundleDocument([ca], { sequence: 3n }));
  const { body } = ask(createBundleHandler({ getBundle: () => bundle }), 'GET');
  assert.equal(body, bundleDocument([ca], { sequence: 3n }));
});

test('HEAD answers with the same headers and no body', () => {
  const handler = createBundleHandler({ getBundle: () => contents });
  const head = ask(handler, 'HEAD');
  assert.deepEqual(head.headers, ask(handler, 'GET').headers);
  assert.equal(head.status, 200);
  assert.equal(head.body, '');
});

test('other methods are answered with 405', () => {
  const handler = createBundleHandler({ getBundle: () => contents });
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'get']) {
    const { status, headers, body } = ask(handler, method);
    assert.deepEqual([status, headers['allow'], body], [405, 'GET, HEAD', '']);
  }
});

test('a reader that has the document already gets 304, one that has another gets the document', () => {
  const handler = createBundleHandler({ getBundle: () => contents });
  const tag = String(ask(handler, 'GET').headers['etag']);
  assert.match(tag, /^"[\w-]{43}"$/);
  for (const known of [tag, `W/${tag}`, `"other", ${tag}`, '*']) {
    const { status, headers, body } = ask(handler, 'GET', { 'if-none-match': known });
    assert.deepEqual([status, headers['etag'], body], [304, tag, '']);
  }
  for (const unknown of ['"other"', tag.slice(1, -1), '']) {
    assert.equal(ask(handler, 'GET', { 'if-none-match': unknown }).status, 200);
  }
});

test('a new bundle is a new document with a new tag; the same one is not written again', () => {
  let current: SpiffeBundleContents = contents;
  let reads = 0;
  const counted: SpiffeBundleContents = {
    ...contents,
    get x509Authorities() {
      reads += 1;
      return contents.x509Authorities;
    },
  };
  const handler = createBundleHandler({ getBundle: () => current });
  const tag = ask(handler, 'GET').headers['etag'];
  current = { ...contents, x509Authorities: [ca.certificate, nextCa.certificate], sequence: 4n };
  const next = ask(handler, 'GET', { 'if-none-match': String(tag) });
  assert.equal(next.status, 200);
  assert.notEqual(next.headers['etag'], tag);
  current = counted;
  assert.equal(ask(handler, 'GET').headers['etag'], tag);
  const before = reads;
  ask(handler, 'GET');
  assert.equal(reads, before);
});

test('without a bundle, or with one that cannot be written, the answer is 503 and says nothing', () => {
  const errors: Error[] = [];
  for (const getBundle of [
    () => undefined,
    () => {
      throw new Error('secret reason');
    },
    () => {
      // oxlint-disable-next-line no-throw-literal
      throw 'secret reason';
    },
    () => ({ ...contents, x509Authorities: [Buffer.from('junk')] }),
  ]) {
    const handler = createBundleHandler({ getBundle, onError: (error) => errors.push(error) });
    const { status, headers, body } = ask(handler, 'GET');
    assert.deepEqual([status, headers['cache-control'], body], [503, 'no-store', '']);
  }
  assert.equal(errors.length, 4);
});

test('A54: an empty bundle is served only on purpose', () => {
  const empty = { x509Authorities: [], jwtAuthorities: [], sequence: 9n };
  assert.equal(ask(createBundleHandler({ getBundle: () => empty }), 'GET').status, 503);
  const { status, body } = ask(createBundleHandler({ getBundle: () => empty, isEmptyAllowed: true }), 'GET');
  assert.deepEqual([status, body], [200, '{"keys":[],"spiffe_sequence":9}']);
});

test('of a key that is private by mistake only the public part is served', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const handler = createBundleHandler({
    getBundle: () => ({ ...contents, jwtAuthorities: [{ keyId: 'k', publicKey: privateKey }] }),
  });
  const { body } = ask(handler, 'GET');
  const { keys } = JSON.parse(body) as { keys: Record<string, unknown>[] };
  assert.deepEqual(Object.keys(keys[1] ?? {}).toSorted(), ['crv', 'kid', 'kty', 'use', 'x', 'y']);
});

test('both profiles: what the handler serves is what the client fetches', async () => {
  const web = createTestCa('web.example');
  for (const [options, connect] of [
    [webServerOptions(web), (url: string) => webEndpoint(ca.trustDomain, url, web)],
    [spiffeServerOptions(ca), (url: string) => spiffeEndpoint(ca.trustDomain, url, ca.bundle)],
  ] as const) {
    const server = await startEndpoint(options);
    server.answer = createBundleHandler({ getBundle: () => contents });
    try {
      const bundle = await fetchBundle(connect(server.url));
      assert.ok(bundle.x509Bundle.equals(ca.bundle));
      assert.ok(bundle.jwtBundle.equals(jwt.bundle));
    } finally {
      await server.close();
    }
  }
});

test('what is watched can be served on', async () => {
  const web = createTestCa('web.example');
  const server = await startEndpoint(webServerOptions(web));
  server.answer = createBundleHandler({ getBundle: () => contents });
  const watch = watchBundle(webEndpoint(ca.trustDomain, server.url, web), { onUpdate: () => {} });
  try {
    await until(() => watch.getBundle() !== undefined);
    const relay = createBundleHandler({ getBundle: (): SpiffeBundle | undefined => watch.getBundle() });
    assert.equal(parseSpiffeBundle(ca.trustDomain, ask(relay, 'GET').body).sequence, 3n);
  } finally {
    await watch.close();
    await server.close();
  }
});

test('serves over HTTP/2 as well', async () => {
  const server = http2.createServer();
  const handler = createBundleHandler({ getBundle: () => contents });
  server.on('request', (request, response) => {
    handler(request, response as unknown as Parameters<BundleHandler>[1]);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as { port: number };
  const client = http2.connect(`http://127.0.0.1:${port}`);
  const stream = client.request({ ':path': '/' });
  const chunks: Buffer[] = [];
  for await (const chunk of stream) {
    chunks.push(chunk as Buffer);
  }
  assert.equal(parseSpiffeBundle(ca.trustDomain, Buffer.concat(chunks)).sequence, 3n);
  client.close();
  server.close();
});
