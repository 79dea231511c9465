// Certificates that are no certificates: one rule of DER or of RFC 5280 section 4.1 broken in each, the signature made over it.
import { der, OID } from '@muster/spiffe/wire';
import {
  basicConstraintsExtension,
  distinguishedName,
  extension,
  generateEcKeyPair,
  KEY_USAGE,
  keyUsageExtension,
  subjectAltNameExtension,
  type TestCa,
} from '@muster/testing';
import { sign } from 'node:crypto';
import type { X509Expectation } from './make-x509.ts';
import { ID, LAST, LONG_AGO } from './vector.ts';

/** The elements of a certificate, each as DER, to be replaced one at a time. */
interface Parts {
  readonly version: Uint8Array;
  readonly serialNumber: Uint8Array;
  readonly algorithm: Uint8Array;
  readonly outerAlgorithm: Uint8Array;
  readonly validity: Uint8Array;
  readonly subject: Uint8Array;
  readonly extensions: Uint8Array;
  readonly hash: string;
  readonly spoil: (certificate: Uint8Array) => Uint8Array;
}

export interface Malformed {
  readonly name: string;
  readonly chain: readonly Uint8Array[];
  readonly expected: X509Expectation;
}

const goodExtensions = [
  basicConstraintsExtension(false),
  keyUsageExtension([KEY_USAGE.digitalSignature]),
  subjectAltNameExtension({ uris: [ID] }, true),
];
const ecdsa = der.sequence(der.oid(OID.ECDSA_SHA256));
const extensionsOf = (...list: readonly Uint8Array[]): Uint8Array => der.explicit(3, der.sequence(...list));
const text = (tag: number, value: string): Uint8Array => der.element(tag, Buffer.from(value, 'latin1'));
const nameOf = (value: Uint8Array): Uint8Array =>
  der.sequence(der.set(der.sequence(der.oid(OID.COMMON_NAME), value)));
const utcTime = (value: string): Uint8Array => text(0x17, value);

export function makeMalformed(authority: TestCa): Malformed[] {
  // Names of a single attribute need no unique part: the leaf names its issuer by exactly this name.
  const issuer = distinguishedName({ commonName: 'authority' });
  const leafKey = generateEcKeyPair();
  const build = (changed: Partial<Parts>): Uint8Array => {
    const parts: Parts = {
      version: der.explicit(0, der.integer(2)),
      serialNumber: der.integer(0x1234_5678),
      algorithm: ecdsa,
      outerAlgorithm: changed.algorithm ?? ecdsa,
      validity: der.sequence(der.time(LONG_AGO), der.time(LAST)),
      subject: distinguishedName(),
      extensions: extensionsOf(...goodExtensions),
      hash: 'sha256',
      spoil: (certificate) => certificate,
      ...changed,
    };
    const spki = leafKey.publicKey.export({ format: 'der', type: 'spki' });
    const { version, serialNumber, algorithm, validity, subject, extensions } = parts;
    const tbs = der.sequence(version, serialNumber, algorithm, issuer, validity, subject, spki, extensions);
    const signature = sign(parts.hash, tbs, authority.keyPair.privateKey);
    return parts.spoil(der.sequence(tbs, parts.outerAlgorithm, der.bitString(signature)));
  };
  const one = (
    name: string,
    changed: Partial<Parts>,
    expected: Partial<X509Expectation> = {},
  ): Malformed => ({
    name,
    chain: [build(changed)],
    expected: { ours: 'ERR_CERTIFICATE_MALFORMED', rule: 'RFC 5280 4.1', ...expected },
  });
  const [san, ...others] = [goodExtensions[2]!, goodExtensions[0]!, goodExtensions[1]!];
  const notFf = Buffer.from(keyUsageExtension([KEY_USAGE.digitalSignature]));
  notFf[notFf.indexOf(Buffer.of(0x01, 0x01, 0xff)) + 2] = 0x01;
  const sha1 = der.sequence(der.oid('1.2.840.10045.4.1'));
  return [
    one('valid-minimal', {}, { ours: 'accepted', rule: 'RFC 5280 4.1', opensslStrict: 'refused' }),
    one(
      'signed-with-sha1',
      { algorithm: sha1, hash: 'sha1' },
      { ours: 'ERR_CERTIFICATE_ALGORITHM', rule: 'RFC 9155 (own policy)', openssl: 'accepted' },
    ),
    one(
      'version-1',
      { version: Buffer.alloc(0), extensions: Buffer.alloc(0) },
      { ours: 'ERR_CERTIFICATE_VERSION', rule: 'X509-SVID 2', openssl: 'accepted' },
    ),
    one(
      'version-1-with-extensions',
      { version: Buffer.alloc(0) },
      { ours: 'ERR_CERTIFICATE_VERSION', openssl: 'accepted' },
    ),
    one(
      'version-4',
      { version: der.explicit(0, der.integer(3)) },
      { ours: 'ERR_CERTIFICATE_VERSION', openssl: 'accepted' },
    ),
    one(
      'algorithms-differ',
      { outerAlgorithm: der.sequence(der.oid(OID.ECDSA_SHA384)) },
      { ours: 'ERR_CERTIFICATE_ALGORITHM_MISMATCH', rule: 'RFC 5280 4.1.1.2' },
    ),
    one(
      'extension-twice',
      { extensions: extensionsOf(...goodExtensions, san) },
      { ours: 'ERR_CERTIFICATE_EXTENSION_REPEATED', rule: 'RFC 5280 4.2' },
    ),
    one(
      'extension-flag-not-ff',
      { extensions: extensionsOf(goodExtensions[0]!, san, notFf) },
      { rule: 'X.690 11.1', openssl: 'accepted' },
    ),
    one(
      'san-empty',
      { extensions: extensionsOf(...others, extension(OID.SUBJECT_ALT_NAME, der.sequence(), true)) },
      { rule: 'RFC 5280 4.2.1.6', openssl: 'accepted' },
    ),
    one(
      'san-not-a-sequence',
      {
        extensions: extensionsOf(
          ...others,
          extension(OID.SUBJECT_ALT_NAME, der.octetString(Buffer.from(ID)), true),
        ),
      },
      { rule: 'RFC 5280 4.2.1.6' },
    ),
    one(
      'time-without-seconds',
      { validity: der.sequence(utcTime('2001010000Z'), der.time(LAST)) },
      { ours: 'ERR_CERTIFICATE_VALIDITY', rule: 'RFC 5280 4.1.2.5.1', goSpiffe: 'accepted' },
    ),
    one(
      'time-with-offset',
      { validity: der.sequence(utcTime('200101000000+0000'), der.time(LAST)) },
      { ours: 'ERR_CERTIFICATE_VALIDITY', rule: 'RFC 5280 4.1.2.5.1' },
    ),
    one(
      'time-on-30-february',
      { validity: der.sequence(utcTime('200230000000Z'), der.time(LAST)) },
      { ours: 'ERR_CERTIFICATE_VALIDITY', rule: 'RFC 5280 4.1.2.5.1' },
    ),
    one(
      'serial-number-not-minimal',
      { serialNumber: der.element(0x02, Buffer.of(0, 0x12)) },
      { rule: 'X.690 8.3.2' },
    ),
    one(
      'serial-number-negative',
      { serialNumber: der.element(0x02, Buffer.of(0x80)) },
      { ours: 'ERR_CERTIFICATE_SERIAL_NUMBER', rule: 'RFC 5280 4.1.2.2', openssl: 'accepted' },
    ),
    one(
      'serial-number-of-21-bytes',
      { serialNumber: der.integer(Buffer.alloc(21, 1)) },
      {
        ours: 'ERR_CERTIFICATE_SERIAL_NUMBER',
        rule: 'RFC 5280 4.1.2.2',
        goSpiffe: 'accepted',
        openssl: 'accepted',
      },
    ),
    one(
      'leaf-with-path-length',
      { extensions: extensionsOf(basicConstraintsExtension(false, 0), goodExtensions[1]!, san) },
      { ours: 'ERR_SVID_PATH_LENGTH', rule: 'RFC 5280 4.2.1.9', goSpiffe: 'accepted', openssl: 'accepted' },
    ),
    one(
      'subject-not-a-name',
      { subject: der.sequence(der.null()) },
      { rule: 'RFC 5280 4.1.2.4', openssl: 'refused' },
    ),
    one(
      'subject-text-not-utf-8',
      { subject: nameOf(der.element(0x0c, Buffer.of(0xff))) },
      { rule: 'RFC 5280 4.1.2.4' },
    ),
    one(
      'subject-text-not-printable',
      { subject: nameOf(der.printableString('a_b')) },
      { rule: 'X.680 41.4', openssl: 'accepted' },
    ),
    one(
      'subject-attribute-without-value',
      { subject: nameOf(Buffer.alloc(0)) },
      { rule: 'RFC 5280 4.1.2.4' },
    ),
    one(
      'field-after-extensions',
      { extensions: Buffer.concat([extensionsOf(...goodExtensions), der.null()]) },
      { goSpiffe: 'accepted' },
    ),
    one(
      'bytes-after-certificate',
      { spoil: (certificate) => Buffer.concat([certificate, Buffer.of(0)]) },
      { rule: 'X.690 10', openssl: 'accepted' },
    ),
    one('cut-short', { spoil: (certificate) => certificate.subarray(0, -10) }, { rule: 'X.690 8.1' }),
    one(
      'length-not-minimal',
      { spoil: (certificate) => Buffer.concat([Buffer.of(0x30, 0x83, 0), certificate.subarray(2)]) },
      { rule: 'X.690 10.1', openssl: 'accepted' },
    ),
    one(
      'length-indefinite',
      {
        spoil: (certificate) =>
          Buffer.concat([Buffer.of(0x30, 0x80), certificate.subarray(4), Buffer.of(0, 0)]),
      },
      { rule: 'X.690 10.1', openssl: 'accepted' },
    ),
    one('not-der', { spoil: () => Buffer.from('not a certificate') }),
  ];
}
