import { createPublicKey } from 'node:crypto';
import type { JsonWebKey, KeyObject } from 'node:crypto';

import { decodeBase64Url } from '../internal/base64url.ts';
import { findKeyFault } from '../x509/key-policy.ts';

const COORDINATE_BYTES = new Map([
  ['P-256', 32],
  ['P-384', 48],
  ['P-521', 66],
]);
const MAX_RSA_TEXT_LENGTH = 2000;

/** A key of a bundle that may sign tokens. */
export interface TokenKey {
  readonly keyId: string;
  readonly publicKey: KeyObject;
  readonly algorithm?: string;
}

/** Reads an entry of a bundle whatever its `use`, or says why it cannot be one that signs tokens. */
export function parseTokenKey(jwk: Readonly<Record<string, unknown>>): TokenKey | string {
  const { kid, alg, key_ops: operations } = jwk;
  if (typeof kid !== 'string' || kid === '') {
    return 'kid is missing';
  }
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) {
    return 'key_ops lacks "verify"';
  }
  if (alg !== undefined && typeof alg !== 'string') {
    return 'alg is not a string';
  }
  const publicKey = parseJwk(jwk);
  if (typeof publicKey === 'string') {
    return publicKey;
  }
  return { keyId: kid, publicKey, ...(alg === undefined ? {} : { algorithm: alg }) };
}

/** Makes a public key of an RSA or EC JWK (RFC 7518 section 6), or says why not. Only the public members are looked at. */
export function parseJwk(jwk: Readonly<Record<string, unknown>>): KeyObject | string {
  const members =
    jwk['kty'] === 'EC' ? pickEc(jwk) : jwk['kty'] === 'RSA' ? pickRsa(jwk) : 'key type is not RSA or EC';
  if (typeof members === 'string') {
    return members;
  }
  try {
    const key = createPublicKey({ key: members, format: 'jwk' });
    return findKeyFault(key) ?? key;
  } catch {
    return 'key is not valid';
  }
}

/** The public members of a key as JWK. */
export function toJwk(key: KeyObject): Record<string, string> {
  const { kty, crv, x, y, n, e } = key.export({ format: 'jwk' });
  return Object.fromEntries(
    Object.entries({ kty, crv, x, y, n, e }).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    ),
  );
}

/** The JWK of a key that signs JWT-SVIDs, as both kinds of bundle document have it. */
export function toJwtKey(authority: {
  readonly keyId: string;
  readonly publicKey: KeyObject;
  readonly algorithm?: string;
}): Record<string, string> {
  const { keyId, publicKey, algorithm } = authority;
  return {
    use: 'jwt-svid',
    kid: keyId,
    ...(algorithm === undefined ? {} : { alg: algorithm }),
    ...toJwk(publicKey),
  };
}

function pickEc(jwk: Readonly<Record<string, unknown>>): JsonWebKey | string {
  const { crv, x, y } = jwk;
  const bytes = typeof crv === 'string' ? COORDINATE_BYTES.get(crv) : undefined;
  if (bytes === undefined || typeof crv !== 'string') {
    return 'curve is not P-256, P-384 or P-521';
  }
  if (
    typeof x !== 'string' ||
    typeof y !== 'string' ||
    decodeBase64Url(x)?.length !== bytes ||
    decodeBase64Url(y)?.length !== bytes
  ) {
    return 'coordinates do not have the length of the curve';
  }
  return { kty: 'EC', crv, x, y };
}

function pickRsa(jwk: Readonly<Record<string, unknown>>): JsonWebKey | string {
  const { n, e } = jwk;
  const isFine = [n, e].every(
    (value) =>
      typeof value === 'string' &&
      value.length <= MAX_RSA_TEXT_LENGTH &&
      (decodeBase64Url(value)?.length ?? 0) > 0,
  );
  return isFine ? { kty: 'RSA', n: n as string, e: e as string } : 'modulus or exponent is malformed';
}
