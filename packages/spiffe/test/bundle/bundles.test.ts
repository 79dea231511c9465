import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';

import { createTestCa, createTestJwtAuthority, generateEcKeyPair } from '@muster/testing';
import * as fc from 'fast-check';

import {
  isSpiffeError,
  JwtBundle,
  JwtBundleSet,
  marshalJwtBundle,
  marshalSpiffeBundle,
  parseSpiffeBundle,
  TrustDomain,
  X509Bundle,
  X509BundleSet,
} from '../../src/index.ts';

const td = TrustDomain.parse('example.org');
const ca = createTestCa();
const otherCa = createTestCa();
const jwt = createTestJwtAuthority();
const contents = {
  x509Authorities: [ca.certificate, otherCa.certificate],
  jwtAuthorities: [{ keyId: 'key-1', publicKey: jwt.keyPair.publicKey }],
  sequence: 18_446_744_073_709_551_615n,
  refreshHintMs: 60_000,
};

test('an X.509 bundle comes from concatenated DER', () => {
  const bundle = X509Bundle.fromDer(td, Buffer.concat([ca.certificate, otherCa.certificate]));
  assert.equal(bundle.authorities.length, 2);
  assert.equal(bundle.toPem().match(/BEGIN CERTIFICATE/g)?.length, 2);
  assert.equal(X509Bundle.fromDer(td, new Uint8Array(0)).authorities.length, 0);
  assert.throws(() => X509Bundle.fromDer(td, Buffer.concat([ca.certificate, Buffer.from('x')])), {
    code: 'ERR_BUNDLE_MALFORMED',
  });
  assert.throws(() => X509Bundle.fromAuthorities(td, [Buffer.from('3000', 'hex')]), {
    code: 'ERR_BUNDLE_MALFORMED',
  });
});

test('bundles compare as sets and answer only for their trust domain', () => {
  const one = X509Bundle.fromAuthorities(td, [ca.certificate, otherCa.certificate]);
  const two = X509Bundle.fromAuthorities(td, [otherCa.certificate, ca.certificate]);
  assert.ok(one.equals(two));
  assert.ok(!one.equals(ca.bundle));
  assert.ok(!one.equals(X509Bundle.fromAuthorities(TrustDomain.parse('other.org'), one.authorities)));
  assert.equal(one.getX509Bundle(td), one);
  assert.equal(one.getX509Bundle(TrustDomain.parse('other.org')), undefined);
  assert.equal(jwt.bundle.getJwtBundle(TrustDomain.parse('other.org')), undefined);
  assert.ok(jwt.bundle.equals(JwtBundle.fromJwks(td, jwt.jwks)));
  assert.ok(!jwt.bundle.equals(createTestJwtAuthority().bundle));
});

test('sets keep trust domains apart', () => {
  const other = createTestCa('other.org');
  const set = new X509BundleSet([ca.bundle, other.bundle]);
  assert.equal(set.size, 2);
  assert.equal(set.getX509Bundle(td)?.trustDomain.name, 'example.org');
  assert.deepEqual(
    [...set].map((bundle) => bundle.trustDomain.name),
    ['example.org', 'other.org'],
  );
  assert.equal(new JwtBundleSet([jwt.bundle]).getJwtBundle(td), jwt.bundle);
  assert.equal(new JwtBundleSet().getJwtBundle(td), undefined);
});

test('a bundle document comes back as it was written', () => {
  const text = marshalSpiffeBundle(contents);
  const bundle = parseSpiffeBundle(td, text);
  assert.equal(bundle.sequence, 18_446_744_073_709_551_615n);
  assert.equal(bundle.refreshHintMs, 60_000);
  assert.deepEqual(bundle.ignored, []);
  assert.ok(bundle.x509Bundle.equals(X509Bundle.fromAuthorities(td, contents.x509Authorities)));
  assert.equal(bundle.getJwtBundle(td)?.findKeys('key-1', 'ES256').length, 1);
  assert.equal(bundle.getX509Bundle(td), bundle.x509Bundle);
  const document = JSON.parse(text) as { keys: { use: string; kid?: string; x5c?: string[]; d?: string }[] };
  assert.deepEqual(
    document.keys.map((key) => [key.use, key.kid, key.x5c?.length]),
    [
      ['x509-svid', undefined, 1],
      ['x509-svid', undefined, 1],
      ['jwt-svid', 'key-1', undefined],
    ],
  );
});

test('a document without sequence and hint has none', () => {
  const bundle = parseSpiffeBundle(td, marshalSpiffeBundle({ x509Authorities: [], jwtAuthorities: [] }));
  assert.equal(bundle.sequence, undefined);
  assert.equal(bundle.refreshHintMs, undefined);
  assert.equal(bundle.x509Bundle.authorities.length, 0);
});

test('private members never get into a document', () => {
  const { privateKey } = generateEcKeyPair();
  const text = marshalJwtBundle([{ keyId: 'k', publicKey: privateKey }]);
  assert.ok(!text.includes('"d"'));
});

test('entries that are not usable are passed over and named', () => {
  const document = JSON.parse(marshalSpiffeBundle(contents)) as { keys: object[] };
  const [x509, , jwtKey] = document.keys as [object, object, object];
  const text = JSON.stringify({
    keys: [
      null,
      { ...x509, x5c: [] },
      { ...x509, x5c: ['AAAA'] },
      { ...x509, x5c: ['*'] },
      { ...x509, x5c: undefined },
      { ...jwtKey, use: undefined },
      { ...jwtKey, use: 'wit-svid' },
      { ...jwtKey, kid: undefined },
      { ...jwtKey, kty: 'unknown' },
      { ...jwtKey, key_ops: ['sign'] },
      { ...jwtKey, alg: 5 },
      {
        ...x509,
        x5c: [Buffer.from(ca.certificate).toString('base64'), 'AAAA'],
        kid: 'not allowed but harmless',
      },
      jwtKey,
    ],
  });
  const bundle = parseSpiffeBundle(td, text);
  assert.equal(bundle.ignored.length, 11);
  assert.equal(bundle.x509Bundle.authorities.length, 1);
  assert.equal(bundle.jwtBundle.authorities.length, 1);
});

test('the Workload API form of a JWT bundle needs no use', () => {
  const key = { kid: 'k', ...jwt.keyPair.publicKey.export({ format: 'jwk' }) };
  const text = JSON.stringify({ keys: [key] });
  assert.equal(JwtBundle.fromJwks(td, text).authorities.length, 1);
  assert.equal(JwtBundle.fromJwks(td, Buffer.from(text)).authorities.length, 1);
  assert.equal(JwtBundle.fromJwks(td, text, { isUseRequired: true }).authorities.length, 0);
});

test('A46 RSA keys that are slow to use do not get into a bundle', () => {
  const jwk = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' });
  const slow = [
    { e: jwk.n },
    { e: 'AQ' },
    { e: 'Ag' },
    { e: '' },
    { n: 'A'.repeat(3000) },
    { n: `${jwk.n}=` },
  ];
  for (const change of slow) {
    const bundle = JwtBundle.fromJwks(td, JSON.stringify({ keys: [{ kid: 'k', ...jwk, ...change }] }));
    assert.equal(bundle.authorities.length, 0, JSON.stringify(change));
  }
  assert.equal(
    JwtBundle.fromJwks(td, JSON.stringify({ keys: [{ kid: 'k', ...jwk }] })).authorities.length,
    1,
  );
});

const malformed: [string, string | Uint8Array][] = [
  ['empty', ''],
  ['not JSON', 'keys'],
  ['a list', '[]'],
  ['no keys', '{}'],
  ['keys is no list', '{"keys":{}}'],
  ['A8 keys twice', '{"keys":[],"keys":[]}'],
  ['A54 too many keys', JSON.stringify({ keys: Array.from({ length: 1001 }, () => ({})) })],
  ['not UTF-8', Buffer.from([0xff])],
  ['sequence negative', '{"keys":[],"spiffe_sequence":-1}'],
  ['sequence as text', '{"keys":[],"spiffe_sequence":"1"}'],
  ['sequence of 65 bits', '{"keys":[],"spiffe_sequence":18446744073709551616}'],
  ['sequence with a fraction', '{"keys":[],"spiffe_sequence":1.5}'],
  ['sequence null but one inside a key', '{"spiffe_sequence":null,"keys":[{"spiffe_sequence":3}]}'],
  ['hint as text', '{"keys":[],"spiffe_refresh_hint":"5m"}'],
  ['hint negative', '{"keys":[],"spiffe_refresh_hint":-1}'],
];
for (const [name, text] of malformed) {
  test(`refuses a document: ${name}`, () => {
    assert.throws(() => parseSpiffeBundle(td, text), { code: 'ERR_BUNDLE_MALFORMED' });
  });
}

test('the sequence is the one of the document itself', () => {
  const text = '{"spiffe_sequence":7,"keys":[{"spiffe_sequence":3,"":{"spiffe_sequence":4}}]}';
  assert.equal(parseSpiffeBundle(td, text).sequence, 7n);
});

test('whatever the document: read, or refused with the own error', () => {
  const text = marshalSpiffeBundle(contents);
  const changed = fc
    .tuple(fc.nat(text.length - 1), fc.string({ unit: 'binary', maxLength: 3 }))
    .map(([position, replacement]) => text.slice(0, position) + replacement + text.slice(position + 1));
  fc.assert(
    fc.property(fc.oneof(changed, fc.json(), fc.string()), (candidate) => {
      try {
        parseSpiffeBundle(td, candidate);
      } catch (error) {
        assert.ok(isSpiffeError(error), String(error));
      }
    }),
    { numRuns: 1000 },
  );
});
