import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';

import { verifyJwtSvid, verifyX509Svid, WorkloadApiClient } from '@muster/spiffe';
import { jwtBundlesResponse } from '@muster/spiffe/wire';

import { createTestCa, createTestJwtAuthority, signJwt, startFakeWorkloadApi } from '../src/index.ts';

test('what the authorities issue verifies', () => {
  const ca = createTestCa();
  const svid = ca.createIntermediate().issueX509Svid('spiffe://example.org/a');
  assert.equal(verifyX509Svid(svid.certificates, ca.bundle).id.toString(), 'spiffe://example.org/a');
  const jwt = createTestJwtAuthority();
  const token = jwt.issue('spiffe://example.org/a', 'x');
  assert.equal(
    verifyJwtSvid(token, { bundles: jwt.bundle, audience: 'x' }).id.toString(),
    'spiffe://example.org/a',
  );
});

test('signJwt takes text as it is', () => {
  const { keyPair } = createTestJwtAuthority();
  const [header] = signJwt('{"alg":"ES256" }', '{}', keyPair.privateKey).split('.');
  assert.equal(Buffer.from(header!, 'base64url').toString(), '{"alg":"ES256" }');
});

test('the fake Workload API denies until told otherwise, and leaves nothing behind', async () => {
  const api = await startFakeWorkloadApi();
  await using client = new WorkloadApiClient({ address: api.address });
  await assert.rejects(client.fetchJwtBundles(), { code: 'ERR_NO_IDENTITY' });
  await assert.rejects(client.fetchJwtSvids({ audience: ['a'] }), { code: 'ERR_NO_IDENTITY' });
  api.send(
    'FetchJWTBundles',
    jwtBundlesResponse.encode({ bundles: new Map([['spiffe://example.org', Buffer.from('{"keys":[]}')]]) }),
  );
  assert.equal((await client.fetchJwtBundles()).size, 1);
  await api.pause();
  await assert.rejects(client.fetchJwtBundles(), { code: 'ERR_ENDPOINT_UNAVAILABLE' });
  await api.resume();
  assert.equal((await client.fetchJwtBundles()).size, 1);
  assert.deepEqual(api.calls, ['FetchJWTBundles', 'FetchJWTSVID', 'FetchJWTBundles', 'FetchJWTBundles']);
  await api.stop();
  assert.ok(!existsSync(api.socketPath));
});
