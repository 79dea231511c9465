import { inspect } from 'node:util';

import { SpiffeError } from '../errors.ts';
import type { SpiffeId } from '../id/spiffe-id.ts';
import { parseClaims } from './jwt-claims.ts';
import type { JwtSvidClaims } from './jwt-claims.ts';
import { parseJoseHeader } from './jose-header.ts';
import type { JoseHeader } from './token-rules.ts';

const DEFAULT_MAX_TOKEN_LENGTH = 8192;
const MAX_SIGNATURE_TEXT_LENGTH = 1366;

/** What a verified JWT-SVID says (JWT-SVID section 3). Instants are in ms since the epoch. */
export interface VerifiedJwtSvid {
  readonly id: SpiffeId;
  readonly audience: readonly string[];
  readonly expiresAt: number;
  readonly issuedAt?: number;
  readonly jti?: string;
  /** All claims as they stand in the token. */
  readonly claims: Readonly<Record<string, unknown>>;
}

/** A JWT-SVID of one's own. The token does not show in JSON, in `util.inspect` or in a copy by spread. */
export interface JwtSvid extends VerifiedJwtSvid {
  readonly token: string;
  /** What the issuer says it is for. */
  readonly hint?: string;
}

export interface ParsedToken {
  readonly header: JoseHeader;
  readonly claims: JwtSvidClaims;
  readonly signatureText: string;
  /** Length of the part that is signed. */
  readonly signedLength: number;
}

/** Takes a compact JWS apart and reads header and claims. The length is checked before anything is decoded. */
export function parseToken(token: string, maxTokenLength: number = DEFAULT_MAX_TOKEN_LENGTH): ParsedToken {
  // A header of a request that is not there is undefined, and to be refused like any other bad token.
  if (typeof token !== 'string') {
    throw new SpiffeError(
      'ERR_JWT_MALFORMED',
      `Cannot accept JWT-SVID: it must be a string but is of type ${typeof token}`,
    );
  }
  if (token.length > maxTokenLength) {
    throw new SpiffeError(
      'ERR_JWT_TOO_LONG',
      `Cannot accept JWT-SVID: it must have at most ${maxTokenLength} characters`,
    );
  }
  const firstDot = token.indexOf('.');
  const secondDot = token.indexOf('.', firstDot + 1);
  const signatureText = token.slice(secondDot + 1);
  const isCompact =
    firstDot > 0 && secondDot > firstDot + 1 && signatureText.length > 0 && !signatureText.includes('.');
  if (!isCompact) {
    throw new SpiffeError(
      'ERR_JWT_MALFORMED',
      'Cannot accept JWT-SVID: it must have three parts with dots between them',
    );
  }
  if (signatureText.length > MAX_SIGNATURE_TEXT_LENGTH) {
    throw new SpiffeError(
      'ERR_JWT_SIGNATURE',
      'Cannot accept JWT-SVID: the signature is longer than any accepted key makes it',
    );
  }
  const header = parseJoseHeader(token.slice(0, firstDot));
  const claims = parseClaims(token.slice(firstDot + 1, secondDot));
  return { header, claims, signatureText, signedLength: secondDot };
}

/** The public form of claims. */
export function toVerified(claims: JwtSvidClaims): VerifiedJwtSvid {
  return {
    id: claims.id,
    audience: claims.audience,
    expiresAt: claims.expiresAt,
    ...(claims.issuedAt === undefined ? {} : { issuedAt: claims.issuedAt }),
    ...(claims.jti === undefined ? {} : { jti: claims.jti }),
    claims: claims.all,
  };
}

/**
 * Reads a JWT-SVID without verifying its signature, its audience or its time: for a token that the Workload API handed
 * out to oneself, never for one that a peer sent. The form is checked in full. Throws SpiffeError `ERR_JWT_...` or `ERR_JSON_...`.
 */
export function parseUnverifiedJwtSvid(
  token: string,
  options: { readonly hint?: string | undefined } = {},
): JwtSvid {
  const parsed = parseToken(token);
  const verified = toVerified(parsed.claims);
  const svid = {
    ...verified,
    ...(options.hint === undefined || options.hint === '' ? {} : { hint: options.hint }),
  };
  const summary = (): object => ({
    id: verified.id.toString(),
    audience: verified.audience,
    expiresAt: verified.expiresAt,
    jti: verified.jti,
    hint: options.hint,
  });
  Object.defineProperties(svid, {
    token: { value: token },
    toJSON: { value: summary },
    [inspect.custom]: { value: summary },
  });
  return Object.freeze(svid) as JwtSvid;
}
