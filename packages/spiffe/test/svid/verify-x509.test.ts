import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { test } from 'node:test';

import {
  createTestCa,
  distinguishedName,
  extension,
  generateEcKeyPair,
  KEY_USAGE,
  nameConstraintsExtension,
} from '@muster/testing';
import type { CaOverrides, LeafOverrides } from '@muster/testing';
import * as fc from 'fast-check';

import { isSpiffeError, TrustDomain, verifyX509Svid, X509Bundle, X509BundleSet } from '../../src/index.ts';
import type { X509BundleSource } from '../../src/index.ts';
import { der, OID } from '../../src/wire/index.ts';

const NOW = Date.UTC(2030, 5, 1);
const HOUR_MS = 3_600_000;
const ID = 'spiffe://example.org/workload';
const ca = createTestCa('example.org', NOW);
const td = ca.trustDomain;

function verifyLeaf(overrides: LeafOverrides, id: string = ID): unknown {
  return verifyX509Svid(ca.issueX509Svid(id, overrides).certificates, ca.bundle, { now: NOW });
}

test('a good SVID gives its ID and its expiry', () => {
  const { id, expiresAt } = verifyX509Svid(ca.issueX509Svid(ID).certificates, ca.bundle, { now: NOW });
  assert.equal(id.toString(), ID);
  assert.equal(expiresAt, NOW + HOUR_MS);
});

test('node:crypto reads our certificates the same way', () => {
  const [leaf] = ca.issueX509Svid(ID, { dnsNames: ['localhost'] }).certificates;
  const parsed = new X509Certificate(leaf!);
  assert.equal(parsed.subjectAltName, `DNS:localhost, URI:${ID}`);
  assert.ok(parsed.verify(ca.keyPair.publicKey));
  assert.equal(parsed.ca, false);
});

const goodLeaves: [string, LeafOverrides][] = [
  ['with DNS names beside the ID', { dnsNames: ['a.example', 'b.example'] }],
  [
    'with a subject and a SAN that is not critical',
    { subject: distinguishedName({ commonName: 'x' }), isSanCritical: false },
  ],
  ['without extended key usage', { extendedKeyUsage: undefined }],
  ['with more extended key usages', { extendedKeyUsage: [OID.CLIENT_AUTH, '1.2.3', OID.SERVER_AUTH] }],
  [
    'with keyEncipherment and keyAgreement',
    { keyUsage: [KEY_USAGE.digitalSignature, KEY_USAGE.keyEncipherment, KEY_USAGE.keyAgreement] },
  ],
  ['with an unknown extension that is not critical', { extraExtensions: [extension('1.2.3.4', der.null())] }],
  [
    'with certificate policies, critical',
    { extraExtensions: [extension(OID.CERTIFICATE_POLICIES, der.sequence(), true)] },
  ],
  ['at its last second', { expiresAt: NOW }],
  ['at its first second', { notBeforeAt: NOW }],
  ['after 2050', { expiresAt: Date.UTC(2060, 0, 1) }],
  ['with an Ed25519 key', { keyPair: generateKeyPairSync('ed25519') }],
  ['with a P-384 key', { keyPair: generateEcKeyPair('P-384') }],
  ['with an RSA 2048 key', { keyPair: generateKeyPairSync('rsa', { modulusLength: 2048 }) }],
];
for (const [name, overrides] of goodLeaves) {
  test(`accepts a leaf ${name}`, () => {
    verifyLeaf(overrides);
  });
}

const badLeaves: [string, string, LeafOverrides][] = [
  ['A27 no URI SAN', 'ERR_SVID_URI_SAN_MISSING', { uris: [], dnsNames: ['x'] }],
  [
    'A27 no SAN, the ID in the common name',
    'ERR_SVID_URI_SAN_MISSING',
    { uris: [], subject: distinguishedName({ commonName: ID }) },
  ],
  ['A27 the ID as a DNS SAN', 'ERR_SVID_URI_SAN_MISSING', { uris: [], dnsNames: [ID] }],
  ['A27 two URI SANs', 'ERR_SVID_URI_SAN_MULTIPLE', { uris: [ID, 'spiffe://example.org/other'] }],
  ['A27 the same URI SAN twice', 'ERR_SVID_URI_SAN_MULTIPLE', { uris: [ID, ID] }],
  [
    'A27 a second URI SAN that is no SPIFFE ID',
    'ERR_SVID_URI_SAN_MULTIPLE',
    { uris: [ID, 'https://example.org'] },
  ],
  ['other scheme', 'ERR_SVID_URI_SAN_INVALID', { uris: ['https://example.org/workload'] }],
  ['A22 upper case trust domain', 'ERR_SVID_URI_SAN_INVALID', { uris: ['spiffe://EXAMPLE.org/workload'] }],
  ['A21 dot segments', 'ERR_SVID_URI_SAN_INVALID', { uris: ['spiffe://example.org/a/../b'] }],
  ['A23 NUL in the URI SAN', 'ERR_SVID_URI_SAN_INVALID', { uris: [`${ID}\0.evil`] }],
  [
    'A23 byte above 127 in the URI SAN',
    'ERR_SVID_URI_SAN_INVALID',
    { uris: [Buffer.from(`${ID}é`, 'utf8')] },
  ],
  [
    'A30 a list in the text of the URI SAN',
    'ERR_SVID_URI_SAN_INVALID',
    { uris: [`${ID}, URI:spiffe://example.org/admin`] },
  ],
  [
    'A30 a URI in the text of a DNS SAN',
    'ERR_SVID_URI_SAN_MISSING',
    { uris: [], dnsNames: [`x, URI:${ID}`] },
  ],
  ['root path', 'ERR_SVID_PATH_MISSING', { uris: ['spiffe://example.org'] }],
  ['A28 leaf with cA', 'ERR_SVID_LEAF_IS_CA', { isCa: true }],
  ['A28 no key usage', 'ERR_SVID_KEY_USAGE_MISSING', { keyUsage: undefined }],
  ['A28 key usage not critical', 'ERR_SVID_KEY_USAGE_NOT_CRITICAL', { isKeyUsageCritical: false }],
  ['no digitalSignature', 'ERR_SVID_DIGITAL_SIGNATURE_MISSING', { keyUsage: [KEY_USAGE.keyEncipherment] }],
  [
    'A28 keyCertSign',
    'ERR_SVID_KEY_CERT_SIGN',
    { keyUsage: [KEY_USAGE.digitalSignature, KEY_USAGE.keyCertSign] },
  ],
  ['A28 cRLSign', 'ERR_SVID_CRL_SIGN', { keyUsage: [KEY_USAGE.digitalSignature, KEY_USAGE.cRLSign] }],
  ['only serverAuth', 'ERR_SVID_EXTENDED_KEY_USAGE', { extendedKeyUsage: [OID.SERVER_AUTH] }],
  ['only clientAuth', 'ERR_SVID_EXTENDED_KEY_USAGE', { extendedKeyUsage: [OID.CLIENT_AUTH] }],
  ['empty subject and SAN not critical', 'ERR_CERTIFICATE_SAN_NOT_CRITICAL', { isSanCritical: false }],
  [
    'unknown critical extension',
    'ERR_CERTIFICATE_CRITICAL_EXTENSION',
    { extraExtensions: [extension('1.2.3.4', der.null(), true)] },
  ],
  [
    'the same extension twice',
    'ERR_CERTIFICATE_EXTENSION_REPEATED',
    { extraExtensions: [extension(OID.EXTENDED_KEY_USAGE, der.sequence())] },
  ],
  ['expired', 'ERR_SVID_EXPIRED', { expiresAt: NOW - 1000 }],
  ['not yet valid', 'ERR_SVID_NOT_YET_VALID', { notBeforeAt: NOW + 1000 }],
  ['A15 RSA 1024', 'ERR_CERTIFICATE_KEY', { keyPair: generateKeyPairSync('rsa', { modulusLength: 1024 }) }],
  ['curve secp256k1', 'ERR_CERTIFICATE_KEY', { keyPair: generateEcKeyPair('secp256k1') }],
  ['key of X25519', 'ERR_CERTIFICATE_KEY', { keyPair: generateKeyPairSync('x25519') }],
];
for (const [name, code, overrides] of badLeaves) {
  test(`refuses a leaf: ${name}`, () => {
    assert.throws(() => verifyLeaf(overrides), { name: 'SpiffeError', code });
  });
}

test('refuses an empty chain and one that is too long', () => {
  assert.throws(() => verifyX509Svid([], ca.bundle, { now: NOW }), { code: 'ERR_SVID_CHAIN_EMPTY' });
  const [leaf] = ca.issueX509Svid(ID).certificates;
  assert.throws(
    () =>
      verifyX509Svid(
        Array.from({ length: 9 }, () => leaf!),
        ca.bundle,
        { now: NOW },
      ),
    { code: 'ERR_SVID_CHAIN_TOO_LONG' },
  );
});

test('refuses a trust domain without a bundle or with an empty one', () => {
  const { certificates } = ca.issueX509Svid(ID);
  assert.throws(() => verifyX509Svid(certificates, new X509BundleSet(), { now: NOW }), {
    code: 'ERR_BUNDLE_NOT_FOUND',
  });
  const empty = X509Bundle.fromAuthorities(td, []);
  assert.throws(() => verifyX509Svid(certificates, empty, { now: NOW }), { code: 'ERR_BUNDLE_EMPTY' });
});

test('A20 an authority of one trust domain cannot speak for another', () => {
  const other = createTestCa('other.org', NOW);
  const forged = other.issueX509Svid(ID);
  const both = new X509BundleSet([ca.bundle, other.bundle]);
  assert.throws(() => verifyX509Svid(forged.certificates, both, { now: NOW }), {
    code: 'ERR_SVID_UNTRUSTED',
  });
  const confused: X509BundleSource = { getX509Bundle: () => other.bundle };
  assert.throws(() => verifyX509Svid(forged.certificates, confused, { now: NOW }), {
    code: 'ERR_BUNDLE_NOT_FOUND',
  });
});

test('an authority of the same name but another key does not verify', () => {
  const subject = distinguishedName({ commonName: 'same' });
  const real = createTestCa('example.org', NOW, { subject });
  const fake = createTestCa('example.org', NOW, { subject });
  const forged = fake.issueX509Svid(ID);
  assert.throws(() => verifyX509Svid(forged.certificates, real.bundle, { now: NOW }), {
    code: 'ERR_CA_SIGNATURE',
  });
  // Both in the bundle: the right one is found whichever comes first.
  for (const authorities of [
    [real.certificate, fake.certificate],
    [fake.certificate, real.certificate],
  ]) {
    verifyX509Svid(forged.certificates, X509Bundle.fromAuthorities(td, authorities), { now: NOW });
  }
});

test('A19 a leaf of an authority that left the bundle is refused', () => {
  const next = createTestCa('example.org', NOW);
  assert.throws(() => verifyX509Svid(ca.issueX509Svid(ID).certificates, next.bundle, { now: NOW }), {
    code: 'ERR_SVID_UNTRUSTED',
  });
});

test('changed contents or signature do not verify', () => {
  const { certificates } = ca.issueX509Svid(ID);
  const leaf = Buffer.from(certificates[0]!);
  const changed = Buffer.from(leaf);
  changed.write('/workl0ad', leaf.indexOf('/workload'), 'latin1');
  assert.throws(() => verifyX509Svid([changed], ca.bundle, { now: NOW }), { code: 'ERR_CA_SIGNATURE' });
  const spoilt = Buffer.from(leaf);
  spoilt[spoilt.length - 1]! ^= 1;
  assert.throws(() => verifyX509Svid([spoilt], ca.bundle, { now: NOW }), { code: 'ERR_CA_SIGNATURE' });
});

test('intermediates are found in any order and among others', () => {
  const first = ca.createIntermediate();
  const second = first.createIntermediate();
  const [leaf, near, far] = second.issueX509Svid(ID).certificates as [Uint8Array, Uint8Array, Uint8Array];
  const stranger = createTestCa('example.org', NOW).certificate;
  for (const chain of [
    [leaf, near, far],
    [leaf, far, near],
    [leaf, stranger, far, near],
    [leaf, near, far, ca.certificate],
  ]) {
    assert.equal(verifyX509Svid(chain, ca.bundle, { now: NOW }).id.toString(), ID);
  }
});

test('A29 a missing intermediate, a leaf that is not first and junk are refused', () => {
  const intermediate = ca.createIntermediate();
  const [leaf, near] = intermediate.issueX509Svid(ID).certificates as [Uint8Array, Uint8Array];
  assert.throws(() => verifyX509Svid([leaf], ca.bundle, { now: NOW }), { code: 'ERR_SVID_UNTRUSTED' });
  assert.throws(() => verifyX509Svid([near, leaf], ca.bundle, { now: NOW }), {
    code: 'ERR_SVID_PATH_MISSING',
  });
  assert.throws(() => verifyX509Svid([leaf, near, Buffer.from('junk')], ca.bundle, { now: NOW }), {
    code: 'ERR_CERTIFICATE_MALFORMED',
  });
  assert.throws(() => verifyX509Svid([Buffer.concat([leaf, near])], ca.bundle, { now: NOW }), {
    code: 'ERR_CERTIFICATE_MALFORMED',
  });
});

test('an intermediate in the bundle is an anchor by itself', () => {
  const intermediate = ca.createIntermediate();
  const [leaf] = intermediate.issueX509Svid(ID).certificates;
  verifyX509Svid([leaf!], intermediate.bundle, { now: NOW });
});

test('the expiry is that of the first certificate to expire', () => {
  const intermediate = ca.createIntermediate({ expiresAt: NOW + 60_000 });
  const { certificates } = intermediate.issueX509Svid(ID);
  assert.equal(verifyX509Svid(certificates, ca.bundle, { now: NOW }).expiresAt, NOW + 60_000);
});

const badIntermediates: [string, string, CaOverrides][] = [
  ['A28 without cA', 'ERR_CA_NOT_CA', { isCa: false }],
  ['without key usage', 'ERR_CA_KEY_USAGE_MISSING', { keyUsage: undefined }],
  ['without keyCertSign', 'ERR_CA_KEY_CERT_SIGN', { keyUsage: [KEY_USAGE.digitalSignature] }],
  ['with key usage not critical', 'ERR_CA_KEY_USAGE_NOT_CRITICAL', { isKeyUsageCritical: false }],
  ['A29 expired', 'ERR_CA_EXPIRED', { expiresAt: NOW - 1000 }],
  ['not yet valid', 'ERR_CA_NOT_YET_VALID', { notBeforeAt: NOW + 1000 }],
  [
    'with an unknown critical extension',
    'ERR_CERTIFICATE_CRITICAL_EXTENSION',
    { extraExtensions: [extension('1.2.3', der.null(), true)] },
  ],
  [
    'A46 with an RSA 1024 key',
    'ERR_CERTIFICATE_KEY',
    { keyPair: generateKeyPairSync('rsa', { modulusLength: 1024 }) },
  ],
  [
    'A29 permitting another host',
    'ERR_CA_NAME_NOT_PERMITTED',
    { extraExtensions: [nameConstraintsExtension({ permittedUris: ['other.org'] })] },
  ],
  [
    'A29 permitting only hosts below',
    'ERR_CA_NAME_NOT_PERMITTED',
    { extraExtensions: [nameConstraintsExtension({ permittedUris: ['.example.org'] })] },
  ],
  [
    'A29 excluding the host',
    'ERR_CA_NAME_EXCLUDED',
    { extraExtensions: [nameConstraintsExtension({ excludedUris: ['example.org'] })] },
  ],
  [
    'A29 excluding all hosts below org',
    'ERR_CA_NAME_EXCLUDED',
    { extraExtensions: [nameConstraintsExtension({ excludedUris: ['.org'] })] },
  ],
];
for (const [name, code, overrides] of badIntermediates) {
  test(`refuses an intermediate ${name}`, () => {
    const { certificates } = ca.createIntermediate(overrides).issueX509Svid(ID);
    assert.throws(() => verifyX509Svid(certificates, ca.bundle, { now: NOW }), { name: 'SpiffeError', code });
  });
}

const badAnchors: [string, string, CaOverrides][] = [
  ['A28 without cA', 'ERR_CA_NOT_CA', { isCa: false }],
  ['without keyCertSign', 'ERR_CA_KEY_CERT_SIGN', { keyUsage: [KEY_USAGE.digitalSignature] }],
  ['expired', 'ERR_CA_EXPIRED', { expiresAt: NOW - 1000 }],
];
for (const [name, code, overrides] of badAnchors) {
  test(`refuses an anchor ${name}`, () => {
    const anchor = createTestCa('example.org', NOW, overrides);
    const { certificates } = anchor.issueX509Svid(ID);
    assert.throws(() => verifyX509Svid(certificates, anchor.bundle, { now: NOW }), {
      name: 'SpiffeError',
      code,
    });
  });
}

test('name constraints that fit let pass', () => {
  for (const extra of [
    nameConstraintsExtension({ permittedUris: ['example.org'] }),
    nameConstraintsExtension({ permittedUris: ['other.org', '.org'] }),
    nameConstraintsExtension({ excludedUris: ['other.org', '.example.org', 'xexample.org'] }),
    nameConstraintsExtension({ permittedDnsNames: ['svc.example'] }),
  ]) {
    const { certificates } = ca
      .createIntermediate({ extraExtensions: [extra] })
      .issueX509Svid(ID, { dnsNames: ['a.svc.example'] });
    verifyX509Svid(certificates, ca.bundle, { now: NOW });
  }
});

test('A29 a host below is one that ends in the constraint', () => {
  const below = createTestCa('a.example.org', NOW);
  const id = 'spiffe://a.example.org/workload';
  const issue = (permitted: string): readonly Uint8Array[] =>
    below
      .createIntermediate({ extraExtensions: [nameConstraintsExtension({ permittedUris: [permitted] })] })
      .issueX509Svid(id).certificates;
  for (const permitted of ['.example.org', '.org', 'a.example.org', '.EXAMPLE.org']) {
    verifyX509Svid(issue(permitted), below.bundle, { now: NOW });
  }
  for (const permitted of ['.example', 'example.org', '.a.example.org', 'xample.org', '']) {
    assert.throws(
      () => verifyX509Svid(issue(permitted), below.bundle, { now: NOW }),
      { code: 'ERR_CA_NAME_NOT_PERMITTED' },
      permitted,
    );
  }
});

test('an anchor may lack key usage, since the bundle vouches for it', () => {
  const anchor = createTestCa('example.org', NOW, { keyUsage: undefined });
  verifyX509Svid(anchor.issueX509Svid(ID).certificates, anchor.bundle, { now: NOW });
});

test('path lengths are kept', () => {
  const none = ca.createIntermediate({ pathLength: 0 });
  verifyX509Svid(none.issueX509Svid(ID).certificates, ca.bundle, { now: NOW });
  const below = none.createIntermediate();
  assert.throws(() => verifyX509Svid(below.issueX509Svid(ID).certificates, ca.bundle, { now: NOW }), {
    code: 'ERR_CA_PATH_LENGTH',
  });
});

test('A46 many authorities of one name do not hide the right one, nor take for ever', () => {
  const subject = distinguishedName({ commonName: 'same' });
  const right = createTestCa('example.org', NOW, { subject });
  const others = Array.from({ length: 100 }, () => createTestCa('example.org', NOW, { subject }).certificate);
  const { certificates } = right.issueX509Svid(ID);
  // The key identifier leads to the right one at once.
  verifyX509Svid(certificates, X509Bundle.fromAuthorities(td, [...others, right.certificate]), { now: NOW });
  assert.throws(() => verifyX509Svid(certificates, X509Bundle.fromAuthorities(td, others), { now: NOW }), {
    code: 'ERR_CA_SIGNATURE',
  });
});

test('authorities with RSA, P-384 and Ed25519 keys sign leaves', () => {
  const keyPairs = [
    generateKeyPairSync('rsa', { modulusLength: 2048 }),
    generateEcKeyPair('P-384'),
    generateKeyPairSync('ed25519'),
  ];
  for (const keyPair of keyPairs) {
    const authority = createTestCa('example.org', NOW, { keyPair });
    verifyX509Svid(authority.issueX509Svid(ID).certificates, authority.bundle, { now: NOW });
  }
});

test('without a time the system clock counts', () => {
  const current = createTestCa('example.org');
  verifyX509Svid(current.issueX509Svid(ID).certificates, current.bundle);
  const past = createTestCa('example.org', Date.now() - 48 * HOUR_MS);
  assert.throws(() => verifyX509Svid(past.issueX509Svid(ID).certificates, past.bundle), {
    code: 'ERR_SVID_EXPIRED',
  });
});

test('whatever byte is changed: refused with the own error', () => {
  const intermediate = ca.createIntermediate();
  const [leaf, near] = intermediate.issueX509Svid(ID).certificates as [Uint8Array, Uint8Array];
  const change = fc.record({
    which: fc.nat(1),
    position: fc.nat(),
    byte: fc.integer({ min: 0, max: 255 }),
    isCut: fc.boolean(),
  });
  fc.assert(
    fc.property(change, ({ which, position, byte, isCut }) => {
      const chain = [Buffer.from(leaf), Buffer.from(near)];
      const target = chain[which]!;
      const at = position % target.length;
      if (target[at] === byte && !isCut) {
        return;
      }
      target[at] = byte;
      chain[which] = isCut ? target.subarray(0, at) : target;
      try {
        verifyX509Svid(chain, ca.bundle, { now: NOW });
      } catch (error) {
        assert.ok(isSpiffeError(error), String(error));
        return;
      }
      assert.fail(`byte ${at} of certificate ${which} may be ${byte}`);
    }),
    { numRuns: 1500 },
  );
});

test('whatever the bytes: refused with the own error', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 10 }), (chain) => {
      try {
        verifyX509Svid(chain, ca.bundle, { now: NOW });
      } catch (error) {
        assert.ok(isSpiffeError(error), String(error));
        return;
      }
      assert.fail('random bytes verified');
    }),
  );
});

test('bundles of other trust domains are never asked for', () => {
  const asked: string[] = [];
  const source: X509BundleSource = {
    getX509Bundle: (wanted: TrustDomain) => {
      asked.push(wanted.name);
      return ca.bundle;
    },
  };
  verifyX509Svid(ca.issueX509Svid(ID).certificates, source, { now: NOW });
  assert.deepEqual(asked, ['example.org']);
});
