import type { Server, TLSSocket } from 'node:tls';

import type { TrustDomain } from '../id/trust-domain.ts';
import type { X509SvidSource } from '../workload-api/x509-source.ts';
import { mutualContextOptions } from './options.ts';
import { verifyTlsPeer } from './peer.ts';
import type { PeerPolicy } from './peer.ts';

export interface TlsGuardOptions extends PeerPolicy {
  readonly svid: X509SvidSource;
  /** Trust domains whose members may knock; who of them is let in is for `authorize` to say. */
  readonly trustDomains: readonly TrustDomain[];
  /** Told why a client was refused by the guard. Those whom OpenSSL refuses before come as `tlsClientError` of the server. */
  readonly onRefused?: ((error: Error, socket: TLSSocket) => void) | undefined;
}

export interface TlsGuard {
  /** Takes over the newest SVID and bundles for new connections. To be called when they change. Throws SpiffeError and then changes nothing. */
  refresh(): void;
}

/**
 * Lets verified clients into a TLS, HTTPS or HTTP/2 server that was made with `tlsServerOptions` and `isClientRequired`.
 * OpenSSL verifies that an authority of a listed trust domain signed; then each connection is verified as an X.509-SVID,
 * and destroyed before a handler of the server sees it if it is not one or is not authorized. Throws SpiffeError.
 *
 * node:tls 24 drops the intermediates of a client that OpenSSL has accepted, before anybody can read them. On it a client
 * whose SVID needs an intermediate that is not in the bundle is refused, with `ERR_SVID_UNTRUSTED`.
 */
export function guardTlsServer(server: Server, options: TlsGuardOptions): TlsGuard {
  const refresh = (): void => {
    server.setSecureContext(mutualContextOptions(options.svid, options.bundles, options.trustDomains));
  };
  // Prepended and synchronous: the listeners of http and http2 run after it, and see a destroyed socket.
  server.prependListener('secureConnection', (socket: TLSSocket) => {
    try {
      verifyTlsPeer(socket, options);
    } catch (error) {
      socket.destroy();
      options.onRefused?.(
        error instanceof Error ? error : new Error('The matcher threw', { cause: error }),
        socket,
      );
    }
  });
  refresh();
  return { refresh };
}
