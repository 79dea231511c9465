import type { TrustDomain } from '../id/trust-domain.ts';
import type { JwtBundle } from './jwt-bundle.ts';
import type { X509Bundle } from './x509-bundle.ts';

/** Answers with the newest X.509 bundle of exactly the trust domain asked for. Synchronous, cheap, without side effects. */
export interface X509BundleSource {
  getX509Bundle(trustDomain: TrustDomain): X509Bundle | undefined;
}

/** Answers with the newest JWT bundle of exactly the trust domain asked for. Synchronous, cheap, without side effects. */
export interface JwtBundleSource {
  getJwtBundle(trustDomain: TrustDomain): JwtBundle | undefined;
}
