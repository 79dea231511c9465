import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';

import type { X509BundleSource } from '../bundle/source.ts';
import { SpiffeError } from '../errors.ts';
import type { SpiffeIdMatcher } from '../id/matcher.ts';
import { verifyX509Svid } from '../svid/verify-x509.ts';
import type { VerifiedX509Svid } from '../svid/verify-x509.ts';

const MAX_PEER_CERTIFICATES = 16;

/** Who is believed, and who is let pass. */
export interface PeerPolicy {
  readonly bundles: X509BundleSource;
  readonly authorize: SpiffeIdMatcher;
  /** Ms since the epoch. Default: the system's time. */
  readonly now?: (() => number) | undefined;
}

/** Verifies the chain that node:tls reports of a peer, and asks the matcher. Throws SpiffeError. */
export function verifyPeerCertificate(
  peer: DetailedPeerCertificate | undefined,
  policy: PeerPolicy,
): VerifiedX509Svid {
  const chain = collectChain(peer);
  if (chain.length === 0) {
    throw new SpiffeError(
      'ERR_TLS_PEER_CERTIFICATE_MISSING',
      'Cannot verify TLS peer: it presented no certificate',
    );
  }
  const verified = verifyX509Svid(chain, policy.bundles, { now: policy.now?.() });
  policy.authorize(verified.id);
  return verified;
}

/**
 * Verifies the peer of an established TLS connection. Call it once per connection, before any data is used. A resumed
 * session is refused, because node:tls keeps no chain for it. Throws SpiffeError.
 */
export function verifyTlsPeer(socket: TLSSocket, policy: PeerPolicy): VerifiedX509Svid {
  if (socket.isSessionReused()) {
    throw new SpiffeError('ERR_TLS_SESSION_RESUMED', 'Cannot verify TLS peer: the session was resumed');
  }
  return verifyPeerCertificate(socket.getPeerCertificate(true), policy);
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
