import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createTestCa, createTestClock, createTestJwtAuthority, startFakeWorkloadApi } from '@muster/testing';

import { createJwtSource, createX509Source } from '../../src/index.ts';
import { until, x509Message } from './support.ts';

const NOW = Date.UTC(2030, 5, 1);
const ID = 'spiffe://example.org/workload';
const ca = createTestCa('example.org', NOW);

test('a clock that is no number lets no SVID out of a source, and none in', async () => {
  await using api = await startFakeWorkloadApi();
  const steady = createTestClock(NOW);
  let now = NOW;
  const clock = { ...steady, now: () => now };
  const message = x509Message([{ id: ID, svid: ca.issueX509Svid(ID), bundle: ca.certificate }]);
  api.send('FetchX509SVID', message);
  const tokens = createTestJwtAuthority('example.org', NOW);
  const svid = tokens.issue(ID, 'a');
  api.onFetchJwtSvid(() => ({ svids: [{ spiffeId: ID, svid, hint: '' }] }));
  await using source = await createX509Source({ address: api.address, clock });
  await using jwts = createJwtSource({ address: api.address, clock });
  assert.ok(source.getX509Svid());
  now = Number.NaN;
  assert.throws(() => source.getX509Svid(), { code: 'ERR_SVID_EXPIRED' });
  assert.throws(() => source.getX509Identity(), { code: 'ERR_SVID_EXPIRED' });
  api.send('FetchX509SVID', message);
  await until(() => source.lastError !== undefined);
  assert.equal(source.changeCount, 1);
  await assert.rejects(jwts.fetchJwtSvid({ audience: 'a' }), { code: 'ERR_JWT_EXPIRED' });
});
