import type { KeyObject } from 'node:crypto';

import { SpiffeError } from '../errors.ts';
import {
  checkInteger,
  DER_TAG,
  derMalformed,
  expectTag,
  readDer,
  readDerAll,
  readDerBitString,
  readDerChildren,
  readDerTime,
} from '../wire/der/reader.ts';
import type { DerElement } from '../wire/der/reader.ts';
import { parseExtensions } from './extensions.ts';
import type { Extensions } from './extensions.ts';
import { checkName } from './name.ts';
import { checkPublicKey, importPublicKey } from './public-key.ts';
import { isSignatureValid, parseSignatureAlgorithm } from './signature.ts';

const MAX_CERTIFICATE_BYTES = 64 * 1024;
const VERSION_3 = 2;

interface CertificateFields {
  readonly bytes: Uint8Array;
  readonly tbs: Uint8Array;
  readonly serialNumber: Uint8Array;
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly notBeforeAt: number;
  readonly expiresAt: number;
  readonly spki: Uint8Array;
  readonly extensions: Extensions;
  readonly algorithm: DerElement;
  readonly signature: Uint8Array;
}

/** An X.509 version 3 certificate, read but not verified (RFC 5280 section 4.1). Names are kept as DER. */
export class Certificate {
  readonly bytes: Uint8Array;
  readonly serialNumber: Uint8Array;
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** Ms since the epoch. */
  readonly notBeforeAt: number;
  /** notAfter in ms since the epoch. The certificate is valid up to and including it. */
  readonly expiresAt: number;
  /** SubjectPublicKeyInfo as DER. */
  readonly spki: Uint8Array;
  readonly extensions: Extensions;
  readonly #tbs: Uint8Array;
  readonly #algorithm: DerElement;
  readonly #signature: Uint8Array;
  #publicKey: KeyObject | undefined;

  constructor(fields: CertificateFields) {
    this.bytes = fields.bytes;
    this.serialNumber = fields.serialNumber;
    this.issuer = fields.issuer;
    this.subject = fields.subject;
    this.notBeforeAt = fields.notBeforeAt;
    this.expiresAt = fields.expiresAt;
    this.spki = fields.spki;
    this.extensions = fields.extensions;
    this.#tbs = fields.tbs;
    this.#algorithm = fields.algorithm;
    this.#signature = fields.signature;
  }

  get isSubjectEmpty(): boolean {
    return readDer(this.subject).contents.length === 0;
  }

  get isSelfIssued(): boolean {
    return Buffer.compare(this.subject, this.issuer) === 0;
  }

  /** The public key; made once. Throws SpiffeError `ERR_CERTIFICATE_KEY` when it is unreadable or against the key policy. */
  get publicKey(): KeyObject {
    this.#publicKey ??= importPublicKey(this.spki);
    return this.#publicKey;
  }

  /** Throws what `publicKey` throws, without making the key. */
  checkPublicKey(): void {
    if (this.#publicKey === undefined) {
      checkPublicKey(this.spki);
    }
  }

  /** Says whether this certificate is signed by the key of the other one. Checks nothing else. Throws SpiffeError `ERR_CERTIFICATE_ALGORITHM` or `ERR_CERTIFICATE_KEY`. */
  isSignedBy(issuer: Certificate): boolean {
    // Read only now: an authority may be signed in ways that are not accepted, as long as nobody relies on that signature.
    const algorithm = parseSignatureAlgorithm(this.#algorithm);
    return isSignatureValid(algorithm, issuer.publicKey, this.#tbs, this.#signature);
  }
}

/** Reads one DER certificate. Throws SpiffeError `ERR_CERTIFICATE_MALFORMED`. */
export function parseCertificate(bytes: Uint8Array): Certificate {
  try {
    if (bytes.length > MAX_CERTIFICATE_BYTES) {
      throw derMalformed(`certificate must have at most ${MAX_CERTIFICATE_BYTES} bytes`);
    }
    return new Certificate(parseFields(bytes));
  } catch (error) {
    if (error instanceof SpiffeError && error.code === 'ERR_DER_MALFORMED') {
      throw new SpiffeError('ERR_CERTIFICATE_MALFORMED', `Cannot parse certificate: ${error.message}`, {
        cause: error,
      });
    }
    throw error;
  }
}

/** Cuts concatenated DER certificates apart and reads each. */
export function parseCertificates(concatenated: Uint8Array, limit: number): Certificate[] {
  let elements;
  try {
    elements = readDerAll(concatenated, limit);
  } catch (error) {
    throw new SpiffeError(
      'ERR_CERTIFICATE_MALFORMED',
      'Cannot cut certificates apart: they must be concatenated DER',
      {
        cause: error,
      },
    );
  }
  return elements.map((element) => parseCertificate(element.bytes));
}

function parseFields(bytes: Uint8Array): CertificateFields {
  const [tbsElement, outerAlgorithm, signatureElement, ...rest] = readDerChildren(
    readDer(bytes),
    DER_TAG.SEQUENCE,
  );
  const tbs = expectTag(tbsElement, DER_TAG.SEQUENCE);
  const fields = readDerChildren(tbs, DER_TAG.SEQUENCE, 10);
  const [version, serial, innerAlgorithm, issuer, validity, subject, spki, ...optional] = fields;
  checkVersion(version);
  const serialNumber = checkInteger(serial).contents;
  if (rest.length > 0 || outerAlgorithm === undefined || innerAlgorithm === undefined) {
    throw derMalformed('certificate must have three parts');
  }
  if (Buffer.compare(outerAlgorithm.bytes, innerAlgorithm.bytes) !== 0) {
    throw new SpiffeError(
      'ERR_CERTIFICATE_ALGORITHM_MISMATCH',
      'Cannot parse certificate: the signature algorithm must be the same inside and outside of what is signed',
    );
  }
  const { bytes: signature, unusedBits } = readDerBitString(signatureElement);
  if (unusedBits !== 0) {
    throw derMalformed('signature has a wrong form');
  }
  return {
    bytes,
    tbs: tbs.bytes,
    serialNumber,
    issuer: parseName(issuer),
    subject: parseName(subject),
    ...parseValidity(validity),
    spki: expectTag(spki, DER_TAG.SEQUENCE).bytes,
    extensions: parseOptionalFields(optional),
    algorithm: expectTag(innerAlgorithm, DER_TAG.SEQUENCE),
    signature,
  };
}

/** A version 1 or 2 certificate has no tagged version of 3, so its first field may as well be the serial number. */
function checkVersion(element: DerElement | undefined): void {
  const [version, ...rest] = element?.tag === 0xa0 ? readDerChildren(element, 0xa0) : [];
  const isVersion3 =
    version?.tag === DER_TAG.INTEGER && version.contents.length === 1 && version.contents[0] === VERSION_3;
  if (!isVersion3 || rest.length > 0) {
    throw new SpiffeError('ERR_CERTIFICATE_VERSION', 'Cannot parse certificate: version must be 3');
  }
}

function parseName(element: DerElement | undefined): Uint8Array {
  const name = expectTag(element, DER_TAG.SEQUENCE);
  checkName(name);
  return name.bytes;
}

function parseValidity(element: DerElement | undefined): {
  readonly notBeforeAt: number;
  readonly expiresAt: number;
} {
  const [notBefore, notAfter, ...rest] = readDerChildren(
    expectTag(element, DER_TAG.SEQUENCE),
    DER_TAG.SEQUENCE,
    3,
  );
  try {
    if (rest.length > 0) {
      throw derMalformed('validity must have two times');
    }
    return { notBeforeAt: readDerTime(notBefore), expiresAt: readDerTime(notAfter) };
  } catch (error) {
    throw new SpiffeError(
      'ERR_CERTIFICATE_VALIDITY',
      'Cannot parse certificate: validity must be two times in UTC with seconds',
      { cause: error },
    );
  }
}

function parseOptionalFields(
  optional: readonly { readonly tag: number; readonly contents: Uint8Array }[],
): Extensions {
  let lastTag = 0;
  let extensions: Extensions = { unknownCritical: [] };
  for (const field of optional) {
    // issuerUniqueID [1], subjectUniqueID [2] and extensions [3], each at most once and in this order.
    if (![0x81, 0x82, 0xa3].includes(field.tag) || (field.tag & 3) <= lastTag) {
      throw derMalformed('fields at the end of the certificate are out of order');
    }
    lastTag = field.tag & 3;
    if (field.tag === 0xa3) {
      extensions = parseExtensions(readDer(field.contents));
    }
  }
  return extensions;
}
