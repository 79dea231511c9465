import type { KeyObject } from 'node:crypto';

const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 8192;
const MAX_RSA_EXPONENT = 0xffff_ffffn;
const CURVES = new Set(['prime256v1', 'secp384r1', 'secp521r1']);

/**
 * Says why a public key may not be used, or undefined when it may: RSA of 2048 to 8192 bits, the NIST curves P-256, P-384
 * and P-521, and Ed25519. The upper bounds keep a foreign key from making verification slow.
 */
export function findKeyFault(key: KeyObject): string | undefined {
  const details = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa') {
    const bits = details.modulusLength ?? 0;
    if (bits < MIN_RSA_BITS || bits > MAX_RSA_BITS) {
      return `RSA key must have ${MIN_RSA_BITS} to ${MAX_RSA_BITS} bits but has ${bits}`;
    }
    const exponent = details.publicExponent ?? 0n;
    return exponent < 3n || exponent > MAX_RSA_EXPONENT || exponent % 2n === 0n
      ? 'RSA exponent must be odd and between 3 and 2^32'
      : undefined;
  }
  if (key.asymmetricKeyType === 'ec') {
    return CURVES.has(details.namedCurve ?? '') ? undefined : 'elliptic curve must be P-256, P-384 or P-521';
  }
  return key.asymmetricKeyType === 'ed25519' ? undefined : 'key type must be RSA, EC or Ed25519';
}
