// What jose makes is accepted, what we make jose accepts, and what is changed in any place nobody accepts.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { test } from 'node:test';

import { createRandom, mutateBytes, mutateJson, signJwt } from '@muster/testing';
import { jwtVerify, SignJWT } from 'jose';

import { isSpiffeError } from '../../../src/errors.ts';
import { createWorkloadProof } from '../../../src/unstable/index.ts';
import { AUDIENCE, createWitWorld, NOW, NOW_SECONDS, SUBJECT } from './support.ts';

const ROUNDS = 300;
const hash = (token: string): string => createHash('sha256').update(token).digest('base64url');
const { issuer, workload, svid, issue, prove, verify } = createWitWorld(hash);

test('jose verifies our proof by the key of the WIT-SVID', async () => {
  const proof = createWorkloadProof(svid, { audience: AUDIENCE, now: NOW });
  const { payload } = await jwtVerify(proof, workload.publicKey, {
    typ: 'wpt+jwt',
    audience: AUDIENCE,
    algorithms: ['ES256'],
    currentDate: new Date(NOW),
    requiredClaims: ['exp', 'jti', 'wth'],
  });
  assert.equal(payload['wth'], hash(svid.token));
});

test('we verify a WIT-SVID and a proof that jose signed', async () => {
  const jwk = { ...workload.publicKey.export({ format: 'jwk' }), alg: 'ES256' };
  const wit = await new SignJWT({ cnf: { jwk } })
    .setProtectedHeader({ alg: 'ES256', kid: 'wit-1', typ: 'wit+jwt' })
    .setSubject(SUBJECT)
    .setExpirationTime(NOW_SECONDS + 300)
    .sign(issuer.privateKey);
  const proof = await new SignJWT({ wth: hash(wit) })
    .setProtectedHeader({ alg: 'ES256', typ: 'wpt+jwt' })
    .setAudience(AUDIENCE)
    .setJti('by jose')
    .setExpirationTime(NOW_SECONDS + 60)
    .sign(workload.privateKey);
  assert.equal((await verify({ wit, proof })).id.toString(), SUBJECT);
});

test('a WIT-SVID or proof whose text differs in any place is refused by an error of ours', async () => {
  const random = createRandom(20_261_124);
  const wit = issue();
  const corpus = [wit, prove(wit)].map((token) => Buffer.from(token, 'latin1'));
  const change = (token: string): string =>
    mutateBytes(Buffer.from(token, 'latin1'), random, corpus, 9000).toString('latin1');
  for (let round = 0; round < ROUNDS; round += 1) {
    const good = { wit, proof: prove(wit) };
    const bad = round % 2 === 0 ? { ...good, wit: change(wit) } : { ...good, proof: change(good.proof) };
    if (bad.wit !== good.wit || bad.proof !== good.proof) {
      await assert.rejects(verify(bad), (error) => {
        assert.ok(isSpiffeError(error), `round ${round}: ${String(error)}`);
        return true;
      });
    }
  }
});

test('whatever the right keys sign is accepted or refused by an error of ours', async () => {
  const random = createRandom(7);
  const sign = (token: string, key: KeyObject): string => {
    const [header, claims] = token
      .split('.', 2)
      .map((part): unknown => JSON.parse(Buffer.from(part, 'base64url').toString()));
    const changed = random.oneIn(3)
      ? [mutateJson(header, random), claims]
      : [header, mutateJson(claims, random)];
    const [head = '{}', body = '{}'] = changed.map((part) => JSON.stringify(part) as string | undefined);
    return signJwt(head, body, key);
  };
  let refused = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const wit = random.oneIn(2) ? sign(issue(), issuer.privateKey) : issue();
    const proof = random.oneIn(2) ? sign(prove(wit), workload.privateKey) : prove(wit);
    try {
      await verify({ wit, proof });
    } catch (error) {
      assert.ok(isSpiffeError(error), `round ${round}: ${String(error)}`);
      refused += 1;
    }
  }
  assert.ok(refused > ROUNDS / 4 && refused < ROUNDS, `${refused} of ${ROUNDS}`);
});
