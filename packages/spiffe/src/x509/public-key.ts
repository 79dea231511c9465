import { createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { isSpiffeError, SpiffeError } from '../errors.ts';
import {
  DER_TAG,
  expectTag,
  readDer,
  readDerBitString,
  readDerChildren,
  readDerOid,
} from '../wire/der/reader.ts';
import type { DerElement } from '../wire/der/reader.ts';
import { CURVES, isOnCurve } from './curve.ts';
import { findKeyFault } from './key-policy.ts';
import { OID } from './oid.ts';

const UNCOMPRESSED = 4;
const COMPRESSED = new Set([2, 3]);

/** Makes a key of a SubjectPublicKeyInfo in DER. Throws SpiffeError `ERR_CERTIFICATE_KEY` when it is unreadable or against the key policy. */
export function importPublicKey(spki: Uint8Array): KeyObject {
  const { isElliptic } = readAlgorithm(spki);
  let key: KeyObject;
  try {
    key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch (error) {
    throw notUsable('its public key is unreadable', error);
  }
  // The curve was read already, and asking node:crypto for it takes half as long as making the key.
  const fault = isElliptic ? undefined : findKeyFault(key);
  if (fault !== undefined) {
    throw notUsable(fault);
  }
  return key;
}

/** Throws what `importPublicKey` throws. For the key of a leaf, which verifies nothing here: on an elliptic curve it takes a twentieth of the time. */
export function checkPublicKey(spki: Uint8Array): void {
  const { isElliptic, isKnownGood } = readAlgorithm(spki);
  if (!(isElliptic && isKnownGood)) {
    importPublicKey(spki);
  }
}

interface Algorithm {
  readonly isElliptic: boolean;
  /** The key needs no further look. */
  readonly isKnownGood: boolean;
}

function readAlgorithm(spki: Uint8Array): Algorithm {
  try {
    return parse(spki);
  } catch (error) {
    if (isSpiffeError(error) && error.code === 'ERR_DER_MALFORMED') {
      throw notUsable('its public key is unreadable', error);
    }
    throw error;
  }
}

/** RFC 5280 section 4.1.2.7, RFC 3279 section 2.3.1, RFC 5480 section 2, RFC 8410 section 4. */
function parse(spki: Uint8Array): Algorithm {
  const [identifier, bitString, ...rest] = readDerChildren(readDer(spki), DER_TAG.SEQUENCE, 3);
  const [oid, parameters, ...more] = readDerChildren(
    expectTag(identifier, DER_TAG.SEQUENCE),
    DER_TAG.SEQUENCE,
    3,
  );
  const { bytes, unusedBits } = readDerBitString(bitString);
  if (rest.length > 0 || more.length > 0 || unusedBits !== 0) {
    throw notUsable('its public key is unreadable');
  }
  switch (readDerOid(oid)) {
    case OID.EC_PUBLIC_KEY:
      return { isElliptic: true, isKnownGood: isKnownPoint(parameters, bytes) };
    case OID.RSA_ENCRYPTION:
      if (parameters?.tag !== DER_TAG.NULL || parameters.contents.length > 0) {
        throw notUsable('the parameters of an RSA key must be NULL');
      }
      return { isElliptic: false, isKnownGood: false };
    case OID.ED25519:
      if (parameters !== undefined) {
        throw notUsable('an Ed25519 key must have no parameters');
      }
      return { isElliptic: false, isKnownGood: false };
    default:
      throw notUsable('key type must be RSA, EC or Ed25519');
  }
}

/** False leaves the point to node:crypto: in its compressed form the second coordinate must be computed. */
function isKnownPoint(parameters: DerElement | undefined, bytes: Uint8Array): boolean {
  const isNamed = parameters?.tag === DER_TAG.OBJECT_IDENTIFIER;
  const curve = isNamed ? CURVES.get(readDerOid(parameters)) : undefined;
  if (curve === undefined) {
    throw notUsable('elliptic curve must be P-256, P-384 or P-521, by its name');
  }
  const form = bytes[0] ?? 0;
  if (COMPRESSED.has(form)) {
    return false;
  }
  if (form !== UNCOMPRESSED || !isOnCurve(curve, bytes.subarray(1))) {
    throw notUsable('its public key is not a point of the curve');
  }
  return true;
}

function notUsable(reason: string, cause?: unknown): SpiffeError {
  return new SpiffeError('ERR_CERTIFICATE_KEY', `Cannot use certificate: ${reason}`, { cause });
}
