// Durations often come from the environment, where what is not set becomes NaN, and every comparison with NaN is false.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';

import { createWitWorld, hasCode, NOW_SECONDS } from './support.ts';

const { issue, prove, verify } = createWitWorld((token) =>
  createHash('sha256').update(token).digest('base64url'),
);

test('A9 a clock, leeway or lifetime that is no number lets no WIT-SVID and no proof pass', async () => {
  const expired = issue({ claims: { exp: NOW_SECONDS - 1000, iat: undefined } });
  for (const wrong of [{ now: Number.NaN }, { expiryLeewayMs: Number.NaN }]) {
    await assert.rejects(verify({ wit: expired, proof: prove(expired) }, wrong), hasCode('ERR_JWT_EXPIRED'));
  }
  const early = issue({ claims: { nbf: NOW_SECONDS + 200 } });
  await assert.rejects(
    verify({ wit: early, proof: prove(early) }, { leewayMs: Number.NaN }),
    hasCode('ERR_JWT_NOT_YET_VALID'),
  );
  const wit = issue();
  const long = prove(wit, { claims: { exp: NOW_SECONDS + 1_000_000 } });
  await assert.rejects(
    verify({ wit, proof: long }, { maxProofLifetimeMs: Number.NaN }),
    hasCode('ERR_WIT_PROOF_LIFETIME'),
  );
});
