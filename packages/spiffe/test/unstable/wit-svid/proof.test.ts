import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { inspect } from 'node:util';

import { generateEcKeyPair } from '@muster/testing';

import {
  createReplayCache,
  createWitHeaders,
  createWorkloadProof,
  marshalWitBundle,
  parseUnverifiedWitSvid,
  readWitHeaders,
  WitBundle,
} from '../../../src/unstable/index.ts';
import { AUDIENCE, createWitWorld, hasCode, NOW, NOW_SECONDS, trustDomain } from './support.ts';

const hash = (token: string): string => createHash('sha256').update(token).digest('base64url');
const { svid, verify, issue, prove, workload, issuer } = createWitWorld(hash);

function decode(token: string): { header: Record<string, unknown>; claims: Record<string, unknown> } {
  const [header, claims] = token
    .split('.')
    .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>);
  return { header: header ?? {}, claims: claims ?? {} };
}

test('a proof holds what draft-ietf-wimse-wpt-02 section 2 asks for, and nothing else', () => {
  const proof = createWorkloadProof(svid, { audience: `${AUDIENCE}?secret=1#part`, now: NOW });
  const parts = proof.split('.').slice(0, 2);
  assert.deepEqual(JSON.parse(Buffer.from(parts[0] ?? '', 'base64url').toString()), {
    alg: 'ES256',
    typ: 'wpt+jwt',
  });
  const claims = JSON.parse(Buffer.from(parts[1] ?? '', 'base64url').toString()) as { jti: string };
  assert.match(claims.jti, /^[\w-]{22}$/);
  assert.deepEqual(claims, {
    aud: AUDIENCE,
    exp: NOW_SECONDS + 60,
    jti: claims.jti,
    wth: hash(svid.token),
  });
});

test('what is made is accepted, with the tokens it is bound to', async () => {
  const tokens = { txnToken: 'txn', otherTokens: { 'X-User': 'user' } };
  const headers = createWitHeaders(svid, { audience: AUDIENCE, now: NOW, ...tokens });
  const presentation = readWitHeaders(new Headers(headers));
  assert.equal((await verify(presentation, tokens)).id.toString(), svid.id.toString());
  const { oth, tth } = decode(presentation.proof.split('.').slice(0, 2).join('.')).claims;
  assert.deepEqual([oth, tth], [{ 'x-user': hash('user') }, hash('txn')]);
  await assert.rejects(verify(presentation, tokens), hasCode('ERR_WIT_PROOF_REPLAYED'));
});

test('a proof does not outlive its WIT-SVID, and none is made after that', () => {
  const { claims } = decode(
    createWorkloadProof(svid, { audience: AUDIENCE, now: NOW, lifetimeMs: 3_600_000 })
      .split('.')
      .slice(0, 2)
      .join('.'),
  );
  assert.equal(claims['exp'], NOW_SECONDS + 300);
  assert.throws(
    () => createWorkloadProof(svid, { audience: AUDIENCE, now: NOW + 300_000 }),
    hasCode('ERR_JWT_EXPIRED'),
  );
});

test('every kind of key makes a proof that is accepted', async () => {
  const keys = [
    ['RS256', generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['PS384', generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['ES384', generateKeyPairSync('ec', { namedCurve: 'P-384' })],
    ['ES512', generateKeyPairSync('ec', { namedCurve: 'P-521' })],
  ] as const;
  for (const [alg, { publicKey, privateKey }] of keys) {
    const wit = issue({ claims: { cnf: { jwk: { ...publicKey.export({ format: 'jwk' }), alg } } } });
    const own = parseUnverifiedWitSvid(wit, privateKey);
    await verify({ wit, proof: createWorkloadProof(own, { audience: AUDIENCE, now: NOW }) });
  }
});

test('the key of an SVID must be its own, and neither key nor token show', () => {
  assert.throws(
    () => parseUnverifiedWitSvid(svid.token, generateEcKeyPair().privateKey),
    hasCode('ERR_SVID_KEY_MISMATCH'),
  );
  assert.throws(
    () => parseUnverifiedWitSvid(svid.token, workload.publicKey),
    hasCode('ERR_SVID_KEY_MISMATCH'),
  );
  const hinted = parseUnverifiedWitSvid(svid.token, workload.privateKey, { hint: 'internal' });
  assert.equal(hinted.hint, 'internal');
  for (const text of [JSON.stringify(hinted), inspect(hinted), inspect({ ...hinted })]) {
    assert.doesNotMatch(text, new RegExp(svid.token.slice(0, 20)));
    assert.doesNotMatch(text, /PrivateKeyObject/);
  }
});

test('A12 headers are taken only when each is there once', () => {
  const wit = ['Workload-Identity-Token', 'a.b.c'];
  const proof = ['authorization', 'WPT d.e.f'];
  assert.deepEqual(readWitHeaders([...wit, ...proof]), { wit: 'a.b.c', proof: 'd.e.f' });
  assert.deepEqual(readWitHeaders([...wit, 'Authorization', 'wpt  d.e.f']).proof, 'd.e.f');
  assert.throws(() => readWitHeaders(proof), hasCode('ERR_WIT_MISSING'));
  assert.throws(() => readWitHeaders([...wit, ...wit, ...proof]), hasCode('ERR_WIT_MISSING'));
  for (const headers of [
    wit,
    [...wit, ...proof, ...proof],
    [...wit, ...proof, 'Authorization', 'Bearer x'],
    [...wit, 'Authorization', 'Bearer a.b.c'],
    [...wit, 'Authorization', 'WPT'],
    [...wit, 'Authorization', 'WPT d.e.f, WPT g.h.i'],
    [...wit, 'Workload-Proof-Token', 'd.e.f'],
  ]) {
    assert.throws(() => readWitHeaders(headers), hasCode('ERR_WIT_PROOF_MISSING'));
  }
  const joined = new Headers([['authorization', 'WPT d.e.f']]);
  joined.append('authorization', 'WPT d.e.f');
  joined.append('workload-identity-token', 'a.b.c');
  assert.throws(() => readWitHeaders(joined), hasCode('ERR_WIT_PROOF_MISSING'));
});

test('A10 an audience of which nothing is left is that of nobody', async () => {
  for (const named of ['', '?a', '#a', '?']) {
    for (const audience of ['', '?', [AUDIENCE, '']]) {
      const wit = issue();
      await assert.rejects(
        verify({ wit, proof: prove(wit, { claims: { aud: named } }) }, { audience }),
        hasCode('ERR_WIT_PROOF_AUDIENCE'),
      );
    }
  }
});

test('the replay cache remembers until the end, per sender, and refuses rather than forget', () => {
  const cache = createReplayCache({ maxEntries: 4, maxEntriesPerSender: 2 });
  const remember = (sender: string, jti: string, now = 0, expiresAt = 1500): boolean | Promise<boolean> =>
    cache.remember({ sender, jti, expiresAt, now });
  assert.equal(remember('a', '1'), true);
  assert.equal(remember('a', '1'), false);
  assert.equal(remember('b', '1'), true, 'a jti is unique within its sender only');
  assert.equal(remember('a', '2'), true);
  assert.throws(() => remember('a', '3'), hasCode('ERR_WIT_REPLAY_CACHE_FULL'));
  assert.equal(remember('a', '2'), false, 'a full cache still knows what it has');
  assert.equal(remember('b', '2'), true);
  assert.throws(() => remember('c', '1'), hasCode('ERR_WIT_REPLAY_CACHE_FULL'));
  assert.equal(remember('a', '1', 1499), false);
  assert.equal(remember('a', '1', 2000, 2500), true, 'what has expired is forgotten and makes room');
  assert.equal(remember('c', '1', 2000, 2500), true);
});

test('a clock that goes forth and back lets no proof pass twice, and new ones soon again', () => {
  const cache = createReplayCache();
  const remember = (jti: string, expiresAt: number, now: number): boolean | Promise<boolean> =>
    cache.remember({ sender: 'a', jti, expiresAt, now });
  assert.equal(remember('1', 60_000, 0), true);
  // Makes it forget what has expired by then.
  assert.equal(remember('2', 3_660_000, 3_600_000), true);
  assert.throws(() => remember('1', 60_000, 0), hasCode('ERR_WIT_REPLAY_CACHE_FULL'));
  assert.equal(remember('3', 61_000, 1000), true, 'not forgotten is what expires later');
  assert.equal(remember('3', 61_000, 1000), false);
});

test('a bundle takes keys of the use wit-svid whose kid is unique in the whole document', () => {
  const jwk = issuer.publicKey.export({ format: 'jwk' });
  const entry = (use: string | undefined, kid: unknown, more: object = {}): object => ({
    ...jwk,
    ...(use === undefined ? {} : { use }),
    ...(kid === undefined ? {} : { kid }),
    ...more,
  });
  const read = (...keys: object[]): WitBundle => WitBundle.fromJwks(trustDomain, JSON.stringify({ keys }));
  const found = (bundle: WitBundle): string[] => bundle.authorities.map(({ keyId }) => keyId);
  assert.deepEqual(
    found(read(entry('wit-svid', 'a'), entry('jwt-svid', 'b'), entry('x509-svid', undefined))),
    ['a'],
  );
  assert.deepEqual(found(read(entry(undefined, 'a'))), []);
  const shared = read(entry('wit-svid', 'a'), entry('jwt-svid', 'a'), entry('wit-svid', 'b'));
  assert.deepEqual(found(shared), ['b']);
  assert.deepEqual(shared.ignored, ['key 0: another entry has the same kid']);
  assert.deepEqual(found(read(entry('wit-svid', 'a'), entry('wit-svid', 'a'))), []);
  const bad = read(
    entry('wit-svid', undefined),
    entry('wit-svid', ''),
    entry('wit-svid', 'c', { alg: 7 }),
    entry('wit-svid', 'd', { kty: 'OKP' }),
    entry('wit-svid', 'f', { key_ops: ['encrypt'] }),
    entry('wit-svid', 'g', { key_ops: 'verify' }),
  );
  assert.deepEqual(found(bad), []);
  assert.equal(bad.ignored.length, 6);
  assert.deepEqual(found(read(entry('wit-svid', 'h', { key_ops: ['verify'] }))), ['h']);
  const own = read(entry('wit-svid', 'e', { alg: 'ES384' }));
  assert.equal(own.findKey('e', { name: 'ES256', keyType: 'ec', curve: 'prime256v1' }), undefined);
  assert.throws(() => WitBundle.fromJwks(trustDomain, '[]'), hasCode('ERR_BUNDLE_MALFORMED'));
  const again = WitBundle.fromJwks(trustDomain, marshalWitBundle(shared.authorities));
  assert.deepEqual(found(again), ['b']);
});
