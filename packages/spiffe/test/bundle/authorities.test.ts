import assert from 'node:assert/strict';
import { createSecretKey, generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';

import { createTestCa, createTestJwtAuthority, generateEcKeyPair } from '@muster/testing';
import * as fc from 'fast-check';

import { JwtBundle, SpiffeBundle, TrustDomain, X509Bundle } from '../../src/index.ts';
import type { JwtAuthority } from '../../src/index.ts';

const td = TrustDomain.parse('example.org');
const cas = Array.from({ length: 4 }, () => createTestCa().certificate);
const [one, two] = cas as [Uint8Array, Uint8Array];
const keys: JwtAuthority[] = [
  { keyId: 'a', publicKey: generateEcKeyPair().publicKey },
  { keyId: 'b', publicKey: generateEcKeyPair().publicKey, algorithm: 'ES256' },
  { keyId: 'c', publicKey: generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey },
  { keyId: 'd', publicKey: generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey },
];
const someCas = fc.subarray(cas);
const someKeys = fc.subarray(keys);
/** Any order of the same things. */
const shuffled = <T>(items: readonly T[]): fc.Arbitrary<T[]> =>
  fc.shuffledSubarray([...items], { minLength: items.length, maxLength: items.length });

test('an X.509 bundle comes back from DER and PEM as it was, whatever the order', () => {
  fc.assert(
    fc.property(
      someCas.chain((list) => fc.tuple(fc.constant(list), shuffled(list))),
      ([list, reordered]) => {
        const bundle = X509Bundle.fromAuthorities(td, list);
        assert.ok(X509Bundle.fromDer(td, bundle.toDer()).equals(bundle));
        assert.ok(X509Bundle.fromAuthorities(td, reordered).equals(bundle));
        assert.equal(bundle.isEmpty, list.length === 0);
        if (!bundle.isEmpty) {
          assert.ok(X509Bundle.fromPem(td, bundle.toPem()).equals(bundle));
        }
      },
    ),
    { numRuns: 30 },
  );
});

test('copies of an X.509 bundle have one more or one less authority, and the bundle stays', () => {
  const bundle = X509Bundle.fromAuthorities(td, [one]);
  const more = bundle.withAuthority(two);
  assert.deepEqual([bundle.authorities.length, more.authorities.length], [1, 2]);
  assert.ok(more.hasAuthority(Uint8Array.from(two)));
  assert.ok(!bundle.hasAuthority(two));
  assert.equal(more.withAuthority(two), more);
  assert.ok(more.withoutAuthority(two).equals(bundle));
  assert.ok(!more.equals(bundle));
  assert.ok(bundle.withoutAuthority(one).isEmpty);
  assert.ok(bundle.withoutAuthority(two).equals(bundle));
  assert.throws(() => bundle.withAuthority(Buffer.from('3000', 'hex')), { code: 'ERR_BUNDLE_MALFORMED' });
  assert.throws(() => (bundle.authorities as Uint8Array[]).push(two), TypeError);
});

test('PEM must be certificates, whole and nothing else', () => {
  const pem = X509Bundle.fromAuthorities(td, [one]).toPem();
  const key = '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n';
  for (const text of ['', 'text', pem.slice(0, -30), pem + key, pem.replace('MII', 'XII')]) {
    assert.throws(() => X509Bundle.fromPem(td, text), { code: 'ERR_BUNDLE_MALFORMED' });
  }
  assert.equal(X509Bundle.fromPem(td, `a comment\r\n${pem}`).authorities.length, 1);
});

test('an authority that cannot be read is refused, or passed over and listed', () => {
  const broken = Buffer.from('30020500', 'hex');
  const der = Buffer.concat([one, broken, two]);
  assert.throws(() => X509Bundle.fromDer(td, der), { code: 'ERR_BUNDLE_MALFORMED' });
  const bundle = X509Bundle.fromDer(td, der, { malformed: 'skip' });
  assert.ok(bundle.equals(X509Bundle.fromAuthorities(td, [one, two])));
  assert.equal(bundle.ignored.length, 1);
  assert.match(bundle.ignored[0]!, /^authority 1: /);
  assert.deepEqual(bundle.withoutAuthority(one).ignored, bundle.ignored);
  // Where the pieces cannot be told apart there is nothing to pass over.
  const cut = Buffer.concat([one, two.subarray(0, 100)]);
  assert.throws(() => X509Bundle.fromDer(td, cut, { malformed: 'skip' }), { code: 'ERR_BUNDLE_MALFORMED' });
  // Nothing readable is not the same as nothing.
  assert.throws(() => X509Bundle.fromDer(td, broken, { malformed: 'skip' }), {
    code: 'ERR_BUNDLE_MALFORMED',
  });
  assert.ok(X509Bundle.fromDer(td, Buffer.alloc(0), { malformed: 'skip' }).isEmpty);
});

test('a JWT bundle comes back from its document as it was, whatever the order', () => {
  fc.assert(
    fc.property(
      someKeys.chain((list) => fc.tuple(fc.constant(list), shuffled(list))),
      ([list, reordered]) => {
        const bundle = JwtBundle.fromAuthorities(td, list);
        const again = JwtBundle.fromJwks(td, bundle.toJwks(), { isUseRequired: true });
        assert.deepEqual(again.ignored, []);
        assert.ok(again.equals(bundle));
        assert.ok(JwtBundle.fromAuthorities(td, reordered).equals(bundle));
        assert.equal(bundle.isEmpty, list.length === 0);
        for (const { keyId, algorithm } of list) {
          assert.equal(again.findAuthority(keyId)?.algorithm, algorithm);
        }
      },
    ),
    { numRuns: 30 },
  );
});

test('copies of a JWT bundle have one more or one less key, and the bundle stays', () => {
  const [a, b] = keys as [JwtAuthority, JwtAuthority];
  const bundle = JwtBundle.fromAuthorities(td, [a]);
  const more = bundle.withAuthority(b);
  assert.ok(more.hasAuthority('a') && more.hasAuthority('b') && !bundle.hasAuthority('b'));
  assert.equal(more.findKeys('b', 'ES256').length, 1);
  assert.ok(more.withoutAuthority('b').equals(bundle));
  assert.ok(bundle.withoutAuthority('x').equals(bundle));
  // The same ID again takes the place of the key.
  const replaced = more.withAuthority({ keyId: 'a', publicKey: b.publicKey });
  assert.equal(replaced.authorities.length, 2);
  assert.ok(replaced.findAuthority('a')?.publicKey.equals(b.publicKey));
  assert.ok(!replaced.equals(more));
  // What a key is for is part of it.
  assert.ok(!more.equals(more.withAuthority({ keyId: 'b', publicKey: b.publicKey })));
});

test('keys that no document may hold do not get into a JWT bundle', () => {
  const bundle = JwtBundle.fromAuthorities(td, []);
  const refused: JwtAuthority[] = [
    { keyId: '', publicKey: generateEcKeyPair().publicKey },
    { keyId: 'k', publicKey: generateKeyPairSync('ed25519').publicKey },
    { keyId: 'k', publicKey: generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey },
    { keyId: 'k', publicKey: createSecretKey(Buffer.alloc(32)) },
  ];
  for (const authority of refused) {
    assert.throws(() => bundle.withAuthority(authority), { code: 'ERR_BUNDLE_MALFORMED' });
    assert.throws(() => JwtBundle.fromAuthorities(td, [authority]), { code: 'ERR_BUNDLE_MALFORMED' });
  }
  const { privateKey } = generateEcKeyPair();
  const made = bundle.withAuthority({ keyId: 'k', publicKey: privateKey });
  assert.equal(made.findAuthority('k')?.publicKey.type, 'public');
});

const parts = fc.record({
  x509: someCas,
  jwt: someKeys,
  sequence: fc.option(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { nil: undefined }),
  refreshHintMs: fc.option(
    fc.integer({ min: 0, max: 1_000_000 }).map((seconds) => seconds * 1000),
    { nil: undefined },
  ),
});

test('a SPIFFE bundle comes back from its document as it was', () => {
  fc.assert(
    fc.property(parts, ({ x509, jwt, sequence, refreshHintMs }) => {
      const bundle = new SpiffeBundle(td, {
        x509Bundle: X509Bundle.fromAuthorities(td, x509),
        jwtBundle: JwtBundle.fromAuthorities(td, jwt),
        sequence,
        refreshHintMs,
      });
      const again = SpiffeBundle.parse(td, bundle.toDocument());
      assert.ok(again.equals(bundle));
      assert.deepEqual(
        [again.sequence, again.refreshHintMs, again.ignored, again.isEmpty],
        [sequence, refreshHintMs, [], x509.length + jwt.length === 0],
      );
    }),
    { numRuns: 50 },
  );
});

test('copies of a SPIFFE bundle differ in what was changed', () => {
  const jwt = createTestJwtAuthority().bundle;
  const bundle = new SpiffeBundle(td, { jwtBundle: jwt, sequence: 1n, refreshHintMs: 1000 });
  assert.ok(bundle.x509Bundle.isEmpty);
  const next = bundle.with({ sequence: 2n });
  assert.deepEqual([next.sequence, next.refreshHintMs, bundle.sequence], [2n, 1000, 1n]);
  assert.ok(!next.equals(bundle) && next.with({ sequence: 1n }).equals(bundle));
  assert.equal(bundle.with({ sequence: undefined }).sequence, undefined);
  assert.ok(!bundle.with({ refreshHintMs: 2000 }).equals(bundle));
  assert.ok(!bundle.with({ jwtBundle: undefined }).equals(bundle));
  const withX509 = bundle.with({ x509Bundle: X509Bundle.fromAuthorities(td, [one]) });
  assert.equal(withX509.x509Authorities.length, 1);
  assert.equal(withX509.jwtAuthorities.length, 1);
  assert.ok(!withX509.equals(bundle));
});

test('a SPIFFE bundle holds nothing that is not its own or that no document can say', () => {
  const other = createTestCa('other.org').bundle;
  assert.throws(() => new SpiffeBundle(td, { x509Bundle: other }), { code: 'ERR_BUNDLE_TRUST_DOMAIN' });
  const foreign = createTestJwtAuthority('other.org').bundle;
  assert.throws(() => new SpiffeBundle(td, { jwtBundle: foreign }), { code: 'ERR_BUNDLE_TRUST_DOMAIN' });
  for (const wrong of [
    { sequence: -1n },
    { sequence: 2n ** 64n },
    { refreshHintMs: -1 },
    { refreshHintMs: Number.NaN },
    { refreshHintMs: Number.POSITIVE_INFINITY },
  ]) {
    assert.throws(() => new SpiffeBundle(td, wrong), { code: 'ERR_BUNDLE_MALFORMED' });
  }
});
