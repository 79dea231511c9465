import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import type { PeerCertificate, SecureContext, Server } from 'node:tls';

import { SpiffeError } from '../errors.ts';
import { isWebClient, tlsClientOptions, tlsWebClientOptions } from './options.ts';
import type { TlsClientOptions, TlsWebClientOptions } from './options.ts';
import { tlsPeerOf } from './peer-record.ts';

/** What `credentials.createFromSecureContext` of grpc-js takes. */
export interface GrpcClientTls {
  /** Asked by node:tls at each new connection, and then made of the current SVID and bundles. */
  readonly secureContext: SecureContext;
  /** Verifies the server's SPIFFE ID. To be given beside the context, always: without it no connection is made. */
  readonly verifyOptions: {
    checkServerIdentity: (hostname: string, certificate: PeerCertificate) => Error | undefined;
    rejectUnauthorized: true;
  };
}

/**
 * For a client of grpc-js: `credentials.createFromSecureContext(secureContext, verifyOptions)`. New connections take the current
 * SVID and bundles; one that cannot be made, because of the sources or the server, ends calls with UNAVAILABLE. Throws
 * SpiffeError `ERR_ID_TRUST_DOMAIN_MISSING`, or `ERR_SOURCE_OPTIONS` for both kinds of options at once.
 */
export function grpcClientTls(options: TlsClientOptions | TlsWebClientOptions): GrpcClientTls {
  const connection = isWebClient(options) ? tlsWebClientOptions(options) : tlsClientOptions(options);
  const checkServerIdentity = connection.checkServerIdentity ?? tls.checkServerIdentity;
  // Without it node:tls would be content with a host name in whichever SVID.
  let isTaken = false;
  // grpc-js keeps the context for as long as the channel lives, and hands it to each `tls.connect`, which asks it for this.
  const secureContext = Object.defineProperty({}, 'context', {
    enumerable: true,
    get: () => {
      if (!isTaken) {
        throw new SpiffeError(
          'ERR_SOURCE_OPTIONS',
          'Cannot connect: "verifyOptions" must be given to grpc-js beside the secure context',
        );
      }
      return tls.createSecureContext(connection).context as unknown;
    },
  });
  return {
    secureContext: secureContext as SecureContext,
    verifyOptions: {
      get checkServerIdentity() {
        isTaken = true;
        return checkServerIdentity;
      },
      rejectUnauthorized: true,
    },
  };
}

/** What `createConnectionInjector` of a grpc-js server returns. */
export interface GrpcConnectionInjector {
  /** Serves calls on the connection. */
  injectConnection: (connection: Duplex) => void;
}

/** Which connections are handed over. */
export interface InjectGrpcOptions {
  /** False for a server without client certificates: its handlers know nobody. Default true. */
  readonly isClientRequired?: boolean | undefined;
}

/**
 * Serves grpc-js on a guarded TLS server whose `ALPNProtocols` are `['h2']`: hands the verified connections, and no others, to
 * the injector, which is made with insecure credentials because TLS is done here. `tlsPeerOf(call)` tells a handler who
 * calls. Close both, the TLS server and the grpc one. Returns how to stop handing over. Never throws.
 */
export function injectGrpcConnections(
  server: Server,
  injector: GrpcConnectionInjector,
  options: InjectGrpcOptions = {},
): () => void {
  const hand = (socket: tls.TLSSocket): void => {
    const isKnown = options.isClientRequired === false || tlsPeerOf(socket) !== undefined;
    if (isKnown && socket.alpnProtocol === 'h2') {
      injector.injectConnection(socket);
    } else {
      socket.destroy();
    }
  };
  server.on('secureConnection', hand);
  return () => {
    server.off('secureConnection', hand);
  };
}
