import { constants, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { JwtBundle, marshalJwtBundle, TrustDomain } from '@muster/spiffe';

import { generateEcKeyPair } from './test-ca.ts';
import type { KeyPair } from './test-ca.ts';

/** Claims and header to put in place of the good ones. A value of undefined takes the member away. */
export interface JwtOverrides {
  readonly header?: Readonly<Record<string, unknown>>;
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** An authority that signs JWT-SVIDs with ES256 for tests. */
export interface TestJwtAuthority {
  readonly trustDomain: TrustDomain;
  readonly keyId: string;
  readonly keyPair: KeyPair;
  readonly bundle: JwtBundle;
  /** The JWKS document as the Workload API sends it. */
  readonly jwks: string;
  /** A token valid for five minutes from the authority's `now`. */
  issue(id: string, audience: string | readonly string[], overrides?: JwtOverrides): string;
}

export function createTestJwtAuthority(
  trustDomain = 'example.org',
  now: number = Date.now(),
  options: { readonly keyId?: string; readonly keyPair?: KeyPair } = {},
): TestJwtAuthority {
  const keyPair = options.keyPair ?? generateEcKeyPair();
  const keyId = options.keyId ?? 'key-1';
  const domain = TrustDomain.parse(trustDomain);
  const jwks = marshalJwtBundle([{ keyId, publicKey: keyPair.publicKey }]);
  const nowSeconds = Math.floor(now / 1000);
  return {
    trustDomain: domain,
    keyId,
    keyPair,
    bundle: JwtBundle.fromJwks(domain, jwks),
    jwks,
    issue: (id, audience, overrides = {}) =>
      signJwt(
        { alg: 'ES256', kid: keyId, typ: 'JWT', ...overrides.header },
        { sub: id, aud: audience, exp: nowSeconds + 300, iat: nowSeconds, ...overrides.claims },
        keyPair.privateKey,
      ),
  };
}

/**
 * Signs header and claims as a compact JWS. Text is taken as it is, so that broken JSON can be signed too. `algorithm` is
 * the one to sign by, whatever the header says. Default: the one of the header, and ES256 for a header as text.
 */
export function signJwt(
  header: object | string,
  claims: object | string,
  key: KeyObject,
  algorithm: string = typeof header === 'string' ? 'ES256' : String((header as { alg?: unknown }).alg),
): string {
  const encode = (part: object | string): string =>
    Buffer.from(typeof part === 'string' ? part : JSON.stringify(part), 'utf8').toString('base64url');
  const signed = `${encode(header)}.${encode(claims)}`;
  return `${signed}.${signBytes(algorithm, Buffer.from(signed, 'latin1'), key).toString('base64url')}`;
}

function signBytes(algorithm: string, bytes: Buffer, key: KeyObject): Buffer {
  const hash = `sha${/(?:256|384|512)$/.exec(algorithm)?.[0] ?? '256'}`;
  if (key.asymmetricKeyType === 'ec') {
    return sign(hash, bytes, { key, dsaEncoding: 'ieee-p1363' });
  }
  if (algorithm.startsWith('PS')) {
    const saltLength = constants.RSA_PSS_SALTLEN_DIGEST;
    return sign(hash, bytes, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength });
  }
  return sign(hash, bytes, key);
}
