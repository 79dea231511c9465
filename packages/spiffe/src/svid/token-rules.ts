import { SpiffeError } from '../errors.ts';
import type { SpiffeErrorCode } from '../errors.ts';
import { SpiffeId } from '../id/spiffe-id.ts';
import { isJsonObject, parseStrictJsonBytes } from '../internal/json.ts';
import { JWT_ALGORITHMS } from './jwt-algorithms.ts';
import type { JwtAlgorithm } from './jwt-algorithms.ts';

const MAX_KEY_ID_LENGTH = 255;
// The last second of the year 9999. A larger value is a mistake, most likely milliseconds.
const LATEST_SECONDS = 253_402_300_799;
// Registered parameters through which a token could bring or point to its own key, or change how it is read.
const REFUSED_PARAMETERS = ['jwk', 'jku', 'x5u', 'x5c', 'x5t', 'x5t#S256', 'b64', 'zip', 'enc', 'cty'];

export interface JoseHeader {
  readonly algorithm: JwtAlgorithm;
  readonly keyId: string | undefined;
}

/** Makes the errors of one kind of token. No message ever quotes the token. */
export function faults(name: string): (code: SpiffeErrorCode, reason: string) => SpiffeError {
  return (code, reason) => new SpiffeError(code, `Cannot accept ${name}: ${reason}`);
}

/** Reads `sub` of the token that `name` names (JWT-SVID section 3.1). Throws SpiffeError `ERR_JWT_SUBJECT...`. */
export function parseSubject(sub: unknown, name: string): SpiffeId {
  const fault = faults(name);
  if (sub === undefined) {
    throw fault('ERR_JWT_SUBJECT_MISSING', '"sub" must be there');
  }
  if (typeof sub !== 'string') {
    throw fault('ERR_JWT_SUBJECT', '"sub" must be a SPIFFE ID');
  }
  let id: SpiffeId;
  try {
    id = SpiffeId.parse(sub);
  } catch (error) {
    throw new SpiffeError('ERR_JWT_SUBJECT', `Cannot accept ${name}: "sub" must be a SPIFFE ID`, {
      cause: error,
    });
  }
  if (id.path === '') {
    throw fault('ERR_JWT_SUBJECT_PATH', '"sub" must be a SPIFFE ID with a path');
  }
  return id;
}

/**
 * Reads the header of the token that `name` names (JWT-SVID section 2). `checkType` throws for a `typ` that is another
 * kind's. Throws SpiffeError `ERR_JWT_...` or `ERR_JSON_...`.
 */
export function parseHeader(bytes: Uint8Array, name: string, checkType: (typ: unknown) => void): JoseHeader {
  const fault = faults(name);
  const header = parseStrictJsonBytes(bytes);
  if (!isJsonObject(header)) {
    throw fault('ERR_JWT_HEADER', 'the header must be a JSON object');
  }
  if (Object.hasOwn(header, 'crit')) {
    throw fault('ERR_JWT_CRITICAL_HEADER', 'no critical header parameter is understood');
  }
  const refused = REFUSED_PARAMETERS.find((parameter) => Object.hasOwn(header, parameter));
  if (refused !== undefined) {
    throw fault('ERR_JWT_HEADER_PARAMETER', `the header parameter "${refused}" is not allowed`);
  }
  const { alg, kid, typ } = header;
  const algorithm = typeof alg === 'string' ? JWT_ALGORITHMS.get(alg) : undefined;
  if (algorithm === undefined) {
    throw fault('ERR_JWT_ALGORITHM', `the algorithm must be one of ${[...JWT_ALGORITHMS.keys()].join(', ')}`);
  }
  checkType(typ);
  const isKeyIdFine =
    kid === undefined || (typeof kid === 'string' && kid.length > 0 && kid.length <= MAX_KEY_ID_LENGTH);
  if (!isKeyIdFine) {
    throw fault('ERR_JWT_KEY_ID', `the key ID must be a string of 1 to ${MAX_KEY_ID_LENGTH} characters`);
  }
  return { algorithm, keyId: kid };
}

/** In ms since the epoch. */
export interface TokenTimes {
  readonly expiresAt: number;
  readonly notBeforeAt: number | undefined;
  readonly issuedAt: number | undefined;
}

/** Reads `exp`, `nbf` and `iat` of the token that `name` names, and compares them with nothing. Throws SpiffeError `ERR_JWT_...`. */
export function parseTimes(claims: Readonly<Record<string, unknown>>, name: string): TokenTimes {
  const expiresAt = readInstant(claims['exp']);
  const notBeforeAt = readInstant(claims['nbf']);
  const issuedAt = readInstant(claims['iat']);
  const fault = faults(name);
  if (expiresAt === undefined) {
    throw fault('ERR_JWT_EXPIRY', '"exp" must be there');
  }
  if (expiresAt === null) {
    throw fault('ERR_JWT_EXPIRY_MALFORMED', '"exp" must be seconds since the epoch');
  }
  if (notBeforeAt === null) {
    throw fault('ERR_JWT_NOT_BEFORE', '"nbf" must be seconds since the epoch');
  }
  if (issuedAt === null) {
    throw fault('ERR_JWT_ISSUED_AT', '"iat" must be seconds since the epoch');
  }
  return { expiresAt, notBeforeAt, issuedAt };
}

/** Reads a time claim, seconds since the epoch, as ms; undefined where it is absent and null where it is anything else. */
export function readInstant(value: unknown): number | undefined | null {
  if (value === undefined) {
    return undefined;
  }
  return typeof value === 'number' && value >= 0 && value <= LATEST_SECONDS ? value * 1000 : null;
}
