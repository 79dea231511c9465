import type { X509BundleSource } from '../bundle/source.ts';
import type { X509Bundle } from '../bundle/x509-bundle.ts';
import { SpiffeError } from '../errors.ts';
import type { SpiffeId } from '../id/spiffe-id.ts';
import { parseCertificate } from '../x509/certificate.ts';
import { IssuerCache } from '../x509/issuer-cache.ts';
import { findPath } from '../x509/path.ts';
import { checkLeaf, MAX_CHAIN_LENGTH } from './x509-leaf.ts';

// By identity of the bundle's list of authorities, so that a changed bundle begins with nothing.
const caches = new WeakMap<object, IssuerCache>();

/** What a verified chain proves. */
export interface VerifiedX509Svid {
  readonly id: SpiffeId;
  /** Ms since the epoch at which the first certificate of the path expires. */
  readonly expiresAt: number;
}

/**
 * Verifies the chain of a peer (X509-SVID section 5, RFC 5280 section 6): certificates in DER, leaf first, against the
 * bundle of the trust domain that the leaf names and no other. `now` is in ms since the epoch, default the system's time.
 * Synchronous and bounded. Throws a SpiffeError whose code names the rule that is broken.
 */
export function verifyX509Svid(
  chain: readonly Uint8Array[],
  bundles: X509BundleSource,
  options: { readonly now?: number | undefined } = {},
): VerifiedX509Svid {
  const now = options.now ?? Date.now();
  if (chain.length > MAX_CHAIN_LENGTH) {
    throw new SpiffeError(
      'ERR_SVID_CHAIN_TOO_LONG',
      `Cannot verify X.509-SVID: the chain must have at most ${MAX_CHAIN_LENGTH} certificates`,
    );
  }
  const [leafBytes, ...others] = chain;
  if (leafBytes === undefined) {
    throw new SpiffeError('ERR_SVID_CHAIN_EMPTY', 'Cannot verify X.509-SVID: the chain must not be empty');
  }
  const leaf = parseCertificate(leafBytes);
  const id = checkLeaf(leaf);
  const bundle = bundles.getX509Bundle(id.trustDomain);
  // A source that answers with another trust domain's bundle must not turn into trust.
  if (bundle === undefined || !bundle.trustDomain.equals(id.trustDomain)) {
    throw new SpiffeError(
      'ERR_BUNDLE_NOT_FOUND',
      `Cannot verify X.509-SVID of "${id.toString()}": there is no bundle for its trust domain`,
    );
  }
  if (bundle.certificates.length === 0) {
    throw new SpiffeError(
      'ERR_BUNDLE_EMPTY',
      `Cannot verify X.509-SVID of "${id.toString()}": the bundle of its trust domain is empty`,
    );
  }
  // Said so that a clock that is no number lets nobody pass.
  if (!(now >= leaf.notBeforeAt)) {
    throw new SpiffeError(
      'ERR_SVID_NOT_YET_VALID',
      `Cannot verify X.509-SVID of "${id.toString()}": it is not yet valid`,
    );
  }
  if (!(now <= leaf.expiresAt)) {
    throw new SpiffeError(
      'ERR_SVID_EXPIRED',
      `Cannot verify X.509-SVID of "${id.toString()}": it has expired`,
    );
  }
  // The key of the leaf signs nothing here, but a weak one proves nothing about its holder.
  leaf.checkPublicKey();
  const cache = cacheOf(bundle);
  const intermediates = others.map((bytes) => cache.parse(bytes));
  const path = findPath(leaf, intermediates, bundle.certificates, now, cache);
  return { id, expiresAt: Math.min(...path.map((certificate) => certificate.expiresAt)) };
}

function cacheOf({ certificates }: X509Bundle): IssuerCache {
  let cache = caches.get(certificates);
  if (cache === undefined) {
    cache = new IssuerCache();
    caches.set(certificates, cache);
  }
  return cache;
}
