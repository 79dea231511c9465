import type { TrustDomain } from '../id/trust-domain.ts';
import type { JwtBundle } from './jwt-bundle.ts';
import type { JwtBundleSource, X509BundleSource } from './source.ts';
import type { SpiffeBundle } from './spiffe-bundle.ts';
import type { X509Bundle } from './x509-bundle.ts';

interface OneBundle {
  readonly trustDomain: TrustDomain;
  readonly ignored: readonly string[];
}

abstract class BundleSet<B extends OneBundle & { equals(other: B): boolean }> {
  /** One line per entry of a bundle, and per bundle, that was passed over. */
  readonly ignored: readonly string[];
  readonly #bundles = new Map<string, B>();

  /** Of two bundles of the same trust domain the later one counts; they are never merged. `ignored` lists bundles that were passed over. */
  constructor(bundles: Iterable<B> = [], options: { readonly ignored?: readonly string[] | undefined } = {}) {
    for (const bundle of bundles) {
      this.#bundles.set(bundle.trustDomain.name, bundle);
    }
    const entries = [...this.#bundles.values()].flatMap(({ trustDomain, ignored }) =>
      ignored.map((reason) => `"${trustDomain.name}", ${reason}`),
    );
    this.ignored = Object.freeze([...(options.ignored ?? []), ...entries]);
  }

  get size(): number {
    return this.#bundles.size;
  }

  get trustDomains(): readonly TrustDomain[] {
    return [...this].map(({ trustDomain }) => trustDomain);
  }

  has(trustDomain: TrustDomain): boolean {
    return this.#bundles.has(trustDomain.name);
  }

  get(trustDomain: TrustDomain): B | undefined {
    return this.#bundles.get(trustDomain.name);
  }

  [Symbol.iterator](): IterableIterator<B> {
    return this.#bundles.values();
  }

  protected isSameAs(other: BundleSet<B>): boolean {
    return (
      this.size === other.size &&
      [...this].every((bundle) => {
        const counterpart = other.get(bundle.trustDomain);
        return counterpart !== undefined && bundle.equals(counterpart);
      })
    );
  }

  protected except(trustDomain: TrustDomain): B[] {
    return [...this].filter((bundle) => !bundle.trustDomain.equals(trustDomain));
  }
}

/** X.509 bundles of several trust domains, each kept by itself. Immutable: a change is a new set. */
export class X509BundleSet extends BundleSet<X509Bundle> implements X509BundleSource {
  getX509Bundle(trustDomain: TrustDomain): X509Bundle | undefined {
    return this.get(trustDomain);
  }

  /** A copy with the bundle, in place of the one of its trust domain. */
  with(bundle: X509Bundle): X509BundleSet {
    return new X509BundleSet([...this, bundle]);
  }

  /** A copy without the bundle of that trust domain. */
  without(trustDomain: TrustDomain): X509BundleSet {
    return new X509BundleSet(this.except(trustDomain));
  }

  /** Compares the bundles, in any order. */
  equals(other: X509BundleSet): boolean {
    return this.isSameAs(other);
  }
}

/** JWT bundles of several trust domains, each kept by itself. Immutable: a change is a new set. */
export class JwtBundleSet extends BundleSet<JwtBundle> implements JwtBundleSource {
  getJwtBundle(trustDomain: TrustDomain): JwtBundle | undefined {
    return this.get(trustDomain);
  }

  /** A copy with the bundle, in place of the one of its trust domain. */
  with(bundle: JwtBundle): JwtBundleSet {
    return new JwtBundleSet([...this, bundle]);
  }

  /** A copy without the bundle of that trust domain. */
  without(trustDomain: TrustDomain): JwtBundleSet {
    return new JwtBundleSet(this.except(trustDomain));
  }

  /** Compares the bundles, in any order. */
  equals(other: JwtBundleSet): boolean {
    return this.isSameAs(other);
  }
}

/** SPIFFE bundles of several trust domains, each kept by itself. Immutable: a change is a new set. */
export class SpiffeBundleSet extends BundleSet<SpiffeBundle> implements X509BundleSource, JwtBundleSource {
  getX509Bundle(trustDomain: TrustDomain): X509Bundle | undefined {
    return this.get(trustDomain)?.x509Bundle;
  }

  getJwtBundle(trustDomain: TrustDomain): JwtBundle | undefined {
    return this.get(trustDomain)?.jwtBundle;
  }

  /** A copy with the bundle, in place of the one of its trust domain. */
  with(bundle: SpiffeBundle): SpiffeBundleSet {
    return new SpiffeBundleSet([...this, bundle]);
  }

  /** A copy without the bundle of that trust domain. */
  without(trustDomain: TrustDomain): SpiffeBundleSet {
    return new SpiffeBundleSet(this.except(trustDomain));
  }

  /** Compares the bundles, in any order. */
  equals(other: SpiffeBundleSet): boolean {
    return this.isSameAs(other);
  }
}
