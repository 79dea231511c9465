import { timingSafeEqual } from 'node:crypto';

import type { SpiffeId } from '../../id/spiffe-id.ts';
import { isJsonObject } from '../../internal/json.ts';
import { isSignedByOneOf } from '../../svid/verify-jwt.ts';
import type { WitPresentation } from './headers.ts';
import { faults, readInstant } from '../../svid/token-rules.ts';
import { parseCompactJws } from './jws.ts';
import { cutAudience, hashToken } from './proof.ts';
import type { BoundTokens } from './proof.ts';
import type { ReplayCache } from './replay-cache.ts';
import type { WitBundleSource } from './wit-bundle.ts';
import { parseWit } from './wit-svid.ts';
import type { ParsedWit } from './wit-svid.ts';

const DEFAULT_LEEWAY_MS = 60_000;
const DEFAULT_MAX_PROOF_LIFETIME_MS = 300_000;
const MAX_JTI_LENGTH = 255;
const PROOF = { name: 'workload proof token', type: 'wpt+jwt', isTypeExact: false };
const witFault = faults('WIT-SVID');
const proofFault = faults(PROOF.name);

/** What a WIT-SVID and its proof are verified against. */
export interface VerifyWitOptions extends BoundTokens {
  /** Has the keys of the trust domains that are believed. */
  readonly bundles: WitBundleSource;
  /**
   * The target URI of the request, or several under which the verifier goes; query and fragment do not count. It must come
   * from configuration and the path of the request, never from its `Host` header.
   */
  readonly audience: string | readonly string[];
  /** Where proofs are remembered, so that none is taken twice. */
  readonly replayCache: ReplayCache;
  /** Ms since the epoch. Default: the system's time. */
  readonly now?: number | undefined;
  /** How far `nbf` and `iat` may lie in the future, in ms. Default 60000. */
  readonly leewayMs?: number | undefined;
  /** How long after `exp` SVID and proof still count, in ms. Default 0. */
  readonly expiryLeewayMs?: number | undefined;
  /** Proofs that are valid for longer are refused, in ms. Default 300000. */
  readonly maxProofLifetimeMs?: number | undefined;
  /** Longer tokens are refused before any work. Default 8192. */
  readonly maxTokenLength?: number | undefined;
}

/** Who sent a request, proven. Instants are in ms since the epoch. */
export interface VerifiedWit {
  readonly id: SpiffeId;
  readonly expiresAt: number;
  readonly issuedAt?: number;
  readonly jti?: string;
  /** All claims of the WIT-SVID as they stand in it. */
  readonly claims: Readonly<Record<string, unknown>>;
}

/**
 * Verifies the WIT-SVID of a request (SPIFFE WIT-SVID section 5, Incubating, July 2026) together with its workload proof token
 * (draft-ietf-wimse-wpt-02 section 2). There is no way to verify the one without the other: a WIT-SVID is no bearer token.
 * The proof does not cover the method and the content of the request. Throws a SpiffeError whose code names the rule that is broken.
 */
export async function verifyWitRequest(
  presentation: WitPresentation,
  options: VerifyWitOptions,
): Promise<VerifiedWit> {
  const now = options.now ?? Date.now();
  const wit = verifyWit(presentation.wit, options, now);
  const { claims } = wit;
  const proof = verifyProof(presentation, wit, options, now);
  const sender = claims.id.toString();
  const expiresAt = proof.expiresAt + (options.expiryLeewayMs ?? 0);
  if (!(await options.replayCache.remember({ sender, jti: proof.jti, expiresAt, now }))) {
    throw proofFault('ERR_WIT_PROOF_REPLAYED', 'it was used before');
  }
  return {
    id: claims.id,
    expiresAt: claims.expiresAt,
    ...(claims.issuedAt === undefined ? {} : { issuedAt: claims.issuedAt }),
    ...(claims.jti === undefined ? {} : { jti: claims.jti }),
    claims: claims.all,
  };
}

function verifyWit(token: string, options: VerifyWitOptions, now: number): ParsedWit {
  const wit = parseWit(token, options.maxTokenLength);
  const { jws, keyId, claims } = wit;
  const latest = now + (options.leewayMs ?? DEFAULT_LEEWAY_MS);
  // Said so that a clock or leeway that is no number lets nothing pass.
  if (!(now < claims.expiresAt + (options.expiryLeewayMs ?? 0))) {
    throw witFault('ERR_JWT_EXPIRED', 'it has expired');
  }
  if (claims.notBeforeAt !== undefined && !(claims.notBeforeAt <= latest)) {
    throw witFault('ERR_JWT_NOT_YET_VALID', 'it is not yet valid');
  }
  if (claims.issuedAt !== undefined && !(claims.issuedAt <= latest)) {
    throw witFault('ERR_JWT_ISSUED_IN_FUTURE', 'it was issued in the future');
  }
  const { trustDomain } = claims.id;
  const bundle = options.bundles.getWitBundle(trustDomain);
  // A source that answers with another trust domain's bundle must not turn into trust.
  if (bundle === undefined || !bundle.trustDomain.equals(trustDomain)) {
    throw witFault('ERR_BUNDLE_NOT_FOUND', `there is no bundle for trust domain "${trustDomain.name}"`);
  }
  const key = bundle.findKey(keyId, jws.algorithm);
  if (key === undefined) {
    throw witFault(
      'ERR_JWT_KEY_NOT_FOUND',
      `trust domain "${trustDomain.name}" has no key for WIT-SVIDs of this ID and algorithm`,
    );
  }
  if (!isSignedByOneOf([key], jws.algorithm, jws.signed, jws.signature)) {
    throw witFault('ERR_JWT_SIGNATURE', 'the signature does not verify');
  }
  return wit;
}

function verifyProof(
  { wit, proof }: WitPresentation,
  { claims: { confirmationAlgorithm, confirmationKey } }: ParsedWit,
  options: VerifyWitOptions,
  now: number,
): { readonly jti: string; readonly expiresAt: number } {
  const jws = parseCompactJws(proof, PROOF, options.maxTokenLength);
  if (jws.algorithm !== confirmationAlgorithm) {
    throw proofFault('ERR_WIT_PROOF_ALGORITHM', 'its algorithm must be that of "cnf.jwk" in the WIT-SVID');
  }
  const { aud, exp, iat, jti, wth } = jws.claims;
  if (!isHashOf(wth, wit)) {
    throw proofFault('ERR_WIT_PROOF_BINDING', 'it belongs to another WIT-SVID');
  }
  if (!isSignedByOneOf([confirmationKey], jws.algorithm, jws.signed, jws.signature)) {
    throw proofFault('ERR_WIT_PROOF_SIGNATURE', 'it is not signed by the key of the WIT-SVID');
  }
  const audiences = [options.audience].flat().map(cutAudience);
  // A list of one is the same; a proof for several receivers could be replayed from one to the other.
  const named: unknown = Array.isArray(aud) && aud.length === 1 ? aud[0] : aud;
  // Nothing is left of an audience that was not set, nor of a query alone: they must not meet.
  const target = typeof named === 'string' ? cutAudience(named) : '';
  if (target === '' || !audiences.includes(target)) {
    throw proofFault('ERR_WIT_PROOF_AUDIENCE', 'it is meant for another audience');
  }
  const expiresAt = readInstant(exp);
  const issuedAt = readInstant(iat);
  if (typeof expiresAt !== 'number' || issuedAt === null) {
    throw proofFault('ERR_WIT_PROOF_CLAIMS', '"exp" must be there, and be seconds since the epoch as "iat"');
  }
  if (!(now < expiresAt + (options.expiryLeewayMs ?? 0))) {
    throw proofFault('ERR_WIT_PROOF_EXPIRED', 'it has expired');
  }
  const leewayMs = options.leewayMs ?? DEFAULT_LEEWAY_MS;
  if (!(expiresAt <= now + (options.maxProofLifetimeMs ?? DEFAULT_MAX_PROOF_LIFETIME_MS) + leewayMs)) {
    throw proofFault('ERR_WIT_PROOF_LIFETIME', 'it must not be valid for so long');
  }
  if (issuedAt !== undefined && !(issuedAt <= now + leewayMs)) {
    throw proofFault('ERR_WIT_PROOF_LIFETIME', 'it was issued in the future');
  }
  if (typeof jti !== 'string' || jti === '' || jti.length > MAX_JTI_LENGTH) {
    throw proofFault('ERR_WIT_PROOF_CLAIMS', `"jti" must be a string of 1 to ${MAX_JTI_LENGTH} characters`);
  }
  checkBoundTokens(jws.claims, options);
  return { jti, expiresAt };
}

/** What the proof says of other tokens must be what came with the request, no more and no less. */
function checkBoundTokens(claims: Readonly<Record<string, unknown>>, tokens: BoundTokens): void {
  const { tth, oth } = claims;
  const isTxnFine = tokens.txnToken === undefined ? tth === undefined : isHashOf(tth, tokens.txnToken);
  const others = new Map(
    Object.entries(tokens.otherTokens ?? {}).map(([name, value]) => [name.toLowerCase(), value.trim()]),
  );
  const hashes = oth === undefined ? [] : isJsonObject(oth) ? Object.entries(oth) : undefined;
  const areOthersFine =
    hashes?.length === others.size && hashes.every(([name, hash]) => isHashOf(hash, others.get(name)));
  if (!isTxnFine || !areOthersFine) {
    throw proofFault('ERR_WIT_PROOF_BINDING', 'it does not cover the other tokens of the request');
  }
}

function isHashOf(hash: unknown, token: string | undefined): boolean {
  if (typeof hash !== 'string' || token === undefined) {
    return false;
  }
  const [given, wanted] = [Buffer.from(hash), Buffer.from(hashToken(token))];
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
