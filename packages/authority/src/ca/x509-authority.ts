import { createPrivateKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { signAuthority, signLeaf, type Issuer } from './certificate.ts';
import type { Lifetime } from './rotation.ts';

/** Certificates begin this much earlier, for verifiers whose clocks are behind. */
export const NOT_BEFORE_CUSHION_MS = 10_000;

/** A certificate with its key, as the Workload API delivers both. */
export interface IssuedX509Svid {
  readonly spiffeId: string;
  /** DER. */
  readonly certificate: Uint8Array;
  /** PKCS#8 DER. */
  readonly privateKey: Uint8Array;
  /** Hexadecimal. */
  readonly serial: string;
  readonly notBeforeAt: number;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** One signing certificate with its key; the key stays inside. */
export class X509Authority implements Lifetime {
  readonly certificate: Uint8Array;
  readonly preparedAt: number;
  readonly notBeforeAt: number;
  readonly expiresAt: number;
  readonly #issuer: Issuer;

  private constructor(certificate: Uint8Array, issuer: Issuer, lifetime: Lifetime) {
    this.certificate = certificate;
    this.preparedAt = lifetime.preparedAt;
    this.notBeforeAt = lifetime.notBeforeAt;
    this.expiresAt = lifetime.expiresAt;
    this.#issuer = issuer;
  }

  /** Makes a P-256 key and a certificate for it that signs itself. */
  static create(trustDomainId: string, now: number, lifeMs: number): X509Authority {
    const { publicKey, privateKey } = generateKeyPairDer();
    const lifetime = {
      preparedAt: now,
      notBeforeAt: wholeSeconds(now - NOT_BEFORE_CUSHION_MS),
      expiresAt: wholeSeconds(now + lifeMs),
    };
    const { certificate, issuer } = signAuthority({
      ...lifetime,
      serial: randomBytes(16),
      trustDomainId,
      publicKey,
      privateKey: createPrivateKey({ key: privateKey, format: 'der', type: 'pkcs8' }),
    });
    privateKey.fill(0);
    return new X509Authority(certificate, issuer, lifetime);
  }

  /** Issues a leaf with a fresh key. It neither begins before nor ends after this certificate. */
  issue(spiffeId: string, dnsNames: readonly string[], now: number, expiresAt: number): IssuedX509Svid {
    const { publicKey, privateKey } = generateKeyPairDer();
    const serial = randomBytes(16);
    const validity = {
      notBeforeAt: Math.max(wholeSeconds(now - NOT_BEFORE_CUSHION_MS), this.notBeforeAt),
      expiresAt: Math.min(wholeSeconds(expiresAt), this.expiresAt),
    };
    const certificate = signLeaf({ ...validity, serial, spiffeId, dnsNames, publicKey }, this.#issuer);
    return {
      ...validity,
      spiffeId,
      certificate,
      privateKey,
      issuedAt: now,
      serial: `01${serial.toString('hex')}`,
    };
  }
}

function generateKeyPairDer(): { publicKey: Buffer; privateKey: Buffer } {
  return generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { format: 'der', type: 'spki' },
    privateKeyEncoding: { format: 'der', type: 'pkcs8' },
  });
}

function wholeSeconds(at: number): number {
  return Math.floor(at / 1000) * 1000;
}
