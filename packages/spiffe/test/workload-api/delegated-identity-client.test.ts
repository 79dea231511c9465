import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { createTestCa, createTestJwtAuthority } from '@muster/testing';

import { DelegatedIdentityClient } from '../../src/index.ts';
import type { DelegatedX509Svids, JwtBundleSet, X509BundleSet } from '../../src/index.ts';
import {
  createGrpcServer,
  DELEGATED_IDENTITY_SERVICE,
  fetchJwtSvidsRequest,
  fetchJwtSvidsResponse,
  GRPC_STATUS,
  GrpcStatusError,
  subscribeToJwtBundlesResponse,
  subscribeToX509BundlesResponse,
  subscribeToX509SvidsRequest,
  subscribeToX509SvidsResponse,
} from '../../src/wire/index.ts';
import type { FetchJwtSvidsRequest, FetchJwtSvidsResponse, GrpcServer } from '../../src/wire/index.ts';
import { FAST_RETRY, until } from './support.ts';

const ID = 'spiffe://example.org/component';
const SELECTORS = [{ type: 'wasm', value: 'app:shop' }];
const ca = createTestCa();
const jwt = createTestJwtAuthority();
const svid = ca.createIntermediate().issueX509Svid(ID);

let folder: string;
let server: GrpcServer;
let client: DelegatedIdentityClient;
let answer: (request: FetchJwtSvidsRequest) => FetchJwtSvidsResponse;
let svidId = { trustDomain: 'example.org', path: '/component' };

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'spiffe-delegated-'));
  const path = join(folder, 'api.sock');
  server = createGrpcServer({
    services: {
      [DELEGATED_IDENTITY_SERVICE]: {
        methods: {
          FetchJWTSVIDs: {
            kind: 'unary',
            handle: (request) => fetchJwtSvidsResponse.encode(answer(fetchJwtSvidsRequest.decode(request))),
          },
          SubscribeToX509SVIDs: {
            kind: 'serverStream',
            async *handle(request) {
              const { pid } = subscribeToX509SvidsRequest.decode(request);
              const x509Svid = { certChain: svid.certificates, id: svidId, expiresAt: 1, hint: 'h' };
              const x509Svids = pid === 1 ? [] : [{ x509Svid, x509SvidKey: svid.keyDer }];
              yield subscribeToX509SvidsResponse.encode({ x509Svids, federatesWith: ['other.org'] });
            },
          },
          SubscribeToX509Bundles: {
            kind: 'serverStream',
            async *handle() {
              yield subscribeToX509BundlesResponse.encode({
                caCertificates: new Map([['spiffe://example.org', ca.certificate]]),
              });
            },
          },
          SubscribeToJWTBundles: {
            kind: 'serverStream',
            async *handle() {
              yield subscribeToJwtBundlesResponse.encode({
                bundles: new Map([['spiffe://example.org', Buffer.from(jwt.jwks)]]),
              });
            },
          },
        },
      },
    },
  });
  await server.listen(path);
  client = new DelegatedIdentityClient({ address: `unix://${path}`, retry: FAST_RETRY });
});

after(async () => {
  await client.close();
  await server.close();
  rmSync(folder, { recursive: true });
});

function oneSvid(token: string, path = '/component'): FetchJwtSvidsResponse {
  return {
    svids: [{ token, id: { trustDomain: 'example.org', path }, expiresAt: 1, issuedAt: 1, hint: '' }],
  };
}

test('fetchJwtSvids sends selectors and audience and reads the token', async () => {
  answer = (request) => {
    assert.deepEqual(request, { audience: ['a'], selectors: SELECTORS, pid: 0 });
    return oneSvid(jwt.issue(ID, 'a'));
  };
  const [fetched] = await client.fetchJwtSvids({ selectors: SELECTORS, audience: ['a'] });
  assert.equal(fetched?.id.toString(), ID);
  answer = (request) => {
    assert.equal(request.pid, 42);
    return oneSvid(jwt.issue(ID, 'a'));
  };
  await client.fetchJwtSvids({ pid: 42, audience: ['a'] });
});

test('fetchJwtSvids refuses what is not as it was asked for', async () => {
  answer = () => oneSvid(jwt.issue(ID, 'other'));
  await assert.rejects(client.fetchJwtSvids({ selectors: SELECTORS, audience: ['a'] }), {
    code: 'ERR_ENDPOINT_RESPONSE',
  });
  answer = () => oneSvid(jwt.issue(ID, 'a'), '/else');
  await assert.rejects(client.fetchJwtSvids({ selectors: SELECTORS, audience: ['a'] }), {
    code: 'ERR_SVID_ID_MISMATCH',
  });
  answer = () => ({
    svids: [{ token: jwt.issue(ID, 'a'), id: undefined, expiresAt: 1, issuedAt: 1, hint: '' }],
  });
  await assert.rejects(client.fetchJwtSvids({ selectors: SELECTORS, audience: ['a'] }), {
    code: 'ERR_ENDPOINT_RESPONSE',
  });
  answer = () => {
    throw new GrpcStatusError(GRPC_STATUS.PERMISSION_DENIED, 'no identity issued');
  };
  await assert.rejects(client.fetchJwtSvids({ selectors: SELECTORS, audience: ['a'] }), {
    code: 'ERR_NO_IDENTITY',
  });
  await assert.rejects(client.fetchJwtSvids({ selectors: [], audience: ['a'] }), {
    code: 'ERR_REQUEST_REFUSED',
  });
  await assert.rejects(client.fetchJwtSvids({ selectors: SELECTORS, audience: [] }), {
    code: 'ERR_REQUEST_REFUSED',
  });
});

test('watchX509Svids delivers the SVIDs, and none where none match', async () => {
  const seen: DelegatedX509Svids[] = [];
  const errors: Error[] = [];
  const handlers = {
    onUpdate: (update: DelegatedX509Svids) => {
      seen.push(update);
    },
    onError: (error: Error) => {
      errors.push(error);
    },
  };
  await using first = client.watchX509Svids({ selectors: SELECTORS }, handlers);
  await until(() => seen.length > 0);
  await first.close();
  assert.equal(seen[0]?.svids[0]?.id.toString(), ID);
  assert.equal(seen[0].svids[0].certificates.length, 2);
  assert.deepEqual(seen[0].federatesWith, ['other.org']);
  seen.length = 0;
  await using second = client.watchX509Svids({ pid: 1 }, handlers);
  await until(() => seen.length > 0);
  await second.close();
  assert.deepEqual(seen[0]?.svids, []);
  errors.length = 0;
  svidId = { trustDomain: 'example.org', path: '/else' };
  await using third = client.watchX509Svids({ selectors: SELECTORS }, handlers);
  await until(() => errors.length > 0);
  await third.close();
  assert.equal((errors[0] as { code?: string } | undefined)?.code, 'ERR_SVID_ID_MISMATCH');
});

test('the bundle streams deliver sets', async () => {
  let x509: X509BundleSet | undefined;
  let tokens: JwtBundleSet | undefined;
  await using first = client.watchX509Bundles({
    onUpdate: (update) => {
      x509 = update;
    },
  });
  await using second = client.watchJwtBundles({
    onUpdate: (update) => {
      tokens = update;
    },
  });
  await until(() => x509 !== undefined && tokens !== undefined);
  await first.close();
  await second.close();
  assert.ok(x509?.getX509Bundle(ca.trustDomain)?.equals(ca.bundle));
  assert.ok(tokens?.getJwtBundle(ca.trustDomain)?.equals(jwt.bundle));
});
