import type { TrustDomain } from '../id/trust-domain.ts';
import type { JwtBundle } from './jwt-bundle.ts';
import type { JwtBundleSource, X509BundleSource } from './source.ts';
import type { X509Bundle } from './x509-bundle.ts';

class BundleSet<B extends { readonly trustDomain: TrustDomain }> {
  readonly #bundles = new Map<string, B>();

  /** Of two bundles of the same trust domain the later one counts; they are never merged. */
  constructor(bundles: Iterable<B> = []) {
    for (const bundle of bundles) {
      this.#bundles.set(bundle.trustDomain.name, bundle);
    }
  }

  get size(): number {
    return this.#bundles.size;
  }

  protected find(trustDomain: TrustDomain): B | undefined {
    return this.#bundles.get(trustDomain.name);
  }

  [Symbol.iterator](): IterableIterator<B> {
    return this.#bundles.values();
  }
}

/** X.509 bundles of several trust domains, each kept by itself. Immutable. */
export class X509BundleSet extends BundleSet<X509Bundle> implements X509BundleSource {
  getX509Bundle(trustDomain: TrustDomain): X509Bundle | undefined {
    return this.find(trustDomain);
  }
}

/** JWT bundles of several trust domains, each kept by itself. Immutable. */
export class JwtBundleSet extends BundleSet<JwtBundle> implements JwtBundleSource {
  getJwtBundle(trustDomain: TrustDomain): JwtBundle | undefined {
    return this.find(trustDomain);
  }
}
