import { createHash, sign, type KeyObject } from 'node:crypto';
import { der } from '@muster/spiffe/wire';

const OID = {
  organization: '2.5.4.10',
  commonName: '2.5.4.3',
  serialNumber: '2.5.4.5',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

const SAN_DNS = 2;
const SAN_URI = 6;
/** An uncompressed point ends the SubjectPublicKeyInfo of a P-256 key. */
const P256_POINT_BYTES = 65;

// Bits count from the left: digitalSignature, keyEncipherment and keyAgreement, as SPIRE sets them.
const LEAF_KEY_USAGE = der.bitString(Uint8Array.of(0b1010_1000), 3);
const CA_KEY_USAGE = der.bitString(Uint8Array.of(0b0000_0110), 1);

const VERSION_3 = der.explicit(0, der.integer(2));
const SIGNATURE_ALGORITHM = der.sequence(der.oid(OID.ecdsaWithSha256));

/** Everything of a leaf that does not change from one to the next. */
const LEAF_EXTENSIONS = Buffer.concat([
  extension(OID.keyUsage, true, LEAF_KEY_USAGE),
  extension(OID.extendedKeyUsage, false, der.sequence(der.oid(OID.serverAuth), der.oid(OID.clientAuth))),
  extension(OID.basicConstraints, true, der.sequence()),
]);
const LEAF_SUBJECT = name([OID.organization, 'Muster']);
const CA_EXTENSIONS = Buffer.concat([
  extension(OID.keyUsage, true, CA_KEY_USAGE),
  extension(OID.basicConstraints, true, der.sequence(der.boolean(true), der.integer(0))),
]);

/** The issuer as it stands in every certificate it signs. */
export interface Issuer {
  readonly name: Uint8Array;
  readonly keyIdentifierExtension: Uint8Array;
  readonly privateKey: KeyObject;
}

export interface Validity {
  /** Both in ms since the epoch, whole seconds. */
  readonly notBeforeAt: number;
  readonly expiresAt: number;
}

export interface LeafFields extends Validity {
  /** 16 bytes. */
  readonly serial: Uint8Array;
  readonly spiffeId: string;
  readonly dnsNames: readonly string[];
  /** SubjectPublicKeyInfo of a P-256 key. */
  readonly publicKey: Uint8Array;
}

/** Signs an X.509-SVID (X509-SVID 2 to 4): one URI SAN, no CA, for both ends of TLS. About 0.1 ms. */
export function signLeaf(fields: LeafFields, issuer: Issuer): Uint8Array {
  const [firstDnsName] = fields.dnsNames;
  return signCertificate(
    serialNumber(fields.serial),
    issuer,
    fields,
    firstDnsName === undefined
      ? LEAF_SUBJECT
      : name([OID.organization, 'Muster'], [OID.commonName, firstDnsName]),
    fields.publicKey,
    [
      LEAF_EXTENSIONS,
      subjectKeyIdentifier(fields.publicKey),
      issuer.keyIdentifierExtension,
      subjectAltName(fields.spiffeId, fields.dnsNames),
    ],
  );
}

export interface CaFields extends Validity {
  readonly serial: Uint8Array;
  /** The SPIFFE ID of the trust domain. */
  readonly trustDomainId: string;
  readonly publicKey: Uint8Array;
  readonly privateKey: KeyObject;
}

/** Makes a self-signed signing certificate with a subject of its own, and the issuer that goes with it. */
export function signAuthority(fields: CaFields): {
  readonly certificate: Uint8Array;
  readonly issuer: Issuer;
} {
  // Verifiers find an issuer by its subject: two authorities must never share one.
  const subject = name([OID.organization, 'Muster'], [OID.serialNumber, decimal(fields.serial)]);
  const issuer: Issuer = {
    name: subject,
    keyIdentifierExtension: extension(
      OID.authorityKeyIdentifier,
      false,
      der.sequence(der.implicit(0, keyIdentifier(fields.publicKey))),
    ),
    privateKey: fields.privateKey,
  };
  const certificate = signCertificate(
    serialNumber(fields.serial),
    issuer,
    fields,
    subject,
    fields.publicKey,
    [
      CA_EXTENSIONS,
      subjectKeyIdentifier(fields.publicKey),
      issuer.keyIdentifierExtension,
      subjectAltName(fields.trustDomainId, []),
    ],
  );
  return { certificate, issuer };
}

function signCertificate(
  serial: Uint8Array,
  issuer: Issuer,
  validity: Validity,
  subject: Uint8Array,
  publicKey: Uint8Array,
  extensions: readonly Uint8Array[],
): Uint8Array {
  const toBeSigned = der.sequence(
    VERSION_3,
    serial,
    SIGNATURE_ALGORITHM,
    issuer.name,
    der.sequence(der.time(validity.notBeforeAt), der.time(validity.expiresAt)),
    subject,
    publicKey,
    der.explicit(3, der.sequence(...extensions)),
  );
  const signature = sign('sha256', toBeSigned, issuer.privateKey);
  return der.sequence(toBeSigned, SIGNATURE_ALGORITHM, der.bitString(signature));
}

// All 128 bits are random; the 1 before them keeps the number positive and its length fixed.
function serialNumber(serial: Uint8Array): Uint8Array {
  return der.integer(Buffer.concat([Uint8Array.of(1), serial]));
}

function decimal(serial: Uint8Array): string {
  return BigInt(`0x${Buffer.from(serial).toString('hex')}`).toString();
}

function name(...attributes: readonly (readonly [oid: string, text: string])[]): Uint8Array {
  return der.sequence(
    ...attributes.map(([oid, text]) => der.set(der.sequence(der.oid(oid), der.utf8String(text)))),
  );
}

function extension(oid: string, isCritical: boolean, value: Uint8Array): Uint8Array {
  return isCritical
    ? der.sequence(der.oid(oid), der.boolean(true), der.octetString(value))
    : der.sequence(der.oid(oid), der.octetString(value));
}

function subjectAltName(uri: string, dnsNames: readonly string[]): Uint8Array {
  return extension(
    OID.subjectAltName,
    false,
    der.sequence(
      der.implicit(SAN_URI, Buffer.from(uri, 'latin1')),
      ...dnsNames.map((dnsName) => der.implicit(SAN_DNS, Buffer.from(dnsName, 'latin1'))),
    ),
  );
}

function subjectKeyIdentifier(publicKey: Uint8Array): Uint8Array {
  return extension(OID.subjectKeyIdentifier, false, der.octetString(keyIdentifier(publicKey)));
}

// RFC 5280 section 4.2.1.2, method 1.
function keyIdentifier(publicKey: Uint8Array): Uint8Array {
  return createHash('sha1').update(publicKey.subarray(-P256_POINT_BYTES)).digest();
}
