import { SpiffeError } from '../errors.ts';
import type { TrustDomain } from '../id/trust-domain.ts';
import { encodePem } from '../internal/pem.ts';
import type { Certificate } from '../x509/certificate.ts';
import { parseCertificate, parseCertificates } from '../x509/certificate.ts';
import type { X509BundleSource } from './source.ts';

const MAX_AUTHORITIES = 1000;

/** The X.509 authorities of one trust domain. Immutable: a change is a new bundle. Is a source of itself. */
export class X509Bundle implements X509BundleSource {
  readonly trustDomain: TrustDomain;
  /** One certificate in DER each. None means that nothing is trusted. */
  readonly authorities: readonly Uint8Array[];
  /** The same, read. */
  readonly certificates: readonly Certificate[];

  private constructor(trustDomain: TrustDomain, certificates: readonly Certificate[]) {
    this.trustDomain = trustDomain;
    this.certificates = Object.freeze([...certificates]);
    this.authorities = Object.freeze(certificates.map((certificate) => certificate.bytes));
    Object.freeze(this);
  }

  /** Reads concatenated DER certificates, as the Workload API sends them. Throws SpiffeError `ERR_BUNDLE_MALFORMED`. */
  static fromDer(trustDomain: TrustDomain, concatenated: Uint8Array): X509Bundle {
    // A copy, so that whoever owns the input may reuse it.
    return wrap(
      trustDomain,
      () => new X509Bundle(trustDomain, parseCertificates(Uint8Array.from(concatenated), MAX_AUTHORITIES)),
    );
  }

  /** Reads certificates in DER. Throws SpiffeError `ERR_BUNDLE_MALFORMED`. */
  static fromAuthorities(trustDomain: TrustDomain, authorities: readonly Uint8Array[]): X509Bundle {
    return wrap(trustDomain, () => {
      const certificates = authorities.map((bytes) => parseCertificate(Uint8Array.from(bytes)));
      return new X509Bundle(trustDomain, certificates);
    });
  }

  /** All authorities as PEM, for the `ca` option of node:tls. */
  toPem(): string {
    return this.authorities.map((bytes) => encodePem('CERTIFICATE', bytes)).join('');
  }

  /** Compares trust domain and authorities, in any order. */
  equals(other: X509Bundle): boolean {
    const own = new Set(this.authorities.map(toKey));
    const others = new Set(other.authorities.map(toKey));
    return (
      this.trustDomain.equals(other.trustDomain) &&
      own.size === others.size &&
      [...own].every((key) => others.has(key))
    );
  }

  getX509Bundle(trustDomain: TrustDomain): X509Bundle | undefined {
    return this.trustDomain.equals(trustDomain) ? this : undefined;
  }
}

function toKey(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

function wrap(trustDomain: TrustDomain, parse: () => X509Bundle): X509Bundle {
  try {
    return parse();
  } catch (error) {
    throw new SpiffeError(
      'ERR_BUNDLE_MALFORMED',
      `Cannot read the X.509 bundle of "${trustDomain.name}": an authority is malformed`,
      {
        cause: error,
      },
    );
  }
}
