import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import type { LookupFunction } from 'node:net';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { gzipSync } from 'node:zlib';

import { createTestCa, createTestClock, createTestJwtAuthority } from '@muster/testing';

import {
  fetchBundle,
  isSpiffeError,
  parseSpiffeBundle,
  TrustDomain,
  X509BundleSet,
} from '../../src/index.ts';
import type { BundleEndpoint, FetchBundleOptions, SpiffeBundle, SpiffeErrorCode } from '../../src/index.ts';
import { until } from '../workload-api/support.ts';
import {
  answerWith,
  bundleDocument,
  ENDPOINT_ID,
  spiffeEndpoint,
  spiffeServerOptions,
  startEndpoint,
  webEndpoint,
  webServerOptions,
} from './support.ts';
import type { TestEndpoint } from './support.ts';

const web = createTestCa('web.example');
const ca = createTestCa('example.org');
const nextCa = createTestCa('example.org');
const other = createTestCa('other.org');
const home = createTestCa('home.example');
const example = ca.trustDomain;
const document = bundleDocument([ca], { sequence: 7n, refreshHintMs: 60_000 });

let server: TestEndpoint;
let spiffeServer: TestEndpoint;
const extra: TestEndpoint[] = [];

before(async () => {
  server = await startEndpoint(webServerOptions(web, ['localhost', 'bundles.example']));
  spiffeServer = await startEndpoint(spiffeServerOptions(ca));
});

beforeEach(() => {
  server.answer = answerWith(document);
  spiffeServer.answer = answerWith(document);
  server.requests.length = 0;
  spiffeServer.requests.length = 0;
});

afterEach(async () => {
  await Promise.all(extra.splice(0).map(async (each) => await each.close()));
});

after(async () => {
  await server.close();
  await spiffeServer.close();
});

async function start(...options: Parameters<typeof startEndpoint>): Promise<TestEndpoint> {
  const endpoint = await startEndpoint(...options);
  extra.push(endpoint);
  return endpoint;
}

const fromWeb = async (options: FetchBundleOptions = {}): Promise<SpiffeBundle> =>
  await fetchBundle(webEndpoint(example, server.url, web), options);

async function assertRefused(
  fetched: Promise<unknown>,
  code: SpiffeErrorCode,
  causeCode?: string,
): Promise<void> {
  await assert.rejects(fetched, (error: Error) => {
    assert.ok(isSpiffeError(error), String(error));
    assert.equal(error.code, code, error.message);
    if (causeCode !== undefined) {
      assert.equal((error.cause as { code?: string }).code, causeCode);
    }
    return true;
  });
}

test('https_web: fetches the bundle and binds it to the configured trust domain', async () => {
  const bundle = await fromWeb();
  assert.ok(bundle.x509Bundle.equals(ca.bundle));
  assert.equal(bundle.trustDomain.name, 'example.org');
  assert.equal(bundle.sequence, 7n);
  assert.equal(bundle.refreshHintMs, 60_000);
  assert.equal(bundle.getX509Bundle(other.trustDomain), undefined);
  assert.deepEqual(server.requests, ['GET /bundle.json']);
});

test('https_web: query and path of the URL are kept', async () => {
  await fetchBundle(webEndpoint(example, `${server.url}?a=b%20c`, web));
  assert.deepEqual(server.requests, ['GET /bundle.json?a=b%20c']);
});

test('https_spiffe: fetches from the endpoint that proves the configured SPIFFE ID', async () => {
  const bundle = await fetchBundle(spiffeEndpoint(example, spiffeServer.url, ca.bundle));
  assert.ok(bundle.x509Bundle.equals(ca.bundle));
});

test('https_spiffe, not self-serving: the bundle of the trust domain of the endpoint counts, whatever was fetched before', async () => {
  spiffeServer.answer = answerWith(bundleDocument([other]));
  const endpoint = spiffeEndpoint(other.trustDomain, spiffeServer.url, new X509BundleSet([ca.bundle]));
  const previous = await fetchBundle(endpoint);
  assert.ok(previous.x509Bundle.equals(other.bundle));
  assert.ok((await fetchBundle(endpoint, { previous })).x509Bundle.equals(other.bundle));
});

test('https_spiffe, self-serving: after the first fetch only the fetched bundle counts', async () => {
  spiffeServer.answer = answerWith(bundleDocument([ca, nextCa]));
  const previous = await fetchBundle(spiffeEndpoint(example, spiffeServer.url, ca.bundle));
  const rotated = await start(spiffeServerOptions(nextCa));
  rotated.answer = answerWith(bundleDocument([nextCa]));
  const endpoint = spiffeEndpoint(example, rotated.url, ca.bundle);
  await assertRefused(fetchBundle(endpoint), 'ERR_BUNDLE_ENDPOINT_IDENTITY');
  const newest = await fetchBundle(endpoint, { previous });
  assert.ok(newest.x509Bundle.equals(nextCa.bundle));
  // The bootstrap bundle is not fallen back to.
  await assertRefused(
    fetchBundle(spiffeEndpoint(example, spiffeServer.url, ca.bundle), { previous: newest }),
    'ERR_BUNDLE_ENDPOINT_IDENTITY',
  );
});

test('https_spiffe: without a bundle for the endpoint nothing is sent', async () => {
  const before = spiffeServer.connections;
  const endpoint = spiffeEndpoint(example, spiffeServer.url, new X509BundleSet([]));
  await assertRefused(fetchBundle(endpoint), 'ERR_BUNDLE_NOT_FOUND');
  assert.equal(spiffeServer.connections, before);
});

test('https_spiffe: an SVID is judged at the time of the clock that is given', async () => {
  const clock = createTestClock(Date.now() + 7_200_000);
  await assertRefused(
    fetchBundle(spiffeEndpoint(example, spiffeServer.url, ca.bundle), { clock }),
    'ERR_BUNDLE_ENDPOINT_IDENTITY',
    'ERR_SVID_EXPIRED',
  );
});

test('A51: an endpoint with another SPIFFE ID is refused before the request is sent', async () => {
  const impostor = await start(spiffeServerOptions(ca, 'spiffe://example.org/impostor'));
  await assertRefused(
    fetchBundle(spiffeEndpoint(example, impostor.url, ca.bundle)),
    'ERR_BUNDLE_ENDPOINT_IDENTITY',
    'ERR_ID_NOT_AUTHORIZED',
  );
  assert.deepEqual(impostor.requests, []);
});

test('A51: an endpoint of another trust domain is refused, even where its bundle is known', async () => {
  for (const issuer of [other, ca]) {
    const id = 'spiffe://other.org/bundle-endpoint';
    const impostor = await start(spiffeServerOptions(issuer, id));
    const bundles = new X509BundleSet([ca.bundle, other.bundle]);
    await assertRefused(
      fetchBundle(spiffeEndpoint(example, impostor.url, bundles)),
      'ERR_BUNDLE_ENDPOINT_IDENTITY',
    );
    assert.deepEqual(impostor.requests, []);
  }
});

test('A51: each profile refuses what proves itself by the other one', async () => {
  await assertRefused(
    fetchBundle(spiffeEndpoint(example, server.url, ca.bundle)),
    'ERR_BUNDLE_ENDPOINT_IDENTITY',
  );
  await assertRefused(
    fetchBundle(webEndpoint(example, spiffeServer.url, web)),
    'ERR_BUNDLE_ENDPOINT_IDENTITY',
  );
  // Signed by the right authority, but an SVID names no host.
  await assertRefused(
    fetchBundle(webEndpoint(example, spiffeServer.url, ca)),
    'ERR_BUNDLE_ENDPOINT_IDENTITY',
    'ERR_TLS_CERT_ALTNAME_INVALID',
  );
});

test('A51: with https_web a certificate for another host, or of an authority that is not public, is refused', async () => {
  const elsewhere = await start(webServerOptions(web, ['elsewhere.example']));
  await assertRefused(
    fetchBundle(webEndpoint(example, elsewhere.url, web)),
    'ERR_BUNDLE_ENDPOINT_IDENTITY',
    'ERR_TLS_CERT_ALTNAME_INVALID',
  );
  await assertRefused(
    fetchBundle({ trustDomain: example, url: server.url, profile: { type: 'https_web' } }),
    'ERR_BUNDLE_ENDPOINT_IDENTITY',
  );
  assert.deepEqual([...elsewhere.requests, ...server.requests], []);
});

test('A51: a document with the authorities of another trust domain, or of several, is refused', async () => {
  server.answer = answerWith(bundleDocument([ca, other]));
  await assertRefused(fromWeb(), 'ERR_BUNDLE_TRUST_DOMAIN');
  server.answer = answerWith(`{"trust_domains":{"example.org":${document}}}`);
  await assertRefused(fromWeb(), 'ERR_BUNDLE_MALFORMED');
});

test('A51: a trust domain whose name begins like the configured one is another one', async () => {
  const longer = createTestCa('example.org.evil');
  server.answer = answerWith(bundleDocument([longer]));
  await assertRefused(fromWeb(), 'ERR_BUNDLE_TRUST_DOMAIN');
});

test('A52: a lower sequence number is refused; the same, a higher and none are taken', async () => {
  const previous = parseSpiffeBundle(example, bundleDocument([ca], { sequence: 2n ** 63n + 1n }));
  server.answer = answerWith(bundleDocument([ca], { sequence: 2n ** 63n }));
  await assertRefused(fromWeb({ previous }), 'ERR_BUNDLE_ROLLBACK');
  for (const sequence of [2n ** 63n + 1n, 2n ** 63n + 2n, undefined]) {
    server.answer = answerWith(bundleDocument([ca], { sequence }));
    assert.equal((await fromWeb({ previous })).sequence, sequence);
  }
});

test('A53: a bundle for the own trust domain is not fetched', async () => {
  const before = server.connections;
  await assertRefused(fromWeb({ own: { trustDomain: example } }), 'ERR_BUNDLE_TRUST_DOMAIN');
  assert.equal(server.connections, before);
});

test('A53: a foreign endpoint that offers the own bundle is refused, by name and by key', async () => {
  const jwt = createTestJwtAuthority('home.example');
  const nameless = createTestCa('example.org', Date.now(), { keyPair: home.keyPair });
  const own = parseSpiffeBundle(
    home.trustDomain,
    bundleDocument([home], { jwtAuthorities: jwt.bundle.authorities }),
  );
  server.answer = answerWith(bundleDocument([home]));
  await assertRefused(fromWeb({ own: { trustDomain: home.trustDomain } }), 'ERR_BUNDLE_TRUST_DOMAIN');
  server.answer = answerWith(bundleDocument([nameless]));
  await assertRefused(fromWeb({ own }), 'ERR_BUNDLE_TRUST_DOMAIN');
  server.answer = answerWith(bundleDocument([ca], { jwtAuthorities: jwt.bundle.authorities }));
  await assertRefused(fromWeb({ own }), 'ERR_BUNDLE_TRUST_DOMAIN');
  server.answer = answerWith(document);
  assert.equal((await fromWeb({ own })).sequence, 7n);
});

test('A54: an empty key set is taken as what it says, a missing one is not', async () => {
  server.answer = answerWith('{"keys":[],"spiffe_sequence":8}');
  const bundle = await fromWeb({ previous: parseSpiffeBundle(example, document) });
  assert.deepEqual([bundle.x509Bundle.authorities, bundle.jwtBundle.authorities], [[], []]);
  for (const text of [
    '',
    '{}',
    '{"spiffe_sequence":8}',
    '[]',
    'null',
    '{"keys":{}}',
    document.slice(0, -1),
  ]) {
    server.answer = answerWith(text);
    await assertRefused(fromWeb(), 'ERR_BUNDLE_MALFORMED');
  }
});

test('A54: a self-serving endpoint that has revoked all its keys cannot prove itself any more', async () => {
  const previous = parseSpiffeBundle(example, '{"keys":[]}');
  await assertRefused(
    fetchBundle(spiffeEndpoint(example, spiffeServer.url, ca.bundle), { previous }),
    'ERR_BUNDLE_NOT_FOUND',
  );
});

test('A54: a document larger than the limit is refused, announced or not, before it is all there', async () => {
  let written = 0;
  const endless: RequestListener = (_request, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536, ' '))) {
        written += 65_536;
      }
    };
    response.on('drain', more);
    more();
  };
  server.answer = endless;
  await assertRefused(fromWeb(), 'ERR_BUNDLE_SIZE');
  assert.ok(written < 64 * 1024 * 1024, `${written} bytes`);
  server.answer = (_request, response) => {
    response.writeHead(200, { 'content-length': 1_000_000_000 });
    response.flushHeaders();
  };
  await assertRefused(fromWeb(), 'ERR_BUNDLE_SIZE');
});

test('A54: the limit is exact', async () => {
  assert.equal((await fromWeb({ maxBytes: document.length })).sequence, 7n);
  await assertRefused(fromWeb({ maxBytes: document.length - 1 }), 'ERR_BUNDLE_SIZE');
});

test('A54: a compressed answer, which could grow without bound, is refused', async () => {
  server.answer = (_request, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' });
    response.end(gzipSync(document));
  };
  await assertRefused(fromWeb(), 'ERR_ENDPOINT_RESPONSE');
});

test('A54: an endless header is refused', async () => {
  server.answer = (_request, response) => {
    response.writeHead(200, { 'x-filler': 'x'.repeat(20_000) });
    response.end(document);
  };
  await assertRefused(fromWeb(), 'ERR_ENDPOINT_UNAVAILABLE');
});

test('A54: a slow drip is cut off at the time limit, in headers and in the body', async () => {
  for (const isInBody of [false, true]) {
    let hasArrived = false;
    server.answer = (_request, response) => {
      hasArrived = true;
      if (isInBody) {
        response.write(document.slice(0, 10));
      }
    };
    const clock = createTestClock(Date.now());
    const fetched = fromWeb({ clock, timeoutMs: 5000 });
    await until(() => hasArrived);
    for (const _drip of [1, 2, 3, 4]) {
      clock.advance(1249);
    }
    assert.equal(clock.pendingTimers, 1);
    clock.advance(4);
    await assertRefused(fetched, 'ERR_TIMEOUT');
    assert.equal(clock.pendingTimers, 0);
  }
});

test('A54: one redirect is followed, relative or absolute, and not remembered', async () => {
  for (const status of [302, 303, 307]) {
    for (const location of ['/moved?x=1', `${new URL(server.url).origin}/moved?x=1`]) {
      server.requests.length = 0;
      server.answer = (request, response) => {
        if (request.url === '/bundle.json') {
          response.writeHead(status, { location });
          response.end('ignored'.repeat(100_000));
        } else {
          response.end(document);
        }
      };
      for (const _fetch of [1, 2]) {
        assert.equal((await fromWeb()).sequence, 7n);
      }
      assert.deepEqual(server.requests, [
        'GET /bundle.json',
        'GET /moved?x=1',
        'GET /bundle.json',
        'GET /moved?x=1',
      ]);
    }
  }
});

test('A54: a second redirect is not followed', async () => {
  server.answer = (_request, response) => {
    response.writeHead(302, { location: '/bundle.json' });
    response.end();
  };
  await assertRefused(fromWeb(), 'ERR_BUNDLE_ENDPOINT_REDIRECT');
  assert.equal(server.requests.length, 2);
});

test('A54: any status but 200 and the redirects is refused', async () => {
  for (const status of [201, 203, 204, 206, 300, 304, 305, 306, 400, 401, 404, 429, 500, 503]) {
    server.answer = (_request, response) => {
      response.writeHead(status, { location: '/moved' });
      response.end(status === 204 || status === 304 ? undefined : document);
    };
    await assertRefused(fromWeb(), 'ERR_BUNDLE_ENDPOINT_STATUS');
  }
  assert.ok(server.requests.every((request) => request === 'GET /bundle.json'));
});

test('A54: a redirect to anything but a bundle endpoint URL is refused', async () => {
  for (const location of [
    undefined,
    `http://localhost:${server.port}/bundle.json`,
    `https://user:secret@localhost:${server.port}/x`,
    `https://@localhost:${server.port}/x`,
    `//user@localhost:${server.port}/x`,
    'file:///etc/passwd',
    'data:application/json,{}',
    'https://',
    `/${'x'.repeat(3000)}`,
  ]) {
    server.requests.length = 0;
    server.answer = (_request, response) => {
      response.writeHead(302, location === undefined ? {} : { location });
      response.end();
    };
    await assertRefused(fromWeb(), 'ERR_BUNDLE_ENDPOINT_REDIRECT');
    assert.equal(server.requests.length, 1, location);
  }
});

test('A54: a redirect into the private network is refused before a connection is made', async () => {
  const inside = await start(webServerOptions(web), '127.0.0.2');
  inside.answer = answerWith(document);
  const lookup: LookupFunction = (hostname, _options, callback) => {
    const addresses = hostname === 'inside.example' ? ['93.184.216.34', '127.0.0.2'] : ['127.0.0.1'];
    callback(
      null,
      addresses.map((address) => ({ address, family: 4 })),
    );
  };
  for (const host of [
    '127.0.0.2',
    '0x7f.2',
    '[::ffff:127.0.0.2]',
    '169.254.169.254',
    '10.0.0.1',
    'inside.example',
  ]) {
    server.answer = (_request, response) => {
      response.writeHead(302, { location: `https://${host}:${inside.port}/` });
      response.end();
    };
    await assertRefused(fromWeb({ lookup }), 'ERR_BUNDLE_ENDPOINT_REDIRECT');
  }
  assert.equal(inside.connections, 0);
});

test('A54: a redirect to another port of the address that answered is followed', async () => {
  const neighbour = await start(webServerOptions(web));
  neighbour.answer = answerWith(bundleDocument([ca], { sequence: 9n }));
  server.answer = (_request, response) => {
    response.writeHead(307, { location: neighbour.url });
    response.end();
  };
  assert.equal((await fromWeb()).sequence, 9n);
});

test('A54: with https_spiffe the target of a redirect has to prove the same SPIFFE ID', async () => {
  const same = await start(spiffeServerOptions(ca, ENDPOINT_ID));
  const impostor = await start(spiffeServerOptions(ca, 'spiffe://example.org/impostor'));
  same.answer = answerWith(document);
  impostor.answer = answerWith(document);
  const endpoint = spiffeEndpoint(example, spiffeServer.url, ca.bundle);
  const redirectTo = (target: string): void => {
    spiffeServer.answer = (_request, response) => {
      response.writeHead(302, { location: target });
      response.end();
    };
  };
  redirectTo(same.url);
  assert.equal((await fetchBundle(endpoint)).sequence, 7n);
  for (const target of [impostor.url, server.url]) {
    redirectTo(target);
    await assertRefused(fetchBundle(endpoint), 'ERR_BUNDLE_ENDPOINT_IDENTITY');
  }
  assert.deepEqual(impostor.requests, []);
});

test('A54: with https_web the target of a redirect has to have a certificate for its name', async () => {
  const elsewhere = await start(webServerOptions(web, ['elsewhere.example']));
  server.answer = (_request, response) => {
    response.writeHead(302, { location: elsewhere.url });
    response.end();
  };
  await assertRefused(fromWeb(), 'ERR_BUNDLE_ENDPOINT_IDENTITY');
});

test('a URL that is not https, has user info or is too long is refused without showing credentials', async () => {
  for (const url of [
    '',
    'bundle.json',
    'http://localhost/',
    'ftp://localhost/',
    'https://user:s3cret@localhost/',
    'https://user@localhost/',
    'https://@localhost/',
    `https://localhost/${'x'.repeat(3000)}`,
  ]) {
    await assert.rejects(fetchBundle(webEndpoint(example, url, web)), (error: Error) => {
      assert.equal((error as { code?: string }).code, 'ERR_BUNDLE_ENDPOINT_URL');
      assert.ok(!error.message.includes('s3cret'));
      return true;
    });
  }
});

test('a previous bundle of another trust domain is a mistake', async () => {
  const previous = parseSpiffeBundle(other.trustDomain, bundleDocument([other]));
  await assertRefused(fromWeb({ previous }), 'ERR_BUNDLE_TRUST_DOMAIN');
});

test('a signal ends the fetch, before it began and in the middle', async () => {
  await assertRefused(fromWeb({ signal: AbortSignal.abort() }), 'ERR_ABORTED');
  const controller = new AbortController();
  server.answer = (_request, response) => {
    response.write('{');
    controller.abort();
  };
  await assertRefused(fromWeb({ signal: controller.signal }), 'ERR_ABORTED');
});

test('a connection that ends early, and a server that is not there, are failures', async () => {
  server.answer = (_request, response) => {
    response.writeHead(200, { 'content-length': document.length });
    response.write(document.slice(0, 20), () => response.destroy());
  };
  await assertRefused(fromWeb(), 'ERR_ENDPOINT_UNAVAILABLE');
  server.answer = (request) => {
    request.socket.destroy();
  };
  await assertRefused(fromWeb(), 'ERR_ENDPOINT_UNAVAILABLE');
  const gone = await startEndpoint(webServerOptions(web));
  await gone.close();
  const endpoint: BundleEndpoint = webEndpoint(example, gone.url, web);
  await assertRefused(fetchBundle(endpoint), 'ERR_ENDPOINT_UNAVAILABLE');
});

test('a name that does not resolve is a failure', async () => {
  const failing: LookupFunction = (_hostname, _options, callback) => {
    callback(Object.assign(new Error('not found'), { code: 'ENOTFOUND' }), '');
  };
  const empty: LookupFunction = (_hostname, _options, callback) => {
    callback(null, []);
  };
  for (const lookup of [failing, empty]) {
    await assertRefused(fromWeb({ lookup }), 'ERR_ENDPOINT_UNAVAILABLE');
  }
});

test('host names are looked up by the resolver that is given', async () => {
  const lookup: LookupFunction = (hostname, options, callback) => {
    assert.equal(hostname, 'bundles.example');
    if (options.all === true) {
      callback(null, [{ address: '127.0.0.1', family: 4 }]);
    } else {
      callback(null, '127.0.0.1', 4);
    }
  };
  const url = `https://bundles.example:${server.port}/bundle.json`;
  assert.equal((await fetchBundle(webEndpoint(example, url, web), { lookup })).sequence, 7n);
});

test('a trust domain parsed anew is the same one', async () => {
  const bundle = await fetchBundle(webEndpoint(TrustDomain.parse('example.org'), server.url, web));
  assert.ok(bundle.getX509Bundle(example) !== undefined);
});
