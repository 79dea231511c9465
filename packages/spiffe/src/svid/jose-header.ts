import { SpiffeError } from '../errors.ts';
import type { SpiffeErrorCode } from '../errors.ts';
import { decodeBase64Url } from '../internal/base64url.ts';
import { isJsonObject, parseStrictJsonBytes } from '../internal/json.ts';
import { JWT_ALGORITHMS } from './jwt-algorithms.ts';
import type { JwtAlgorithm } from './jwt-algorithms.ts';

const MAX_KEY_ID_LENGTH = 255;
const MAX_CACHED_HEADERS = 256;
const MAX_CACHED_HEADER_LENGTH = 512;
const ALLOWED_TYPES = new Set<unknown>([undefined, 'JWT', 'JOSE']);
// Registered parameters through which a token could bring or point to its own key, or change how it is read.
const REFUSED_PARAMETERS = [
  'jwk',
  'jku',
  'x5u',
  'x5c',
  'x5t',
  'x5t#S256',
  'b64',
  'zip',
  'enc',
  'cty',
] as const;

export interface JoseHeader {
  readonly algorithm: JwtAlgorithm;
  readonly keyId: string | undefined;
}

// An issuer signs thousands of tokens under the same header text. What stands here passed every check.
const cache = new Map<string, JoseHeader>();

/** Reads the first part of a token (JWT-SVID section 2). Throws SpiffeError `ERR_JWT_...` or `ERR_JSON_...`. */
export function parseJoseHeader(text: string): JoseHeader {
  const cached = cache.get(text);
  if (cached !== undefined) {
    return cached;
  }
  const header = parseHeader(text);
  if (text.length <= MAX_CACHED_HEADER_LENGTH) {
    if (cache.size >= MAX_CACHED_HEADERS) {
      cache.clear();
    }
    cache.set(text, header);
  }
  return header;
}

function parseHeader(text: string): JoseHeader {
  const bytes = decodeBase64Url(text);
  if (bytes === undefined) {
    throw fault('ERR_JWT_BASE64', 'the header is not strict base64url');
  }
  const header = parseStrictJsonBytes(bytes);
  if (!isJsonObject(header)) {
    throw fault('ERR_JWT_HEADER', 'the header must be a JSON object');
  }
  if (Object.hasOwn(header, 'crit')) {
    throw fault('ERR_JWT_CRITICAL_HEADER', 'no critical header parameter is understood');
  }
  const refused = REFUSED_PARAMETERS.find((name) => Object.hasOwn(header, name));
  if (refused !== undefined) {
    throw fault('ERR_JWT_HEADER_PARAMETER', `the header parameter "${refused}" is not allowed`);
  }
  const { alg, kid, typ } = header;
  const algorithm = typeof alg === 'string' ? JWT_ALGORITHMS.get(alg) : undefined;
  if (algorithm === undefined) {
    throw fault('ERR_JWT_ALGORITHM', `the algorithm must be one of ${[...JWT_ALGORITHMS.keys()].join(', ')}`);
  }
  if (!ALLOWED_TYPES.has(typ)) {
    throw fault('ERR_JWT_TYPE', 'the type must be "JWT" or "JOSE"');
  }
  const isKeyIdFine =
    kid === undefined || (typeof kid === 'string' && kid.length > 0 && kid.length <= MAX_KEY_ID_LENGTH);
  if (!isKeyIdFine) {
    throw fault('ERR_JWT_KEY_ID', `the key ID must be a string of 1 to ${MAX_KEY_ID_LENGTH} characters`);
  }
  return { algorithm, keyId: kid };
}

function fault(code: SpiffeErrorCode, reason: string): SpiffeError {
  return new SpiffeError(code, `Cannot accept JWT-SVID: ${reason}`);
}
