import { SpiffeError } from '../errors.ts';
import {
  checkInteger,
  DER_TAG,
  derMalformed,
  expectTag,
  readDer,
  readDerAll,
  readDerBitString,
  readDerBoolean,
  readDerChildren,
  readDerOid,
  readDerSmallInteger,
} from '../wire/der/reader.ts';
import type { DerElement } from '../wire/der/reader.ts';
import { parseNameConstraints } from './name-constraints.ts';
import type { GeneralName, NameConstraints } from './name-constraints.ts';
import { OID } from './oid.ts';

const MAX_EXTENSIONS = 64;
const MAX_NAMES = 1000;
const KEY_USAGE_BITS = { digitalSignature: 0, keyCertSign: 5, cRLSign: 6 } as const;

/** The bits of a key usage extension that matter here (RFC 5280 section 4.2.1.3). */
export interface KeyUsage {
  readonly isCritical: boolean;
  readonly hasDigitalSignature: boolean;
  readonly hasKeyCertSign: boolean;
  readonly hasCrlSign: boolean;
}

/** The extensions that matter here; the rest is ignored when it is not critical. */
export interface Extensions {
  readonly basicConstraints?: { readonly isCa: boolean; readonly pathLength: number | undefined };
  readonly keyUsage?: KeyUsage;
  readonly extendedKeyUsage?: readonly string[];
  readonly subjectAltName?: { readonly isCritical: boolean; readonly names: readonly GeneralName[] };
  readonly nameConstraints?: NameConstraints;
  readonly subjectKeyId?: Uint8Array;
  readonly authorityKeyId?: Uint8Array;
  /** Object identifiers of critical extensions that are not understood. Such a certificate must not be used. */
  readonly unknownCritical: readonly string[];
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Reads the Extensions of a certificate (RFC 5280 section 4.2). The same extension twice is malformed. */
export function parseExtensions(element: DerElement): Extensions {
  const extensions: Mutable<Extensions> = { unknownCritical: [] };
  const unknownCritical: string[] = [];
  const seen = new Set<string>();
  for (const extension of readDerChildren(element, DER_TAG.SEQUENCE, MAX_EXTENSIONS)) {
    const parts = readDerChildren(extension, DER_TAG.SEQUENCE, 3);
    const oid = readDerOid(parts[0]);
    if (seen.has(oid)) {
      throw new SpiffeError(
        'ERR_CERTIFICATE_EXTENSION_REPEATED',
        `Cannot parse certificate: extension ${oid} must be there only once`,
      );
    }
    seen.add(oid);
    const hasFlag = parts.length === 3;
    const isCritical = hasFlag && readDerBoolean(parts[1]!);
    const value = expectTag(parts[hasFlag ? 2 : 1], DER_TAG.OCTET_STRING).contents;
    if (!parseKnown(extensions, oid, isCritical, value) && isCritical) {
      unknownCritical.push(oid);
    }
  }
  return { ...extensions, unknownCritical };
}

function parseKnown(
  extensions: Mutable<Extensions>,
  oid: string,
  isCritical: boolean,
  value: Uint8Array,
): boolean {
  switch (oid) {
    case OID.BASIC_CONSTRAINTS:
      extensions.basicConstraints = parseBasicConstraints(value);
      return true;
    case OID.KEY_USAGE:
      extensions.keyUsage = parseKeyUsage(value, isCritical);
      return true;
    case OID.EXTENDED_KEY_USAGE:
      extensions.extendedKeyUsage = readDerChildren(readDer(value), DER_TAG.SEQUENCE, MAX_NAMES).map(
        readDerOid,
      );
      return true;
    case OID.SUBJECT_ALT_NAME:
      extensions.subjectAltName = { isCritical, names: parseGeneralNames(value) };
      return true;
    case OID.NAME_CONSTRAINTS:
      extensions.nameConstraints = parseNameConstraints(readDer(value));
      return true;
    case OID.SUBJECT_KEY_IDENTIFIER:
      extensions.subjectKeyId = expectTag(readDer(value), DER_TAG.OCTET_STRING).contents;
      return true;
    case OID.AUTHORITY_KEY_IDENTIFIER: {
      const keyId = readDerChildren(readDer(value), DER_TAG.SEQUENCE).find((field) => field.tag === 0x80);
      if (keyId !== undefined) {
        extensions.authorityKeyId = keyId.contents;
      }
      return true;
    }
    case OID.CERTIFICATE_POLICIES:
      // Every policy is acceptable here, so there is nothing to check.
      return true;
    default:
      return false;
  }
}

function parseBasicConstraints(value: Uint8Array): {
  readonly isCa: boolean;
  readonly pathLength: number | undefined;
} {
  const fields = readDerChildren(readDer(value), DER_TAG.SEQUENCE, 2);
  const hasFlag = fields[0]?.tag === DER_TAG.BOOLEAN;
  const isCa = hasFlag && readDerBoolean(fields[0]!);
  const pathLength = fields[hasFlag ? 1 : 0];
  if (fields.length === 2 && !hasFlag) {
    throw derMalformed('basic constraints are out of order');
  }
  return {
    isCa,
    pathLength: pathLength === undefined ? undefined : readDerSmallInteger(checkInteger(pathLength)),
  };
}

function parseKeyUsage(value: Uint8Array, isCritical: boolean): KeyUsage {
  const { bytes } = readDerBitString(readDer(value));
  const hasBit = (bit: number): boolean => ((bytes[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0;
  return {
    isCritical,
    hasDigitalSignature: hasBit(KEY_USAGE_BITS.digitalSignature),
    hasKeyCertSign: hasBit(KEY_USAGE_BITS.keyCertSign),
    hasCrlSign: hasBit(KEY_USAGE_BITS.cRLSign),
  };
}

function parseGeneralNames(value: Uint8Array): GeneralName[] {
  const names = readDerAll(expectTag(readDer(value), DER_TAG.SEQUENCE).contents, MAX_NAMES);
  if (names.length === 0) {
    throw derMalformed('subject alternative name must not be empty');
  }
  return names.map(({ tag, contents }) => ({ tag, contents }));
}
