import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import type { Lifetime } from './rotation.ts';

/** A JWT-SVID and what an audit record may say about it. The token itself must never be logged. */
export interface IssuedJwtSvid {
  readonly spiffeId: string;
  readonly token: string;
  readonly tokenId: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

// A clock that is set back a little must not make the key look unborn.
const CLOCK_CUSHION_MS = 10_000;

/** One key that signs JWT-SVIDs; the private half stays inside. */
export class JwtAuthority implements Lifetime {
  readonly keyId: string;
  readonly publicKey: KeyObject;
  readonly preparedAt: number;
  readonly notBeforeAt: number;
  readonly expiresAt: number;
  readonly #privateKey: KeyObject;
  readonly #header: string;

  constructor(now: number, lifeMs: number) {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.keyId = randomBytes(16).toString('hex');
    this.publicKey = publicKey;
    this.preparedAt = now;
    this.notBeforeAt = now - CLOCK_CUSHION_MS;
    this.expiresAt = now + lifeMs;
    this.#privateKey = privateKey;
    this.#header = encode({ alg: 'ES256', kid: this.keyId, typ: 'JWT' });
  }

  /** Signs a JWT-SVID (JWT-SVID 2 and 3): ES256, audiences as a list, times as integers, never valid longer than this key. */
  issue(spiffeId: string, audience: readonly string[], now: number, expiresAt: number): IssuedJwtSvid {
    const issued = Math.floor(now / 1000);
    const expires = Math.floor(Math.min(expiresAt, this.expiresAt) / 1000);
    const tokenId = randomBytes(16).toString('base64url');
    const claims = encode({ sub: spiffeId, aud: audience, iat: issued, exp: expires, jti: tokenId });
    const input = `${this.#header}.${claims}`;
    const signature = sign('sha256', Buffer.from(input, 'latin1'), {
      key: this.#privateKey,
      dsaEncoding: 'ieee-p1363',
    });
    return {
      spiffeId,
      token: `${input}.${signature.toString('base64url')}`,
      tokenId,
      issuedAt: issued * 1000,
      expiresAt: expires * 1000,
    };
  }

  /** The public key as the bundle has it (Trust Domain and Bundle 4.2). */
  toJwk(): Readonly<Record<string, unknown>> {
    const { kty, crv, x, y } = this.publicKey.export({ format: 'jwk' });
    return { kty, kid: this.keyId, use: 'jwt-svid', crv, x, y };
  }
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value), 'utf8').toString('base64url');
}
