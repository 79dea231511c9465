import type { Server, TLSSocket } from 'node:tls';

import { SpiffeError } from '../errors.ts';
import type { TrustDomain } from '../id/trust-domain.ts';
import { callOut } from '../internal/call-out.ts';
import { readPeerChain, restrictBundles, toError, verifyPeerChain } from './peer.ts';
import type { PeerPolicy } from './peer.ts';
import { recordTlsPeer } from './peer-record.ts';
import { ServerIdentity } from './server-identity.ts';
import type { RotationOptions, TlsServerIdentity, TlsServerRotation } from './server-identity.ts';

/** Who is let in, and what the server shows. */
export type TlsGuardOptions = TlsServerIdentity &
  PeerPolicy &
  RotationOptions & {
    /** Trust domains whose members may knock; who of them is let in is for `authorize` to say. Default: all that `bundles` knows. */
    readonly trustDomains?: readonly TrustDomain[] | undefined;
    /**
     * Told why a client was refused; of the socket, which is destroyed, `remoteAddress` can be asked. Handshakes that failed
     * before come as `tlsClientError` of the server, and so does what this throws.
     */
    readonly onRefused?: ((error: Error, socket: TLSSocket) => void) | undefined;
  };

/** The guard of a server. Disposing of it is the same as `close`. */
export interface TlsGuard extends TlsServerRotation {
  /**
   * Verifies the clients of all open connections again, with the bundles, the matcher and the time of now, destroys the
   * connections of those who would not be let in any more, and returns their number. A guard does not do that by itself.
   */
  reverify(): number;
  /** Lets nobody in any more. Connections that exist go on. */
  close(): void;
}

/**
 * Lets verified clients into a TLS, HTTPS or HTTP/2 server that was made with `tlsServerOptions` and `isClientRequired`.
 * Each connection is verified as an X.509-SVID of its own trust domain, and destroyed before any listener for
 * `secureConnection` learns of it if it is not one or is not authorized. `tlsPeerOf` then says who it is. The server's own
 * certificate follows its source as in `rotateTlsServer`. Throws what `getX509Svid` throws.
 */
export function guardTlsServer(server: Server, options: TlsGuardOptions): TlsGuard {
  const identity = new ServerIdentity(server, options);
  const policy: PeerPolicy = { ...options, bundles: restrictBundles(options.bundles, options.trustDomains) };
  const decided = new WeakMap<TLSSocket, boolean>();
  const open = new Map<TLSSocket, readonly Uint8Array[]>();

  const verify = (socket: TLSSocket): void => {
    // Of a context that somebody added for a server name nothing is known but that it is not this one.
    const lost = identity.tryUpdate();
    if (lost !== undefined) {
      throw lost;
    }
    const chain = readPeerChain(socket);
    recordTlsPeer(socket, verifyPeerChain(chain, policy));
    // In a context that is not ours a client could renegotiate, and show another certificate after the check.
    socket.disableRenegotiation();
    socket.prependListener('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ERR_TLS_RENEGOTIATION_DISABLED') {
        socket.destroy();
      }
    });
    open.set(socket, chain);
    socket.once('close', () => open.delete(socket));
  };
  const admit = (socket: TLSSocket): boolean => {
    const earlier = decided.get(socket);
    if (earlier !== undefined) {
      return earlier;
    }
    decided.set(socket, false);
    try {
      if (socket.destroyed) {
        throw new SpiffeError('ERR_CLOSED', 'Cannot verify TLS peer: the connection is closed');
      }
      verify(socket);
      decided.set(socket, true);
      Object.assign(socket, { authorized: true, authorizationError: null });
      return true;
    } catch (thrown) {
      refuse(socket, thrown);
      return false;
    }
  };

  const refuse = (socket: TLSSocket, thrown: unknown): void => {
    // An address that was asked for once is remembered by node:net when the connection is gone.
    Reflect.get(socket, 'remoteAddress');
    Object.assign(socket, { authorized: false });
    socket.destroy();
    // No client may end the process by being refused, nor keep others from being looked at.
    callOut(
      (): unknown => options.onRefused?.(toError(thrown), socket),
      (error) => emit('tlsClientError', error, socket),
    );
  };

  identity.update();
  const emit = server.emit.bind(server) as (name: string | symbol, ...args: unknown[]) => boolean;
  // Ahead of all listeners, those that are prepended later as well: http, http2 and the rest never learn of a refused socket.
  Object.defineProperty(server, 'emit', {
    configurable: true,
    writable: true,
    value: (name: string | symbol, ...args: unknown[]): boolean => {
      if (name === 'connection') {
        identity.tryUpdate();
      }
      return name === 'secureConnection' && !admit(args[0] as TLSSocket) ? false : emit(name, ...args);
    },
  });
  // Should somebody put the former `emit` back: prepended and synchronous, so that http and http2 see a destroyed socket.
  server.prependListener('secureConnection', admit);
  openDoor(server);
  return {
    reverify: () => {
      let count = 0;
      for (const [socket, chain] of open) {
        try {
          verifyPeerChain(chain, policy);
        } catch (thrown) {
          count += 1;
          refuse(socket, thrown);
        }
      }
      return count;
    },
    close: () => {
      identity.close();
    },
    [Symbol.dispose]: () => {
      identity.close();
    },
  };
}

/**
 * From here on node:tls reports clients that OpenSSL does not know instead of refusing them: there is no authority that
 * OpenSSL could know them by. When OpenSSL accepts a client, node:tls 24 throws the intermediates away before anybody
 * can read them. docs/adr/0004. A node that does not read the property goes on refusing everybody.
 */
function openDoor(server: Server): void {
  const door = server as unknown as { requestCert: boolean; rejectUnauthorized: boolean };
  door.requestCert = true;
  door.rejectUnauthorized = false;
}
