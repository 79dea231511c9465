// Rules of the standard that are met by letting something pass, or by a choice that no other test looks at.
import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';

import {
  createWitHeaders,
  marshalWitBundle,
  readWitHeaders,
  WitBundle,
} from '../../../src/unstable/index.ts';
import { AUDIENCE, createWitWorld, hasCode, NOW, NOW_SECONDS, trustDomain } from './support.ts';

const { issue, prove, verify, svid, issuer } = createWitWorld((token) =>
  createHash('sha256').update(token).digest('base64url'),
);

test('every algorithm of the standard signs a WIT-SVID, and none passes as another', async () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const keys = new Map([
    ['ES256', issuer],
    ['ES384', generateKeyPairSync('ec', { namedCurve: 'P-384' })],
    ['ES512', generateKeyPairSync('ec', { namedCurve: 'P-521' })],
    ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'].map((alg) => [alg, rsa] as const),
  ]);
  for (const [alg, { publicKey, privateKey }] of keys) {
    const bundles = WitBundle.fromJwks(trustDomain, marshalWitBundle([{ keyId: 'wit-1', publicKey }]));
    const wit = issue({ header: { alg } }, privateKey);
    await verify({ wit, proof: prove(wit) }, { bundles });
    const [, claims, signature] = wit.split('.');
    for (const other of [...keys.keys()].filter((name) => name !== alg)) {
      const [header] = issue({ header: { alg: other } }, keys.get(other)!.privateKey).split('.');
      const changed = `${header}.${claims}.${signature}`;
      const code = keys.get(other) === keys.get(alg) ? 'ERR_JWT_SIGNATURE' : 'ERR_JWT_KEY_NOT_FOUND';
      await assert.rejects(verify({ wit: changed, proof: prove(changed) }, { bundles }), hasCode(code));
    }
  }
});

test('A4 a kid counts as it is spelled, upper and lower case included', async () => {
  for (const kid of ['WIT-1', 'wit-1 ', 'Wit-1']) {
    const wit = issue({ header: { kid } });
    await assert.rejects(verify({ wit, proof: prove(wit) }), hasCode('ERR_JWT_KEY_NOT_FOUND'));
  }
});

test('a WIT-SVID and a proof count until their exp, or for as long after it as is asked for', async () => {
  const wit = issue({ claims: { exp: NOW_SECONDS + 10 } });
  const end = NOW + 10_000;
  const expired = { now: end };
  const late = prove(wit, { claims: { exp: NOW_SECONDS + 60 } });
  await verify({ wit, proof: prove(wit) }, { now: end - 1 });
  await assert.rejects(verify({ wit, proof: late }, expired), hasCode('ERR_JWT_EXPIRED'));
  await verify({ wit, proof: late }, { ...expired, expiryLeewayMs: 1 });
  const long = issue();
  const short = prove(long, { claims: { exp: NOW_SECONDS + 10 } });
  await assert.rejects(verify({ wit: long, proof: short }, expired), hasCode('ERR_WIT_PROOF_EXPIRED'));
  await verify({ wit: long, proof: short }, { ...expired, expiryLeewayMs: 1 });
});

test('one WIT-SVID goes with many proofs, and another may have its jti', async () => {
  const wit = issue({ claims: { jti: 'one' } });
  const again = issue({ claims: { jti: 'one', exp: NOW_SECONDS + 200 } });
  for (const shown of [wit, wit, again]) {
    assert.equal((await verify({ wit: shown, proof: prove(shown) })).jti, 'one');
  }
});

test('A12 a WIT-SVID is never in the header Authorization, and counts for nothing there', () => {
  const { authorization, 'workload-identity-token': wit } = createWitHeaders(svid, {
    audience: AUDIENCE,
    now: NOW,
  });
  assert.equal(wit, svid.token);
  assert.ok(!authorization.includes(svid.token));
  for (const scheme of ['Bearer', 'WPT', 'WIT']) {
    const headers = new Headers({ authorization: `${scheme} ${wit}` });
    assert.throws(() => readWitHeaders(headers), hasCode('ERR_WIT_MISSING', wit));
  }
});
