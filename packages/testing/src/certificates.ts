import { createPublicKey, randomBytes, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { der, OID } from '@muster/spiffe/wire';

/** The parts of a certificate to be made. Nothing is checked, so that broken ones can be made too. */
export interface CertificateParts {
  /** Name as DER; see {@link distinguishedName}. */
  readonly subject: Uint8Array;
  readonly issuer: Uint8Array;
  readonly publicKey: KeyObject;
  readonly signingKey: KeyObject;
  readonly notBeforeAt: number;
  readonly expiresAt: number;
  /** Complete extensions; see {@link extension}. */
  readonly extensions: readonly Uint8Array[];
  readonly serialNumber?: Uint8Array;
}

/** Key usage bits by their number. */
export const KEY_USAGE = {
  digitalSignature: 0,
  keyEncipherment: 2,
  keyAgreement: 4,
  keyCertSign: 5,
  cRLSign: 6,
} as const;

/** Builds and signs a certificate: ECDSA, RSA (PKCS #1 v1.5, SHA-256) or Ed25519, by the kind of the signing key. */
export function buildCertificate(parts: CertificateParts): Uint8Array {
  const algorithm = signatureAlgorithm(parts.signingKey);
  const serialNumber = parts.serialNumber ?? randomBytes(16);
  const tbs = der.sequence(
    der.explicit(0, der.integer(2)),
    der.integer(serialNumber),
    algorithm.identifier,
    parts.issuer,
    der.sequence(der.time(parts.notBeforeAt), der.time(parts.expiresAt)),
    parts.subject,
    parts.publicKey.export({ format: 'der', type: 'spki' }),
    ...(parts.extensions.length === 0 ? [] : [der.explicit(3, der.sequence(...parts.extensions))]),
  );
  return der.sequence(tbs, algorithm.identifier, der.bitString(sign(algorithm.hash, tbs, parts.signingKey)));
}

/** A name of the attributes given: `commonName` and `serialNumber`. Without any it is the empty name. */
export function distinguishedName(
  attributes: { readonly commonName?: string; readonly serialNumber?: string } = {},
): Uint8Array {
  const relative = (oid: string, text: string): Uint8Array =>
    der.set(der.sequence(der.oid(oid), der.utf8String(text)));
  return der.sequence(
    ...(attributes.commonName === undefined ? [] : [relative(OID.COMMON_NAME, attributes.commonName)]),
    ...(attributes.serialNumber === undefined ? [] : [relative(OID.SERIAL_NUMBER, attributes.serialNumber)]),
  );
}

export function extension(oid: string, value: Uint8Array, isCritical = false): Uint8Array {
  return der.sequence(der.oid(oid), ...(isCritical ? [der.boolean(true)] : []), der.octetString(value));
}

export function keyUsageExtension(bits: readonly number[], isCritical = true): Uint8Array {
  const bytes = Buffer.alloc(Math.max(...bits) > 7 ? 2 : 1);
  for (const bit of bits) {
    bytes[bit >> 3]! |= 0x80 >> (bit & 7);
  }
  const last = bytes.at(-1)!;
  const unusedBits = last === 0 ? 0 : 31 - Math.clz32(last & -last);
  return extension(OID.KEY_USAGE, der.bitString(bytes, unusedBits), isCritical);
}

export function basicConstraintsExtension(isCa: boolean, pathLength?: number): Uint8Array {
  const value = der.sequence(
    ...(isCa ? [der.boolean(true)] : []),
    ...(pathLength === undefined ? [] : [der.integer(pathLength)]),
  );
  return extension(OID.BASIC_CONSTRAINTS, value, true);
}

export function subjectAltNameExtension(
  names: { readonly uris?: readonly (string | Uint8Array)[]; readonly dnsNames?: readonly string[] },
  isCritical = false,
): Uint8Array {
  const { uris = [], dnsNames = [] } = names;
  const value = der.sequence(
    ...dnsNames.map((name) => der.implicit(2, Buffer.from(name, 'latin1'))),
    ...uris.map((uri) => der.implicit(6, typeof uri === 'string' ? Buffer.from(uri, 'latin1') : uri)),
  );
  return extension(OID.SUBJECT_ALT_NAME, value, isCritical);
}

export function extendedKeyUsageExtension(oids: readonly string[]): Uint8Array {
  return extension(OID.EXTENDED_KEY_USAGE, der.sequence(...oids.map((oid) => der.oid(oid))));
}

/** Name constraints on URIs and DNS names. */
export function nameConstraintsExtension(constraints: {
  readonly permittedUris?: readonly string[];
  readonly excludedUris?: readonly string[];
  readonly permittedDnsNames?: readonly string[];
}): Uint8Array {
  const subtrees = (tagNumber: number, texts: readonly string[]): Uint8Array[] =>
    texts.map((text) => der.sequence(der.implicit(tagNumber, Buffer.from(text, 'latin1'))));
  const permitted = [
    ...subtrees(6, constraints.permittedUris ?? []),
    ...subtrees(2, constraints.permittedDnsNames ?? []),
  ];
  const excluded = subtrees(6, constraints.excludedUris ?? []);
  const value = der.sequence(
    ...(permitted.length === 0 ? [] : [der.explicit(0, Buffer.concat(permitted))]),
    ...(excluded.length === 0 ? [] : [der.explicit(1, Buffer.concat(excluded))]),
  );
  return extension(OID.NAME_CONSTRAINTS, value, true);
}

function signatureAlgorithm(key: KeyObject): {
  readonly hash: string | null;
  readonly identifier: Uint8Array;
} {
  if (key.asymmetricKeyType === 'rsa') {
    return { hash: 'sha256', identifier: der.sequence(der.oid(OID.RSA_SHA256), der.null()) };
  }
  if (key.asymmetricKeyType === 'ed25519') {
    return { hash: null, identifier: der.sequence(der.oid(OID.ED25519)) };
  }
  const curve = createPublicKey(key).asymmetricKeyDetails?.namedCurve;
  return curve === 'secp384r1'
    ? { hash: 'sha384', identifier: der.sequence(der.oid(OID.ECDSA_SHA384)) }
    : { hash: 'sha256', identifier: der.sequence(der.oid(OID.ECDSA_SHA256)) };
}
