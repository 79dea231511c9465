import { constants, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import type { JwtBundle } from '../bundle/jwt-bundle.ts';
import type { JwtBundleSource } from '../bundle/source.ts';
import { SpiffeError } from '../errors.ts';
import type { SpiffeErrorCode } from '../errors.ts';
import { decodeBase64Url } from '../internal/base64url.ts';
import { quote } from '../internal/quote.ts';
import { encodeEcdsaSignature } from './ecdsa-signature.ts';
import type { JwtAlgorithm } from './jwt-algorithms.ts';
import { parseToken, toVerified } from './jwt-svid.ts';
import type { VerifiedJwtSvid } from './jwt-svid.ts';

const DEFAULT_LEEWAY_MS = 60_000;
const MAX_KEYS_TRIED = 16;

/** What a token is verified against. */
export interface VerifyJwtSvidOptions {
  /** Has the keys of the trust domains that are believed. */
  readonly bundles: JwtBundleSource;
  /** The verifier's own audience: must be in the token exactly as it is written here. */
  readonly audience: string;
  /** Ms since the epoch. Default: the system's time. */
  readonly now?: number | undefined;
  /** How far `nbf` and `iat` may lie in the future, in ms. Default 60000. */
  readonly leewayMs?: number | undefined;
  /** How long after `exp` a token still counts, in ms. Default 0. */
  readonly expiryLeewayMs?: number | undefined;
  /** Longer tokens are refused before any work. Default 8192. */
  readonly maxTokenLength?: number | undefined;
}

/**
 * Verifies a JWT-SVID (JWT-SVID section 4): form, algorithm, audience, times, and the signature by a key from the bundle
 * of the trust domain in `sub` and no other. Synchronous and bounded. It keeps no memory of tokens, so replay is not
 * noticed. Throws a SpiffeError whose code names the rule that is broken; no message quotes the token.
 */
export function verifyJwtSvid(token: string, options: VerifyJwtSvidOptions): VerifiedJwtSvid {
  const { header, claims, signatureText, signedLength } = parseToken(token, options.maxTokenLength);
  if (!claims.audience.includes(options.audience)) {
    const wanted = typeof options.audience === 'string' ? quote(options.audience) : 'one that is no text';
    throw fault('ERR_JWT_AUDIENCE_MISMATCH', `it is meant for another audience than ${wanted}`);
  }
  const now = options.now ?? Date.now();
  const latest = now + (options.leewayMs ?? DEFAULT_LEEWAY_MS);
  // Said so that a clock or leeway that is no number lets nothing pass.
  if (!(now < claims.expiresAt + (options.expiryLeewayMs ?? 0))) {
    throw fault('ERR_JWT_EXPIRED', 'it has expired');
  }
  if (claims.notBeforeAt !== undefined && !(claims.notBeforeAt <= latest)) {
    throw fault('ERR_JWT_NOT_YET_VALID', 'it is not yet valid');
  }
  if (claims.issuedAt !== undefined && !(claims.issuedAt <= latest)) {
    throw fault('ERR_JWT_ISSUED_IN_FUTURE', 'it was issued in the future');
  }
  const { trustDomain } = claims.id;
  const bundle = options.bundles.getJwtBundle(trustDomain);
  // A source that answers with another trust domain's bundle must not turn into trust.
  if (bundle === undefined || !bundle.trustDomain.equals(trustDomain)) {
    throw fault('ERR_BUNDLE_NOT_FOUND', `there is no bundle for trust domain "${trustDomain.name}"`);
  }
  const keys = bundle.findKeys(header.keyId, header.algorithm.name);
  if (keys.length === 0) {
    throw missingKey(bundle, header.keyId);
  }
  const signature = decodeBase64Url(signatureText);
  if (signature === undefined) {
    throw fault('ERR_JWT_BASE64', 'the signature is not strict base64url');
  }
  const signed = Buffer.from(token.slice(0, signedLength), 'latin1');
  if (!isSignedByOneOf(keys, header.algorithm, signed, signature)) {
    throw fault('ERR_JWT_SIGNATURE', 'the signature does not verify');
  }
  return toVerified(claims);
}

function missingKey({ authorities, trustDomain }: JwtBundle, keyId: string | undefined): SpiffeError {
  if (authorities.length === 0) {
    return fault('ERR_BUNDLE_EMPTY', `the bundle of trust domain "${trustDomain.name}" is empty`);
  }
  return keyId === undefined || authorities.some((authority) => authority.keyId === keyId)
    ? fault('ERR_JWT_KEY_ALGORITHM', `the key of trust domain "${trustDomain.name}" is for another algorithm`)
    : fault('ERR_JWT_KEY_NOT_FOUND', `trust domain "${trustDomain.name}" has no key of this ID`);
}

/** Says whether one of the keys, of which a few are tried, made the signature of a JWS. */
export function isSignedByOneOf(
  keys: readonly KeyObject[],
  algorithm: JwtAlgorithm,
  signed: Buffer,
  raw: Buffer,
): boolean {
  let signature: Buffer | undefined = raw;
  if (algorithm.integerBytes !== undefined) {
    signature = encodeEcdsaSignature(raw, algorithm.integerBytes);
    if (signature === undefined) {
      return false;
    }
  }
  for (const key of keys.slice(0, MAX_KEYS_TRIED)) {
    if (isSignedBy(key, algorithm, signed, signature)) {
      return true;
    }
  }
  return false;
}

function isSignedBy(key: KeyObject, algorithm: JwtAlgorithm, signed: Buffer, signature: Buffer): boolean {
  try {
    if (algorithm.isPss === true) {
      const saltLength = constants.RSA_PSS_SALTLEN_DIGEST;
      return verify(
        algorithm.hash,
        signed,
        { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength },
        signature,
      );
    }
    return verify(algorithm.hash, signed, key, signature);
  } catch {
    return false;
  }
}

function fault(code: SpiffeErrorCode, reason: string): SpiffeError {
  return new SpiffeError(code, `Cannot accept JWT-SVID: ${reason}`);
}
