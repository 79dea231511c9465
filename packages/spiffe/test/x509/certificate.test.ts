import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createTestCa, distinguishedName } from '@muster/testing';

import { verifyX509Svid, X509Bundle } from '../../src/index.ts';
import { der, DER_TAG, parseCertificate, readDer, readDerChildren } from '../../src/wire/index.ts';

const NOW = Date.UTC(2030, 5, 1);
const ca = createTestCa('example.org', NOW);
const leaf = ca.issueX509Svid('spiffe://example.org/a', { subject: distinguishedName({ commonName: 'a' }) })
  .certificates[0]!;
const [tbs, algorithm, signature] = readDerChildren(readDer(leaf), DER_TAG.SEQUENCE) as [Part, Part, Part];
const fields = readDerChildren(tbs, DER_TAG.SEQUENCE);

interface Part {
  readonly tag: number;
  readonly bytes: Uint8Array;
  readonly contents: Uint8Array;
}

/** The certificate with other fields in the part that is signed. The signature is then wrong, which parsing does not look at. */
function withFields(change: (fields: Uint8Array[]) => Uint8Array[]): Uint8Array {
  const changed = change(fields.map((field) => field.bytes));
  return der.sequence(der.sequence(...changed), algorithm.bytes, signature.bytes);
}

function replace(index: number, bytes: Uint8Array): Uint8Array {
  return withFields((all) => all.with(index, bytes));
}

test('reads names, times and key identifiers', () => {
  const parsed = parseCertificate(leaf);
  const issuer = parseCertificate(ca.certificate);
  assert.deepEqual(parsed.issuer, issuer.subject);
  assert.equal(parsed.isSubjectEmpty, false);
  assert.equal(issuer.isSelfIssued, true);
  assert.equal(parsed.isSelfIssued, false);
  assert.equal(parsed.notBeforeAt, NOW - 10_000);
  assert.deepEqual(parsed.extensions.authorityKeyId, issuer.extensions.subjectKeyId);
  assert.ok(parsed.isSignedBy(issuer));
  assert.ok(!issuer.isSignedBy(parsed));
});

const UTC = (text: string): Uint8Array => der.element(DER_TAG.UTC_TIME, Buffer.from(text));
const GENERALIZED = (text: string): Uint8Array => der.element(DER_TAG.GENERALIZED_TIME, Buffer.from(text));

const broken: [string, string, Uint8Array][] = [
  ['version 1', 'ERR_CERTIFICATE_VERSION', withFields((all) => all.slice(1))],
  ['version 2', 'ERR_CERTIFICATE_VERSION', replace(0, der.explicit(0, der.integer(1)))],
  ['version 4', 'ERR_CERTIFICATE_VERSION', replace(0, der.explicit(0, der.integer(3)))],
  [
    'two versions',
    'ERR_CERTIFICATE_VERSION',
    replace(0, der.explicit(0, Buffer.from('020102020102', 'hex'))),
  ],
  [
    'inner algorithm differs from the outer',
    'ERR_CERTIFICATE_ALGORITHM_MISMATCH',
    replace(2, der.sequence(der.oid('1.2.840.10045.4.3.3'))),
  ],
  [
    'time without seconds',
    'ERR_CERTIFICATE_VALIDITY',
    replace(4, der.sequence(UTC('3006010000Z'), UTC('310601000000Z'))),
  ],
  [
    'time with an offset',
    'ERR_CERTIFICATE_VALIDITY',
    replace(4, der.sequence(UTC('300601000000+0100'), UTC('310601000000Z'))),
  ],
  [
    'time with a fraction',
    'ERR_CERTIFICATE_VALIDITY',
    replace(4, der.sequence(GENERALIZED('20300601000000.5Z'), UTC('310601000000Z'))),
  ],
  [
    'the 30th of February',
    'ERR_CERTIFICATE_VALIDITY',
    replace(4, der.sequence(UTC('300230000000Z'), UTC('310601000000Z'))),
  ],
  ['one time', 'ERR_CERTIFICATE_VALIDITY', replace(4, der.sequence(UTC('300601000000Z')))],
  [
    'three times',
    'ERR_CERTIFICATE_VALIDITY',
    replace(4, der.sequence(UTC('300601000000Z'), UTC('310601000000Z'), UTC('310601000000Z'))),
  ],
];
for (const [name, code, bytes] of broken) {
  test(`refuses a certificate by its own code: ${name}`, () => {
    assert.throws(() => parseCertificate(bytes), { code });
  });
}

const malformed: [string, Uint8Array][] = [
  ['empty', new Uint8Array(0)],
  ['serial number missing', withFields((all) => all.toSpliced(1, 1))],
  ['serial number not minimal', replace(1, Buffer.from('02020001', 'hex'))],
  ['subject that is no name', replace(5, der.null())],
  ['a field behind the extensions', withFields((all) => [...all, der.null()])],
  ['extensions twice', withFields((all) => [...all, all.at(-1)!])],
  ['a fourth part', der.sequence(tbs.bytes, algorithm.bytes, signature.bytes, der.null())],
  [
    'signature with unused bits',
    der.sequence(tbs.bytes, algorithm.bytes, der.bitString(Buffer.from('80', 'hex'), 7)),
  ],
  ['bytes behind', Buffer.concat([leaf, Buffer.from([0])])],
  ['64 KiB and more', der.sequence(tbs.bytes, algorithm.bytes, der.bitString(new Uint8Array(65_536)))],
];
for (const [name, bytes] of malformed) {
  test(`refuses a certificate: ${name}`, () => {
    assert.throws(() => parseCertificate(bytes), { code: 'ERR_CERTIFICATE_MALFORMED' });
  });
}

test('an authority signed in an old way is an anchor, but its kind of signature is not believed', () => {
  const sha1 = der.sequence(der.oid('1.2.840.10045.4.1'));
  const issuer = readDerChildren(readDer(ca.certificate), DER_TAG.SEQUENCE) as [Part, Part, Part];
  const issuerFields = readDerChildren(issuer[0], DER_TAG.SEQUENCE).map((field) => field.bytes);
  const oldRoot = der.sequence(der.sequence(...issuerFields.with(2, sha1)), sha1, issuer[2].bytes);
  const bundle = X509Bundle.fromAuthorities(ca.trustDomain, [oldRoot]);
  verifyX509Svid([leaf], bundle, { now: NOW });
  const oldLeaf = der.sequence(
    der.sequence(...fields.map((field) => field.bytes).with(2, sha1)),
    sha1,
    signature.bytes,
  );
  assert.throws(() => verifyX509Svid([oldLeaf], ca.bundle, { now: NOW }), {
    code: 'ERR_CERTIFICATE_ALGORITHM',
  });
});

test('a negative serial number is refused, zero is not', () => {
  const verify = (serial: string): void => {
    verifyX509Svid([replace(1, Buffer.from(serial, 'hex'))], ca.bundle, { now: NOW });
  };
  assert.throws(() => verify('020180'), { code: 'ERR_CERTIFICATE_SERIAL_NUMBER' });
  assert.throws(() => verify('0202ff01'), { code: 'ERR_CERTIFICATE_SERIAL_NUMBER' });
  // Comes as far as the signature, which is then wrong.
  assert.throws(() => verify('020100'), { code: 'ERR_CA_SIGNATURE' });
});
