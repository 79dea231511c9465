import type { SpiffeId } from '../id/spiffe-id.ts';
import { decodeBase64Url } from '../internal/base64url.ts';
import { isJsonObject, parseStrictJsonBytes } from '../internal/json.ts';
import { faults, parseSubject } from './token-rules.ts';

// The last second of the year 9999. A larger value is a mistake, most likely milliseconds.
const LATEST_SECONDS = 253_402_300_799;
const fault = faults('JWT-SVID');

export interface JwtSvidClaims {
  readonly id: SpiffeId;
  readonly audience: readonly string[];
  /** Ms since the epoch, like the other instants. */
  readonly expiresAt: number;
  readonly notBeforeAt: number | undefined;
  readonly issuedAt: number | undefined;
  readonly jti: string | undefined;
  readonly all: Readonly<Record<string, unknown>>;
}

/** Reads the second part of a token (JWT-SVID section 3). Compares nothing with the time or an audience. Throws SpiffeError `ERR_JWT_...` or `ERR_JSON_...`. */
export function parseClaims(text: string): JwtSvidClaims {
  const bytes = decodeBase64Url(text);
  if (bytes === undefined) {
    throw fault('ERR_JWT_BASE64', 'the claims are not strict base64url');
  }
  const claims = parseStrictJsonBytes(bytes);
  if (!isJsonObject(claims)) {
    throw fault('ERR_JWT_CLAIMS', 'the claims must be a JSON object');
  }
  const { sub, aud, exp, nbf, iat, jti } = claims;
  if (exp === undefined) {
    throw fault('ERR_JWT_EXPIRY', '"exp" must be there');
  }
  if (!isInstant(exp)) {
    throw fault('ERR_JWT_EXPIRY_MALFORMED', '"exp" must be seconds since the epoch');
  }
  if (nbf !== undefined && !isInstant(nbf)) {
    throw fault('ERR_JWT_NOT_BEFORE', '"nbf" must be seconds since the epoch');
  }
  if (iat !== undefined && !isInstant(iat)) {
    throw fault('ERR_JWT_ISSUED_AT', '"iat" must be seconds since the epoch');
  }
  return {
    id: parseSubject(sub, 'JWT-SVID'),
    audience: parseAudience(aud),
    expiresAt: exp * 1000,
    notBeforeAt: nbf === undefined ? undefined : nbf * 1000,
    issuedAt: iat === undefined ? undefined : iat * 1000,
    jti: typeof jti === 'string' ? jti : undefined,
    all: Object.freeze(claims),
  };
}

function parseAudience(aud: unknown): readonly string[] {
  const audience: unknown[] = Array.isArray(aud) ? aud : aud === undefined || aud === '' ? [] : [aud];
  if (audience.length === 0) {
    throw fault('ERR_JWT_AUDIENCE', '"aud" must be there and name somebody');
  }
  if (!audience.every((value) => typeof value === 'string' && value !== '')) {
    throw fault('ERR_JWT_AUDIENCE_MALFORMED', '"aud" must be a string or a list of strings, none empty');
  }
  return audience as string[];
}

function isInstant(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= LATEST_SECONDS;
}
