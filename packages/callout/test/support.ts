import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { JwtBundle, TrustDomain } from '@muster/spiffe';
import type { CalloutErrorCode } from '../src/errors.ts';

export const TRUST_DOMAIN = 'muster.internal';
export const AUDIENCE = `spiffe://${TRUST_DOMAIN}/callout`;
export const HOST_ID = `spiffe://${TRUST_DOMAIN}/lattice/default/host/a`;
export const OPERATOR_ID = `spiffe://${TRUST_DOMAIN}/operator/ann`;
/** Whole seconds, so that `exp` and `iat` are exact. */
export const NOW = Date.parse('2026-01-02T03:04:05.000Z');

export function throwsCode(code: CalloutErrorCode, run: () => unknown): Error {
  try {
    run();
  } catch (error) {
    assert.equal((error as { code?: unknown }).code, code, String(error));
    return error as Error;
  }
  return assert.fail(`nothing was thrown instead of ${code}`);
}

/** An issuer of JWT-SVIDs with one P-256 key, and its bundle. */
export class TestIssuer {
  readonly keyId: string;
  readonly publicKey: KeyObject;
  readonly bundle: JwtBundle;
  readonly #privateKey: KeyObject;

  constructor(keyId = 'key-1', trustDomain = TRUST_DOMAIN) {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.keyId = keyId;
    this.publicKey = publicKey;
    this.#privateKey = privateKey;
    const jwk = { ...publicKey.export({ format: 'jwk' }), kid: keyId, use: 'jwt-svid' };
    this.bundle = JwtBundle.fromJwks(TrustDomain.parse(trustDomain), JSON.stringify({ keys: [jwk] }));
  }

  /** A JWT-SVID for `subject`, good for a minute from NOW; claims and header can be replaced, `undefined` removes. */
  issue(subject: string, claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}): string {
    const now = NOW / 1_000;
    const head = { alg: 'ES256', kid: this.keyId, typ: 'JWT', ...header };
    const body = { sub: subject, aud: [AUDIENCE], iat: now, exp: now + 60, ...claims };
    const signed = `${encode(head)}.${encode(body)}`;
    const signature = sign('sha256', Buffer.from(signed), {
      key: this.#privateKey,
      dsaEncoding: 'ieee-p1363',
    });
    return `${signed}.${signature.toString('base64url')}`;
  }
}

export function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** Whether a NATS subject pattern covers a subject. */
export function covers(pattern: string, subject: string): boolean {
  const tokens = subject.split('.');
  const parts = pattern.split('.');
  for (const [index, part] of parts.entries()) {
    if (part === '>') return tokens.length > index;
    if (tokens[index] === undefined || (part !== '*' && part !== tokens[index])) return false;
  }
  return parts.length === tokens.length;
}
