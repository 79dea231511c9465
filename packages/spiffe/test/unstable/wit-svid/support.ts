import { createPrivateKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { generateEcKeyPair, signJwt } from '@muster/testing';
import type { KeyPair } from '@muster/testing';

import { isSpiffeError } from '../../../src/errors.ts';
import { TrustDomain } from '../../../src/id/trust-domain.ts';
import {
  createReplayCache,
  marshalWitBundle,
  parseUnverifiedWitSvid,
  verifyWitRequest,
  WitBundle,
} from '../../../src/unstable/index.ts';
import type { VerifiedWit, VerifyWitOptions, WitPresentation, WitSvid } from '../../../src/unstable/index.ts';

export const NOW: number = Date.UTC(2026, 10, 24, 12);
export const NOW_SECONDS: number = NOW / 1000;
export const SUBJECT = 'spiffe://example.org/caller';
export const AUDIENCE = 'https://api.example.org/orders';
export const trustDomain: TrustDomain = TrustDomain.parse('example.org');

export interface Changes {
  readonly header?: Readonly<Record<string, unknown>>;
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** An issuer of WIT-SVIDs and one workload that has one. */
export interface WitWorld {
  readonly issuer: KeyPair;
  readonly workload: KeyPair;
  readonly bundle: WitBundle;
  readonly svid: WitSvid;
  /** A good WIT-SVID but for the changes. A value of undefined takes the member away. */
  issue(changes?: Changes, key?: KeyObject): string;
  /** A good proof for a WIT-SVID but for the changes. */
  prove(wit: string, changes?: Changes, key?: KeyObject): string;
  verify(presentation: WitPresentation, options?: Partial<VerifyWitOptions>): Promise<VerifiedWit>;
}

export function createWitWorld(hashToken: (token: string) => string): WitWorld {
  const issuer = generateEcKeyPair();
  const workload = generateEcKeyPair();
  const bundle = WitBundle.fromJwks(
    trustDomain,
    marshalWitBundle([{ keyId: 'wit-1', publicKey: issuer.publicKey }]),
  );
  const jwk = { ...workload.publicKey.export({ format: 'jwk' }), alg: 'ES256' };
  const issue = (changes: Changes = {}, key: KeyObject = issuer.privateKey): string =>
    signJwt(
      { alg: 'ES256', kid: 'wit-1', typ: 'wit+jwt', ...changes.header },
      { sub: SUBJECT, exp: NOW_SECONDS + 300, iat: NOW_SECONDS, cnf: { jwk }, ...changes.claims },
      key,
    );
  let count = 0;
  const prove = (wit: string, changes: Changes = {}, key: KeyObject = workload.privateKey): string =>
    signJwt(
      { alg: 'ES256', typ: 'wpt+jwt', ...changes.header },
      {
        aud: AUDIENCE,
        exp: NOW_SECONDS + 60,
        jti: `proof-${String((count += 1))}`,
        wth: hashToken(wit),
        ...changes.claims,
      },
      key,
    );
  const replayCache = createReplayCache();
  return {
    issuer,
    workload,
    bundle,
    svid: parseUnverifiedWitSvid(
      issue(),
      createPrivateKey(workload.privateKey.export({ type: 'pkcs8', format: 'pem' })),
    ),
    issue,
    prove,
    verify: async (presentation, options = {}) =>
      await verifyWitRequest(presentation, {
        bundles: bundle,
        audience: AUDIENCE,
        replayCache,
        now: NOW,
        ...options,
      }),
  };
}

/** A predicate for assert.rejects and assert.throws: the code, and no part of a token in the message. */
export function hasCode(code: string, ...tokens: readonly string[]): (error: unknown) => boolean {
  return (error) => {
    if (!isSpiffeError(error) || error.code !== code) {
      throw new Error(`expected ${code} but got ${String(error)}`, { cause: error });
    }
    for (const part of tokens.flatMap((token) => token.split('.'))) {
      if (part.length > 8 && error.message.includes(part)) {
        throw new Error('the message quotes the token');
      }
    }
    return true;
  };
}
