import type { SpiffeId } from '../id/spiffe-id.ts';
import { decodeBase64Url } from '../internal/base64url.ts';
import { isJsonObject, parseStrictJsonBytes } from '../internal/json.ts';
import { faults, parseSubject, parseTimes } from './token-rules.ts';
import type { TokenTimes } from './token-rules.ts';

const fault = faults('JWT-SVID');

/** Times are in ms since the epoch, like the other instants. */
export interface JwtSvidClaims extends TokenTimes {
  readonly id: SpiffeId;
  readonly audience: readonly string[];
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
  const { sub, aud, jti } = claims;
  const { expiresAt, notBeforeAt, issuedAt } = parseTimes(claims, 'JWT-SVID');
  return {
    id: parseSubject(sub, 'JWT-SVID'),
    audience: parseAudience(aud),
    expiresAt,
    notBeforeAt,
    issuedAt,
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
