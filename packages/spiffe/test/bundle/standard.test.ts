import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createTestCa, createTestJwtAuthority } from '@muster/testing';

import { marshalSpiffeBundle, parseSpiffeBundle } from '../../src/index.ts';
import type { SpiffeBundle } from '../../src/index.ts';

const ca = createTestCa();
const jwt = createTestJwtAuthority();
const td = ca.trustDomain;
const document = JSON.parse(
  marshalSpiffeBundle({
    x509Authorities: [ca.certificate],
    jwtAuthorities: [{ keyId: 'key-1', publicKey: jwt.keyPair.publicKey }],
  }),
) as { keys: [Record<string, unknown>, Record<string, unknown>] };
const [x509Key, jwtKey] = document.keys;

function parse(keys: readonly object[], members: object = {}): SpiffeBundle {
  return parseSpiffeBundle(td, JSON.stringify({ ...members, keys }));
}

function count({ x509Bundle, jwtBundle }: SpiffeBundle): [number, number] {
  return [x509Bundle.authorities.length, jwtBundle.authorities.length];
}

test('members that are not described are ignored', () => {
  const more = { 'example.org/extra': [1], spiffe_other: {}, issuer: 'https://example.org' };
  const bundle = parse(
    [
      { ...x509Key, extra: 1 },
      { ...jwtKey, x5t: 'AAAA', extra: null },
    ],
    more,
  );
  assert.deepEqual(count(bundle), [1, 1]);
  assert.deepEqual(bundle.ignored, []);
});

test('an entry of an unknown or missing kty is passed over, of each use', () => {
  for (const kty of ['oct', 'OKP', 'ec', 'AKP', '', null, undefined, 5, ['EC']]) {
    for (const key of [x509Key, jwtKey]) {
      const bundle = parse([{ ...key, kty }, x509Key, jwtKey]);
      assert.deepEqual(count(bundle), [1, 1], String(kty));
      assert.equal(bundle.ignored.length, 1, String(kty));
    }
  }
});

test('use is compared with case, and must be there', () => {
  for (const use of [
    'X509-SVID',
    'x509-svid ',
    'JWT-SVID',
    'jwt_svid',
    'sig',
    'enc',
    '',
    null,
    undefined,
    ['jwt-svid'],
  ]) {
    for (const key of [x509Key, jwtKey]) {
      const bundle = parse([{ ...key, use }]);
      assert.deepEqual(count(bundle), [0, 0], String(use));
      assert.equal(bundle.ignored.length, 1, String(use));
    }
  }
  // What is meant for one kind of SVID is never taken for the other.
  assert.deepEqual(count(parse([{ ...x509Key, use: 'jwt-svid', kid: 'k' }])), [0, 1]);
  assert.deepEqual(count(parse([{ ...jwtKey, use: 'x509-svid' }])), [0, 0]);
});

test('of several certificates in an entry the first counts', () => {
  const other = createTestCa();
  const x5c = [ca.certificate, other.certificate].map((bytes) => Buffer.from(bytes).toString('base64'));
  const bundle = parse([{ ...x509Key, x5c }]);
  assert.deepEqual(bundle.x509Bundle.authorities.map(Buffer.from), [Buffer.from(ca.certificate)]);
});
