import { constants, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { isSpiffeError, SpiffeError } from '../errors.ts';
import {
  DER_TAG,
  expectTag,
  readDerAll,
  readDerChildren,
  readDerOid,
  readDerSmallInteger,
} from '../wire/der/reader.ts';
import type { DerElement } from '../wire/der/reader.ts';
import { OID } from './oid.ts';

/** How a certificate is signed. Only these combinations are accepted; SHA-1 and MD5 are not among them. */
export interface SignatureAlgorithm {
  readonly keyType: 'rsa' | 'ec' | 'ed25519';
  readonly hash: 'sha256' | 'sha384' | 'sha512' | undefined;
  readonly pssSaltLength?: number;
}

const SIMPLE = new Map<string, SignatureAlgorithm>([
  [OID.ECDSA_SHA256, { keyType: 'ec', hash: 'sha256' }],
  [OID.ECDSA_SHA384, { keyType: 'ec', hash: 'sha384' }],
  [OID.ECDSA_SHA512, { keyType: 'ec', hash: 'sha512' }],
  [OID.RSA_SHA256, { keyType: 'rsa', hash: 'sha256' }],
  [OID.RSA_SHA384, { keyType: 'rsa', hash: 'sha384' }],
  [OID.RSA_SHA512, { keyType: 'rsa', hash: 'sha512' }],
  [OID.ED25519, { keyType: 'ed25519', hash: undefined }],
]);

const HASHES = new Map<string, 'sha256' | 'sha384' | 'sha512'>([
  [OID.SHA256, 'sha256'],
  [OID.SHA384, 'sha384'],
  [OID.SHA512, 'sha512'],
]);

/** Reads an AlgorithmIdentifier. Throws SpiffeError `ERR_CERTIFICATE_ALGORITHM` for one that is not accepted. */
export function parseSignatureAlgorithm(element: DerElement): SignatureAlgorithm {
  try {
    return parse(element);
  } catch (error) {
    if (isSpiffeError(error) && error.code === 'ERR_DER_MALFORMED') {
      throw notAccepted('the signature algorithm is malformed', error);
    }
    throw error;
  }
}

function parse(element: DerElement): SignatureAlgorithm {
  const [oidElement, parameters, ...rest] = readDerChildren(
    expectTag(element, DER_TAG.SEQUENCE),
    DER_TAG.SEQUENCE,
  );
  const oid = readDerOid(oidElement);
  if (oid === OID.RSA_PSS) {
    return parsePss(parameters);
  }
  const simple = SIMPLE.get(oid);
  const areParametersFine =
    rest.length === 0 && (parameters === undefined || (simple?.keyType === 'rsa' && isNull(parameters)));
  if (simple === undefined || !areParametersFine) {
    throw notAccepted(`signature algorithm ${oid} is not accepted`);
  }
  return simple;
}

/** Says whether the signature over the bytes is the key's. A key of another type than the algorithm's gives false. */
export function isSignatureValid(
  algorithm: SignatureAlgorithm,
  key: KeyObject,
  signed: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (key.asymmetricKeyType !== algorithm.keyType) {
    return false;
  }
  try {
    if (algorithm.pssSaltLength === undefined) {
      return verify(algorithm.hash, signed, key, signature);
    }
    const padding = constants.RSA_PKCS1_PSS_PADDING;
    return verify(algorithm.hash, signed, { key, padding, saltLength: algorithm.pssSaltLength }, signature);
  } catch {
    return false;
  }
}

/** RSASSA-PSS (RFC 8017 section A.2.3): one hash for all, salt as long as the hash. */
function parsePss(parameters: DerElement | undefined): SignatureAlgorithm {
  const fields = new Map(
    readDerChildren(expectTag(parameters, DER_TAG.SEQUENCE), DER_TAG.SEQUENCE).map((field) => [
      field.tag,
      field.contents,
    ]),
  );
  const hash = parseHash(fields.get(0xa0));
  const [mgf, mgfHash] = readDerChildren(readOnly(fields.get(0xa1)), DER_TAG.SEQUENCE);
  const saltLength = readDerSmallInteger(readOnly(fields.get(0xa2)));
  const hashLength = Number(hash.slice(3)) / 8;
  const isMgfFine = readDerOid(mgf) === OID.MGF1 && parseHash(mgfHash?.bytes) === hash;
  if (!isMgfFine || saltLength !== hashLength || fields.has(0xa3)) {
    throw notAccepted('these RSASSA-PSS parameters are not accepted');
  }
  return { keyType: 'rsa', hash, pssSaltLength: saltLength };
}

function parseHash(contents: Uint8Array | undefined): 'sha256' | 'sha384' | 'sha512' {
  const [oid, parameters] = readDerChildren(readOnly(contents), DER_TAG.SEQUENCE);
  const hash = HASHES.get(readDerOid(oid));
  if (hash === undefined || (parameters !== undefined && !isNull(parameters))) {
    throw notAccepted('hash of RSASSA-PSS must be SHA-256, SHA-384 or SHA-512');
  }
  return hash;
}

function readOnly(contents: Uint8Array | undefined): DerElement {
  const [element, ...rest] = readDerAll(contents ?? new Uint8Array(0));
  if (element === undefined || rest.length > 0) {
    throw notAccepted('RSASSA-PSS parameters must be written out');
  }
  return element;
}

function isNull(element: DerElement): boolean {
  return element.tag === DER_TAG.NULL && element.contents.length === 0;
}

function notAccepted(reason: string, cause?: unknown): SpiffeError {
  return new SpiffeError('ERR_CERTIFICATE_ALGORITHM', `Cannot accept certificate: ${reason}`, { cause });
}
