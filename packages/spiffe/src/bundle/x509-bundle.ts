import { SpiffeError } from '../errors.ts';
import type { TrustDomain } from '../id/trust-domain.ts';
import { decodePem, encodePem } from '../internal/pem.ts';
import { readDerAll } from '../wire/der/reader.ts';
import type { Certificate } from '../x509/certificate.ts';
import { parseCertificate, parseCertificates } from '../x509/certificate.ts';
import type { X509BundleSource } from './source.ts';

const MAX_AUTHORITIES = 1000;

/** The X.509 authorities of one trust domain (SPIFFE Trust Domain and Bundle section 4). Immutable: a change is a new bundle. Is a source of itself. */
export class X509Bundle implements X509BundleSource {
  readonly trustDomain: TrustDomain;
  /** One certificate in DER each. None means that nothing is trusted. */
  readonly authorities: readonly Uint8Array[];
  /** The same, read. */
  readonly certificates: readonly Certificate[];

  /** One line per authority that was passed over, with its position and the reason. */
  readonly ignored: readonly string[];

  private constructor(
    trustDomain: TrustDomain,
    certificates: readonly Certificate[],
    ignored: readonly string[],
  ) {
    this.trustDomain = trustDomain;
    this.certificates = Object.freeze([...certificates]);
    this.authorities = Object.freeze(certificates.map((certificate) => certificate.bytes));
    this.ignored = Object.freeze([...ignored]);
    Object.freeze(this);
  }

  /**
   * Reads concatenated DER certificates, as the Workload API sends them. `malformed` decides on authorities that cannot be
   * read: `refuse`, the default, throws; `skip` passes them over and lists them in `ignored`, unless nothing would be left.
   * Throws SpiffeError `ERR_BUNDLE_MALFORMED`.
   */
  static fromDer(
    trustDomain: TrustDomain,
    concatenated: Uint8Array,
    options: { readonly malformed?: 'refuse' | 'skip' | undefined } = {},
  ): X509Bundle {
    return wrap(trustDomain, () => {
      // A copy, so that whoever owns the input may reuse it.
      const bytes = Uint8Array.from(concatenated);
      return options.malformed === 'skip'
        ? X509Bundle.#parseReadable(trustDomain, bytes)
        : new X509Bundle(trustDomain, parseCertificates(bytes, MAX_AUTHORITIES), []);
    });
  }

  /** Reads PEM, which must hold at least one certificate and nothing but certificates. Throws SpiffeError `ERR_BUNDLE_MALFORMED`. */
  static fromPem(trustDomain: TrustDomain, pem: string): X509Bundle {
    const authorities = wrap(trustDomain, () => decodePem(pem, 'CERTIFICATE', 'the bundle'));
    return X509Bundle.fromAuthorities(trustDomain, authorities);
  }

  /** Reads certificates in DER. Throws SpiffeError `ERR_BUNDLE_MALFORMED`. */
  static fromAuthorities(trustDomain: TrustDomain, authorities: readonly Uint8Array[]): X509Bundle {
    return wrap(trustDomain, () => {
      const certificates = authorities.map((bytes) => parseCertificate(Uint8Array.from(bytes)));
      return new X509Bundle(trustDomain, certificates, []);
    });
  }

  static #parseReadable(trustDomain: TrustDomain, bytes: Uint8Array): X509Bundle {
    const certificates: Certificate[] = [];
    const ignored: string[] = [];
    let lastError: unknown;
    readDerAll(bytes, MAX_AUTHORITIES).forEach((element, index) => {
      try {
        certificates.push(parseCertificate(element.bytes));
      } catch (error) {
        lastError = error;
        ignored.push(`authority ${index}: ${(error as Error).message}`);
      }
    });
    if (certificates.length === 0 && lastError !== undefined) {
      // Not the same as a bundle that says: trust nobody.
      throw lastError as Error;
    }
    return new X509Bundle(trustDomain, certificates, ignored);
  }

  /** Whether there is no authority: then nothing of the trust domain is to be believed. */
  get isEmpty(): boolean {
    return this.authorities.length === 0;
  }

  /** Whether this very certificate is in it. */
  hasAuthority(certificate: Uint8Array): boolean {
    return this.authorities.some((bytes) => Buffer.compare(bytes, certificate) === 0);
  }

  /** A copy with one more authority, in DER. Throws SpiffeError `ERR_BUNDLE_MALFORMED`. */
  withAuthority(certificate: Uint8Array): X509Bundle {
    if (this.hasAuthority(certificate)) {
      return this;
    }
    const [added] = X509Bundle.fromAuthorities(this.trustDomain, [certificate]).certificates;
    return new X509Bundle(this.trustDomain, [...this.certificates, added!], this.ignored);
  }

  /** A copy without that authority. */
  withoutAuthority(certificate: Uint8Array): X509Bundle {
    const left = this.certificates.filter(({ bytes }) => Buffer.compare(bytes, certificate) !== 0);
    return new X509Bundle(this.trustDomain, left, this.ignored);
  }

  /** All authorities in DER, concatenated, as the Workload API sends them. */
  toDer(): Uint8Array {
    return Buffer.concat(this.authorities);
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

function wrap<T>(trustDomain: TrustDomain, parse: () => T): T {
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
