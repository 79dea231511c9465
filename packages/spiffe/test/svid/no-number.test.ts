// Durations often come from the environment, where what is not set becomes NaN, and every comparison with NaN is false.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createTestCa, createTestJwtAuthority } from '@muster/testing';

import { verifyJwtSvid, verifyX509Svid } from '../../src/index.ts';

const NOW = Date.UTC(2030, 5, 1);
const ID = 'spiffe://example.org/workload';
const AUDIENCE = 'audience';

test('A29 a clock that is no number lets no X.509-SVID pass', () => {
  const ca = createTestCa('example.org', NOW);
  for (const expiresAt of [NOW + 1000, NOW - 1000]) {
    const { certificates } = ca.issueX509Svid(ID, { expiresAt });
    assert.throws(() => verifyX509Svid(certificates, ca.bundle, { now: Number.NaN }), {
      code: 'ERR_SVID_NOT_YET_VALID',
    });
  }
});

test('A9 a clock or leeway that is no number lets no JWT-SVID pass', () => {
  const authority = createTestJwtAuthority('example.org', NOW);
  const options = { bundles: authority.bundle, audience: AUDIENCE, now: NOW };
  const expired = authority.issue(ID, AUDIENCE, { claims: { exp: NOW / 1000 - 1000, iat: undefined } });
  for (const wrong of [{ now: Number.NaN }, { expiryLeewayMs: Number.NaN }]) {
    assert.throws(() => verifyJwtSvid(expired, { ...options, ...wrong }), { code: 'ERR_JWT_EXPIRED' });
  }
  for (const [name, code] of [
    ['nbf', 'ERR_JWT_NOT_YET_VALID'],
    ['iat', 'ERR_JWT_ISSUED_IN_FUTURE'],
  ] as const) {
    const early = authority.issue(ID, AUDIENCE, { claims: { [name]: NOW / 1000 + 200 } });
    assert.throws(() => verifyJwtSvid(early, { ...options, leewayMs: Number.NaN }), { code });
  }
});
