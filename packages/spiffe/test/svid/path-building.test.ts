import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  basicConstraintsExtension,
  buildCertificate,
  createTestCa,
  distinguishedName,
  extendedKeyUsageExtension,
  extension,
  generateEcKeyPair,
  KEY_USAGE,
  keyUsageExtension,
  subjectAltNameExtension,
} from '@muster/testing';
import type { CaOverrides, CertificateParts, KeyPair, TestCa } from '@muster/testing';

import { verifyX509Svid, X509Bundle } from '../../src/index.ts';
import { der, OID } from '../../src/wire/index.ts';

const NOW = Date.UTC(2030, 5, 1);
const DAY_MS = 86_400_000;
const ID = 'spiffe://example.org/workload';
const ca = createTestCa('example.org', NOW);
const td = ca.trustDomain;

function verify(chain: readonly Uint8Array[], ...authorities: readonly Uint8Array[]): string {
  const bundle = X509Bundle.fromAuthorities(td, authorities.length === 0 ? [ca.certificate] : authorities);
  return verifyX509Svid(chain, bundle, { now: NOW }).id.toString();
}

/** An authority's certificate of exactly these parts, without key identifiers. */
function certify(
  parts: Partial<CertificateParts> & { readonly keyPair: KeyPair; readonly by: KeyPair },
): Uint8Array {
  return buildCertificate({
    subject: distinguishedName({ commonName: 'a' }),
    issuer: distinguishedName({ commonName: 'a' }),
    publicKey: parts.keyPair.publicKey,
    signingKey: parts.by.privateKey,
    notBeforeAt: NOW - DAY_MS,
    expiresAt: NOW + DAY_MS,
    extensions: [basicConstraintsExtension(true), keyUsageExtension([KEY_USAGE.keyCertSign])],
    ...parts,
  });
}

function issueLeaf(issuer: string, by: KeyPair, overrides: Partial<CertificateParts> = {}): Uint8Array {
  const keyPair = generateEcKeyPair();
  return certify({
    keyPair,
    by,
    subject: distinguishedName({ commonName: 'leaf' }),
    issuer: distinguishedName({ commonName: issuer }),
    extensions: [
      keyUsageExtension([KEY_USAGE.digitalSignature]),
      extendedKeyUsageExtension([OID.SERVER_AUTH, OID.CLIENT_AUTH]),
      subjectAltNameExtension({ uris: [ID] }, true),
    ],
    ...overrides,
  });
}

function descend(from: TestCa, depth: number, overrides: CaOverrides = {}): TestCa {
  return depth === 0 ? from : descend(from.createIntermediate(overrides), depth - 1, overrides);
}

test('A29 a chain may have 8 certificates below its authority, and not 9', () => {
  const { certificates } = descend(ca, 7).issueX509Svid(ID);
  assert.equal(certificates.length, 8);
  assert.equal(verify(certificates), ID);
  assert.equal(verify(certificates.toReversed().toSorted((one) => (one === certificates[0] ? -1 : 1))), ID);
  assert.throws(() => verify(descend(ca, 8).issueX509Svid(ID).certificates), {
    code: 'ERR_SVID_CHAIN_TOO_LONG',
  });
});

test('self-issued certificates do not count for a path length, others do', () => {
  const subject = distinguishedName({ commonName: 'rollover' });
  const limited = ca.createIntermediate({ subject, pathLength: 0 });
  assert.equal(verify(limited.createIntermediate({ subject }).issueX509Svid(ID).certificates), ID);
  assert.throws(() => verify(limited.createIntermediate().issueX509Svid(ID).certificates), {
    code: 'ERR_CA_PATH_LENGTH',
  });
  // One that is self-issued does not lend its own limit to those above it.
  const ownLimit = ca.createIntermediate({ subject }).createIntermediate({ subject, pathLength: 0 });
  assert.throws(() => verify(ownLimit.createIntermediate().issueX509Svid(ID).certificates), {
    code: 'ERR_CA_PATH_LENGTH',
  });
});

test('a path length of an anchor and of the upper of two limits are kept', () => {
  const root = createTestCa('example.org', NOW, { pathLength: 1 });
  assert.equal(verify(descend(root, 1).issueX509Svid(ID).certificates, root.certificate), ID);
  assert.throws(() => verify(descend(root, 2).issueX509Svid(ID).certificates, root.certificate), {
    code: 'ERR_CA_PATH_LENGTH',
  });
  const generous = root.createIntermediate({ pathLength: 5 });
  assert.throws(
    () => verify(generous.createIntermediate().issueX509Svid(ID).certificates, root.certificate),
    {
      code: 'ERR_CA_PATH_LENGTH',
    },
  );
});

test('A29 an anchor that is not self-signed is one, and what is above it is not looked for', () => {
  const gone = createTestCa('example.org', NOW, { expiresAt: NOW - 1000 });
  const intermediate = gone.createIntermediate();
  const { certificates } = intermediate.createIntermediate().issueX509Svid(ID);
  assert.equal(verify(certificates.slice(0, 2), intermediate.certificate), ID);
  // Sent along, the expired root does no harm.
  assert.equal(verify([...certificates, gone.certificate], intermediate.certificate), ID);
  assert.throws(() => verify(certificates, gone.certificate), { code: 'ERR_CA_EXPIRED' });
});

test('A29 an anchor that is expired or not yet valid is none, and another of the same key is', () => {
  const keyPair = generateEcKeyPair();
  const subject = distinguishedName({ commonName: 'authority' });
  const current = createTestCa('example.org', NOW, { keyPair, subject });
  const { certificates } = current.issueX509Svid(ID);
  const old = createTestCa('example.org', NOW, { keyPair, subject, expiresAt: NOW - 1000 }).certificate;
  const next = createTestCa('example.org', NOW, { keyPair, subject, notBeforeAt: NOW + 1000 }).certificate;
  assert.throws(() => verify(certificates, old), { code: 'ERR_CA_EXPIRED' });
  assert.throws(() => verify(certificates, next), { code: 'ERR_CA_NOT_YET_VALID' });
  assert.equal(verify(certificates, old, next, current.certificate), ID);
});

test('A29 authorities that sign each other lead to the one that is trusted, whatever comes with them', () => {
  const [one, two] = [generateEcKeyPair(), generateEcKeyPair()];
  const name = (commonName: string): Uint8Array => distinguishedName({ commonName });
  const oneByTwo = certify({ keyPair: one, by: two, subject: name('one'), issuer: name('two') });
  const twoByOne = certify({ keyPair: two, by: one, subject: name('two'), issuer: name('one') });
  const oneByRoot = certify({
    keyPair: one,
    by: ca.keyPair,
    subject: name('one'),
    issuer: name('root'),
  });
  const root = certify({ keyPair: ca.keyPair, by: ca.keyPair, subject: name('root'), issuer: name('root') });
  const leaf = issueLeaf('two', two);
  assert.equal(verify([leaf, oneByTwo, twoByOne, oneByRoot], root), ID);
  assert.equal(verify([leaf, twoByOne, oneByTwo, oneByTwo, twoByOne, oneByRoot], root), ID);
  // Without a way out they only lead to each other.
  assert.throws(() => verify([leaf, oneByTwo, twoByOne], root), { code: 'ERR_SVID_UNTRUSTED' });
});

test('A46 chains in which everybody could have signed everybody take bounded work', () => {
  // Seven certificates of one name and one key sign each other: thousands of paths, none of which ends in the bundle.
  const keyPair = generateEcKeyPair();
  const loop = Array.from({ length: 7 }, () => certify({ keyPair, by: keyPair }));
  const leaf = issueLeaf('a', keyPair);
  const other = certify({ keyPair: ca.keyPair, by: ca.keyPair });
  assert.throws(
    () => verify([leaf, ...loop], other),
    (error: { code?: string }) => ['ERR_CA_SIGNATURE', 'ERR_SVID_UNTRUSTED'].includes(error.code ?? ''),
  );
  // The same with a bundle of 500 authorities of that name: the number of checks does not grow with either.
  const authorities = Array.from({ length: 500 }, () => other);
  assert.throws(
    () => verify([leaf, ...loop], ...authorities),
    (error: { code?: string }) => ['ERR_CA_SIGNATURE', 'ERR_SVID_UNTRUSTED'].includes(error.code ?? ''),
  );
});

test('A29 an issuer without a name is none', () => {
  const nobody = { subject: distinguishedName(), issuer: distinguishedName() };
  const root = certify({ keyPair: ca.keyPair, by: ca.keyPair, ...nobody });
  const leaf = issueLeaf('', ca.keyPair, { issuer: distinguishedName() });
  assert.throws(() => verify([leaf], root), { code: 'ERR_CERTIFICATE_ISSUER_EMPTY' });
});

const extendedKeyUsages: [string, readonly string[], boolean][] = [
  ['both purposes of an SVID', [OID.SERVER_AUTH, OID.CLIENT_AUTH], true],
  ['any purpose', [OID.ANY_EXTENDED_KEY_USAGE], true],
  ['more purposes', ['1.3.6.1.5.5.7.3.3', OID.CLIENT_AUTH, OID.SERVER_AUTH], true],
  ['servers alone', [OID.SERVER_AUTH], false],
  ['clients alone', [OID.CLIENT_AUTH], false],
  ['signing of code', ['1.3.6.1.5.5.7.3.3'], false],
];
for (const [name, purposes, isAccepted] of extendedKeyUsages) {
  test(`an intermediate for ${name} is ${isAccepted ? 'taken' : 'refused'}, and as an anchor vouched for`, () => {
    const overrides = { extraExtensions: [extendedKeyUsageExtension(purposes)] };
    const issuer = ca.createIntermediate(overrides);
    const { certificates } = issuer.issueX509Svid(ID);
    if (isAccepted) {
      assert.equal(verify(certificates), ID);
    } else {
      assert.throws(() => verify(certificates), { code: 'ERR_CA_EXTENDED_KEY_USAGE' });
    }
    assert.equal(verify(certificates, issuer.certificate), ID);
  });
}

test('A28 an intermediate whose SPIFFE ID has a path is refused, one of another trust domain or kind is not', () => {
  // It has no name of its own kind beside these, so the extension of the test kit is replaced.
  const issue = (uris: readonly string[]): readonly Uint8Array[] => {
    const keyPair = generateEcKeyPair();
    const intermediate = certify({
      keyPair,
      by: ca.keyPair,
      subject: distinguishedName({ commonName: 'middle' }),
      issuer: distinguishedName({ commonName: 'root' }),
      extensions: [
        basicConstraintsExtension(true),
        keyUsageExtension([KEY_USAGE.keyCertSign]),
        ...(uris.length === 0 ? [] : [subjectAltNameExtension({ uris })]),
      ],
    });
    return [issueLeaf('middle', keyPair), intermediate];
  };
  const name = distinguishedName({ commonName: 'root' });
  const root = certify({ keyPair: ca.keyPair, by: ca.keyPair, subject: name, issuer: name });
  for (const uris of [[], ['spiffe://example.org'], ['spiffe://other.org'], ['https://example.org/ca']]) {
    assert.equal(verify(issue(uris), root), ID, uris.join());
  }
  for (const uri of ['spiffe://example.org/ca', 'spiffe://example.org/', 'SPIFFE://other.org/a']) {
    assert.throws(() => verify(issue([uri]), root), { code: 'ERR_CA_SPIFFE_ID_PATH' }, uri);
  }
});

const policies: [string, string, Uint8Array, string | undefined][] = [
  ['policy constraints, critical', '2.5.29.36', der.sequence(der.implicit(0, Buffer.from([0]))), 'critical'],
  ['inhibit any-policy, critical', '2.5.29.54', der.integer(0), 'critical'],
  ['policy mappings, critical', '2.5.29.33', der.sequence(), 'critical'],
  ['policy constraints', '2.5.29.36', der.sequence(der.implicit(0, Buffer.from([0]))), undefined],
  ['a CRL distribution point, critical', '2.5.29.31', der.sequence(), 'critical'],
];
for (const [name, oid, value, critical] of policies) {
  test(`an intermediate with ${name} is ${critical === undefined ? 'taken' : 'refused'}`, () => {
    const issuer = ca.createIntermediate({
      extraExtensions: [extension(oid, value, critical !== undefined)],
    });
    const run = (): string => verify(issuer.issueX509Svid(ID).certificates);
    if (critical === undefined) {
      assert.equal(run(), ID);
    } else {
      assert.throws(run, { code: 'ERR_CERTIFICATE_CRITICAL_EXTENSION' });
    }
  });
}

test('a leaf with a path length is refused', () => {
  const root = certify({ keyPair: ca.keyPair, by: ca.keyPair });
  const leaf = issueLeaf('a', ca.keyPair, {
    extensions: [
      basicConstraintsExtension(false, 0),
      keyUsageExtension([KEY_USAGE.digitalSignature]),
      subjectAltNameExtension({ uris: [ID] }, true),
    ],
  });
  assert.throws(() => verify([leaf], root), { code: 'ERR_SVID_PATH_LENGTH' });
});

test('serial numbers that are negative or longer than 20 bytes are refused, but not those of anchors', () => {
  const root = certify({ keyPair: ca.keyPair, by: ca.keyPair, serialNumber: Buffer.alloc(21, 0x7f) });
  for (const [serialNumber, isAccepted] of [
    [Buffer.alloc(20, 0x7f), true],
    [Buffer.alloc(20, 0xff), true],
    [Buffer.from([0]), true],
    [Buffer.alloc(21, 0x7f), false],
  ] as const) {
    const leaf = issueLeaf('a', ca.keyPair, { serialNumber });
    if (isAccepted) {
      assert.equal(verify([leaf], root), ID);
    } else {
      assert.throws(() => verify([leaf], root), { code: 'ERR_CERTIFICATE_SERIAL_NUMBER' });
    }
  }
  const keyPair = generateEcKeyPair();
  const intermediate = certify({
    keyPair,
    by: ca.keyPair,
    subject: distinguishedName({ commonName: 'middle' }),
    serialNumber: Buffer.alloc(21, 0x7f),
  });
  assert.throws(() => verify([issueLeaf('middle', keyPair), intermediate], root), {
    code: 'ERR_CERTIFICATE_SERIAL_NUMBER',
  });
});
