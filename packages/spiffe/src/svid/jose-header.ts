import { decodeBase64Url } from '../internal/base64url.ts';
import { faults, parseHeader } from './token-rules.ts';
import type { JoseHeader } from './token-rules.ts';

const MAX_CACHED_HEADERS = 256;
const MAX_CACHED_HEADER_LENGTH = 512;
const ALLOWED_TYPES = new Set<unknown>([undefined, 'JWT', 'JOSE']);
const fault = faults('JWT-SVID');

// An issuer signs thousands of tokens under the same header text. What stands here passed every check.
const cache = new Map<string, JoseHeader>();

/** Reads the first part of a token (JWT-SVID section 2). Throws SpiffeError `ERR_JWT_...` or `ERR_JSON_...`. */
export function parseJoseHeader(text: string): JoseHeader {
  const cached = cache.get(text);
  if (cached !== undefined) {
    return cached;
  }
  const bytes = decodeBase64Url(text);
  if (bytes === undefined) {
    throw fault('ERR_JWT_BASE64', 'the header is not strict base64url');
  }
  const header = parseHeader(bytes, 'JWT-SVID', checkType);
  if (text.length <= MAX_CACHED_HEADER_LENGTH) {
    if (cache.size >= MAX_CACHED_HEADERS) {
      cache.clear();
    }
    cache.set(text, header);
  }
  return header;
}

function checkType(typ: unknown): void {
  if (!ALLOWED_TYPES.has(typ)) {
    throw fault('ERR_JWT_TYPE', 'the type must be "JWT" or "JOSE"');
  }
}
