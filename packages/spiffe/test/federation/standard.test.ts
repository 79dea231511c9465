import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { createTestCa } from '@muster/testing';

import { fetchBundle, marshalSpiffeBundle, parseSpiffeBundle, watchBundle } from '../../src/index.ts';
import { bundleDocument, spiffeEndpoint, spiffeServerOptions, startEndpoint } from './support.ts';
import type { TestEndpoint } from './support.ts';

const ca = createTestCa('example.org');
const example = ca.trustDomain;
const document = bundleDocument([ca], { sequence: 7n });
let server: TestEndpoint;

before(async () => {
  server = await startEndpoint(spiffeServerOptions(ca));
});

after(async () => {
  await server.close();
});

test('a bundle document bootstraps a self-serving endpoint', async () => {
  server.answer = (_request, response) => response.end(document);
  const bootstrap = parseSpiffeBundle(
    example,
    marshalSpiffeBundle({ x509Authorities: [ca.certificate], jwtAuthorities: [] }),
  );
  const bundle = await fetchBundle(spiffeEndpoint(example, server.url, bootstrap));
  assert.equal(bundle.sequence, 7n);
});

test('the content type of an answer does not count', async () => {
  for (const type of [
    'application/json; charset=utf-8',
    'text/plain',
    'application/octet-stream',
    undefined,
  ]) {
    server.answer = (_request, response) => {
      if (type !== undefined) {
        response.setHeader('content-type', type);
      }
      response.end(document);
    };
    const bundle = await fetchBundle(spiffeEndpoint(example, server.url, ca.bundle));
    assert.equal(bundle.sequence, 7n, type);
  }
});

test('an answer that is not UTF-8 is refused', async () => {
  server.answer = (_request, response) => {
    response.end(Buffer.concat([Buffer.from('{"keys":[],"x":"'), Buffer.from([0xe9]), Buffer.from('"}')]));
  };
  await assert.rejects(fetchBundle(spiffeEndpoint(example, server.url, ca.bundle)), {
    code: 'ERR_BUNDLE_MALFORMED',
  });
});

test('a redirect that calls itself permanent is followed like a temporary one, and not remembered', async () => {
  for (const status of [301, 302, 303, 307, 308]) {
    server.requests.length = 0;
    server.answer = (request, response) => {
      if (request.url === '/moved') {
        response.end(document);
        return;
      }
      response.writeHead(status, { location: '/moved' });
      response.end();
    };
    const endpoint = spiffeEndpoint(example, server.url, ca.bundle);
    const previous = await fetchBundle(endpoint);
    await fetchBundle(endpoint, { previous });
    const once = ['GET /bundle.json', 'GET /moved'];
    assert.deepEqual(server.requests, [...once, ...once], String(status));
  }
});

test('A54 a redirect to an endless text is refused at once', async () => {
  for (const location of [
    '/'.repeat(15_000),
    `https://${'//a'.repeat(5000)}`,
    `https://u:secret@${'/'.repeat(5000)}`,
  ]) {
    server.answer = (_request, response) => {
      response.writeHead(307, { location });
      response.end();
    };
    await assert.rejects(
      fetchBundle(spiffeEndpoint(example, server.url, ca.bundle)),
      (error: Error & { code?: string }) =>
        error.code === 'ERR_BUNDLE_ENDPOINT_REDIRECT' && !String(error.cause).includes('secret'),
    );
  }
  // In a configuration there is no limit to its length, and credentials do not show all the same.
  const url = `http://u:secret@${'//'.repeat(1_000_000)}`;
  assert.throws(
    () => watchBundle({ ...spiffeEndpoint(example, server.url, ca.bundle), url }, { onUpdate: () => {} }),
    (error: Error & { code?: string }) =>
      error.code === 'ERR_BUNDLE_ENDPOINT_URL' && !error.message.includes('secret'),
  );
});

test('A54 who wants no redirect gets none', async () => {
  server.answer = (_request, response) => {
    response.writeHead(307, { location: '/moved' });
    response.end();
  };
  server.requests.length = 0;
  const endpoint = spiffeEndpoint(example, server.url, ca.bundle);
  await assert.rejects(fetchBundle(endpoint, { isRedirectFollowed: false }), {
    code: 'ERR_BUNDLE_ENDPOINT_REDIRECT',
  });
  assert.deepEqual(server.requests, ['GET /bundle.json']);
});
