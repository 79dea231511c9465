import { TLSSocket } from 'node:tls';
import type { DetailedPeerCertificate } from 'node:tls';

import type { X509BundleSource } from '../bundle/source.ts';
import { SpiffeError } from '../errors.ts';
import { authorize } from '../id/matcher.ts';
import type { SpiffeIdMatcher } from '../id/matcher.ts';
import type { TrustDomain } from '../id/trust-domain.ts';
import { verifyX509Svid } from '../svid/verify-x509.ts';
import type { VerifiedX509Svid } from '../svid/verify-x509.ts';
import { recordTlsPeer } from './peer-record.ts';

const MAX_PEER_CERTIFICATES = 16;

/** Who is believed, and who is let pass. */
export interface PeerPolicy {
  readonly bundles: X509BundleSource;
  readonly authorize: SpiffeIdMatcher;
  /** Ms since the epoch. Default: the system's time. */
  readonly now?: (() => number) | undefined;
}

/** Verifies the chain that node:tls reports of a peer, and asks the matcher. Throws SpiffeError, or what the matcher throws. */
export function verifyPeerCertificate(
  peer: DetailedPeerCertificate | undefined,
  policy: PeerPolicy,
): VerifiedX509Svid {
  return verifyPeerChain(collectChain(peer), policy);
}

/** The same for certificates in DER, leaf first. */
export function verifyPeerChain(chain: readonly Uint8Array[], policy: PeerPolicy): VerifiedX509Svid {
  if (chain.length === 0) {
    throw new SpiffeError(
      'ERR_TLS_PEER_CERTIFICATE_MISSING',
      'Cannot verify TLS peer: it presented no certificate',
    );
  }
  const verified = verifyX509Svid(chain, policy.bundles, { now: policy.now?.() });
  authorize(policy.authorize, verified.id);
  return Object.freeze(verified);
}

/**
 * Verifies the peer of an established TLS connection, and lets `tlsPeerOf` know it. Call it once per connection, before
 * any data is used. A resumed session is refused, because node:tls keeps no chain for it. Throws SpiffeError `ERR_TLS_...`,
 * and what `verifyX509Svid` and the matcher throw.
 */
export function verifyTlsPeer(socket: TLSSocket, policy: PeerPolicy): VerifiedX509Svid {
  const verified = verifyPeerChain(readPeerChain(socket), policy);
  recordTlsPeer(socket, verified);
  return verified;
}

/** The chain of a peer that has proved to hold the key of its leaf. Throws SpiffeError. */
export function readPeerChain(socket: TLSSocket): readonly Uint8Array[] {
  // Before its last message the peer has sent a certificate at most, which anybody can. A plain socket has none at all.
  if (!(socket instanceof TLSSocket) || socket.getPeerFinished() === undefined) {
    throw new SpiffeError(
      'ERR_TLS_HANDSHAKE_INCOMPLETE',
      'Cannot verify TLS peer: the socket must have finished a TLS handshake',
    );
  }
  if (socket.isSessionReused()) {
    throw new SpiffeError('ERR_TLS_SESSION_RESUMED', 'Cannot verify TLS peer: the session was resumed');
  }
  // Not getPeerX509Certificate, fast as it is: of each certificate behind the leaf it loses the memory on every call (Node
  // 24.21), so that anybody could fill a server's by sending long chains.
  return collectChain(socket.getPeerCertificate(true));
}

/** Leaves the bundles of the listed trust domains, whatever else the source knows. Undefined leaves all. */
export function restrictBundles(
  bundles: X509BundleSource,
  trustDomains: readonly TrustDomain[] | undefined,
): X509BundleSource {
  if (trustDomains === undefined) {
    return bundles;
  }
  const names = new Set(trustDomains.map(({ name }) => name));
  return {
    getX509Bundle: (wanted) => (names.has(wanted.name) ? bundles.getX509Bundle(wanted) : undefined),
  };
}

/** Whatever was thrown, as an error. */
export function toError(thrown: unknown, otherwise = 'The matcher threw'): Error {
  return thrown instanceof Error ? thrown : new Error(otherwise, { cause: thrown });
}

/** Follows the links from the leaf to its issuers. A self-signed root is linked to itself. */
function collectChain(peer: DetailedPeerCertificate | undefined): Uint8Array[] {
  const chain: Uint8Array[] = [];
  const seen = new Set<object>();
  let current: DetailedPeerCertificate | undefined = peer;
  while (current?.raw !== undefined && !seen.has(current) && chain.length < MAX_PEER_CERTIFICATES) {
    seen.add(current);
    chain.push(current.raw);
    current = current.issuerCertificate as DetailedPeerCertificate | undefined;
  }
  return chain;
}
