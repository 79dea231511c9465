import { randomBytes } from 'node:crypto';
import { LatticeError } from './errors.ts';
import type { JsonObject } from './json.ts';
import type { Nkey } from './nkey.ts';
import { parsePublicKey, verifyEd25519 } from './nkey.ts';

/** A NATS JWT whose signature was verified. Nothing else about it was. */
export interface DecodedNatsJwt {
  /** Public nkey that signed it; equal to the `iss` claim. */
  readonly issuer: string;
  readonly claims: JsonObject;
}

const HEADER_TEXT = '{"typ":"JWT","alg":"ed25519-nkey"}';
const HEADER_SEGMENT = Buffer.from(HEADER_TEXT, 'latin1').toString('base64url');
/** Header texts that nats-server, nats.go and this package write. */
const HEADERS: ReadonlySet<string> = new Set([
  HEADER_SEGMENT,
  Buffer.from('{"alg":"ed25519-nkey","typ":"JWT"}', 'latin1').toString('base64url'),
]);

/** Signs claims; `iss`, `iat` (seconds of `now`) and a random `jti` are added. */
export function encodeNatsJwt(claims: JsonObject, signer: Nkey, now: number = Date.now()): string {
  const head = { jti: randomBytes(16).toString('hex'), iat: Math.floor(now / 1000), iss: signer.publicKey };
  return signNatsJwt(JSON.stringify({ ...claims, ...head }), signer);
}

/** Signs claims that are already JSON text, `iss` included. For hot paths. */
export function signNatsJwt(claimsJson: string, signer: Nkey): string {
  const signed = `${HEADER_SEGMENT}.${Buffer.from(claimsJson, 'utf8').toString('base64url')}`;
  const signature = signer.sign(Buffer.from(signed, 'latin1')) as Buffer;
  return `${signed}.${signature.toString('base64url')}`;
}

/**
 * Verifies a NATS JWT and returns its claims. Throws ERR_NATS_JWT_MALFORMED (shape, base64 that is not canonical, another
 * algorithm) or ERR_NATS_JWT_SIGNATURE. `keys` may hold 32-byte keys by issuer; new issuers are not added.
 */
export function decodeNatsJwt(token: string, keys?: ReadonlyMap<string, Uint8Array>): DecodedNatsJwt {
  const first = token.indexOf('.');
  const second = token.indexOf('.', first + 1);
  if (first < 0 || second < 0 || !HEADERS.has(token.slice(0, first)))
    throw malformed('it has another form or algorithm');
  const payload = decodeSegment(token.slice(first + 1, second));
  const signature = decodeSegment(token.slice(second + 1));
  const claims = parseClaims(payload);
  const issuer = claims['iss'];
  if (typeof issuer !== 'string') throw malformed('it names no issuer');
  const key = keys?.get(issuer) ?? parsePublicKey(issuer);
  if (!verifyEd25519(key, Buffer.from(token.slice(0, second), 'latin1'), signature)) {
    throw new LatticeError('ERR_NATS_JWT_SIGNATURE', 'Cannot verify NATS JWT: its issuer did not sign it');
  }
  return { issuer, claims };
}

/** Claims without any verification, for showing them only. Throws ERR_NATS_JWT_MALFORMED. */
export function parseUnverifiedNatsJwt(token: string): JsonObject {
  return parseClaims(decodeSegment(token.split('.')[1] ?? ''));
}

function decodeSegment(segment: string): Buffer {
  const bytes = Buffer.from(segment, 'base64url');
  // Node ignores padding, white space, the other alphabet and stray bits; only one text may stand for the bytes.
  if (bytes.toString('base64url') !== segment) throw malformed('it is not canonical base64url');
  return bytes;
}

function parseClaims(payload: Buffer): JsonObject {
  try {
    const claims: unknown = JSON.parse(payload.toString('utf8'));
    if (typeof claims === 'object' && claims !== null && !Array.isArray(claims)) return claims as JsonObject;
  } catch {
    // Falls through: the parser's message would quote the claims.
  }
  throw malformed('its claims are not a JSON object');
}

function malformed(why: string): LatticeError {
  return new LatticeError('ERR_NATS_JWT_MALFORMED', `Cannot parse NATS JWT: ${why}`);
}
