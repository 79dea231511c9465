import assert from 'node:assert/strict';
import { test } from 'node:test';

import { checkFresh } from '../../src/files/identity.ts';
import { createIdentity } from './support.ts';

// Certificates know whole seconds only.
const NOW = Math.floor(Date.now() / 1000) * 1000;

function svid(notBeforeAt: number, expiresAt: number): ReturnType<typeof createIdentity>['svid'] {
  return createIdentity({ notBeforeAt, expiresAt }).svid;
}

test('an SVID is fresh from its notBefore on and up to its expiry, not at it', () => {
  const one = svid(NOW, NOW + 60_000);
  checkFresh(one, undefined, NOW);
  checkFresh(one, undefined, NOW + 59_999);
  assert.throws(() => checkFresh(one, undefined, NOW - 1), { code: 'ERR_SVID_NOT_YET_VALID' });
  assert.throws(() => checkFresh(one, undefined, NOW + 60_000), { code: 'ERR_SVID_EXPIRED' });
});

test('one that begins earlier than the one held is outdated while that one lasts, one of the same second is not', () => {
  const held = svid(NOW - 10_000, NOW + 30_000);
  const same = svid(NOW - 10_000, NOW + 90_000);
  const older = svid(NOW - 11_000, NOW + 90_000);
  checkFresh(same, held, NOW);
  assert.throws(() => checkFresh(older, held, NOW + 29_999), { code: 'ERR_SVID_OUTDATED' });
  checkFresh(older, held, NOW + 30_000);
});
