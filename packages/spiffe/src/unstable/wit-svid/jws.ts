import { decodeBase64Url } from '../../internal/base64url.ts';
import { isJsonObject, parseStrictJsonBytes } from '../../internal/json.ts';
import { faults, parseHeader } from '../../svid/token-rules.ts';
import type { JoseHeader } from '../../svid/token-rules.ts';

const DEFAULT_MAX_TOKEN_LENGTH = 8192;
const MAX_SIGNATURE_TEXT_LENGTH = 1366;

/** What kind of token is read: for messages, and so that no kind passes for another. */
export interface TokenKind {
  /** "WIT-SVID" */
  readonly name: string;
  /** Its `typ`, a media type whose prefix "application/" may be left out (RFC 7515 section 4.1.9). */
  readonly type: string;
  /** Whether that prefix and upper case are accepted at all. */
  readonly isTypeExact: boolean;
}

/** A compact JWS whose form was checked, and nothing else. */
export interface CompactJws extends JoseHeader {
  readonly claims: Readonly<Record<string, unknown>>;
  readonly signed: Buffer;
  readonly signature: Buffer;
}

/** Takes a token apart. The length is checked before anything is decoded. Throws SpiffeError `ERR_JWT_...` or `ERR_JSON_...`. */
export function parseCompactJws(
  token: string,
  kind: TokenKind,
  maxTokenLength: number = DEFAULT_MAX_TOKEN_LENGTH,
): CompactJws {
  const fault = faults(kind.name);
  if (token.length > maxTokenLength) {
    throw fault('ERR_JWT_TOO_LONG', `it must have at most ${maxTokenLength} characters`);
  }
  const parts = token.split('.', 4);
  const [headerText = '', claimsText = '', signatureText = ''] = parts;
  if (parts.length !== 3 || parts.includes('')) {
    throw fault('ERR_JWT_MALFORMED', 'it must have three parts with dots between them');
  }
  if (signatureText.length > MAX_SIGNATURE_TEXT_LENGTH) {
    throw fault('ERR_JWT_SIGNATURE', 'the signature is longer than any accepted key makes it');
  }
  const [headerBytes, claimsBytes, signature] = [headerText, claimsText, signatureText].map(decodeBase64Url);
  if (headerBytes === undefined || claimsBytes === undefined || signature === undefined) {
    throw fault('ERR_JWT_BASE64', 'its parts must be strict base64url');
  }
  const header = parseHeader(headerBytes, kind.name, (typ) => {
    if (!isType(typ, kind)) {
      throw fault('ERR_WIT_TYPE', `the type must be "${kind.type}"`);
    }
  });
  const claims = parseStrictJsonBytes(claimsBytes);
  if (!isJsonObject(claims)) {
    throw fault('ERR_JWT_CLAIMS', 'the claims must be a JSON object');
  }
  const signed = Buffer.from(token.slice(0, headerText.length + 1 + claimsText.length), 'latin1');
  return { ...header, claims, signed, signature };
}

function isType(typ: unknown, { type, isTypeExact }: TokenKind): boolean {
  return typeof typ === 'string' && (typ === type || (!isTypeExact && isMediaType(typ, type)));
}

function isMediaType(typ: string, type: string): boolean {
  return [type, `application/${type}`].includes(typ.toLowerCase());
}
