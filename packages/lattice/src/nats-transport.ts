import type { ConnectionOptions as TlsConnectionOptions } from 'node:tls';
import { NatsConnectionImpl, setTransportFactory } from '@nats-io/transport-node';
import type { ConnectionOptions, NatsConnection, Server } from '@nats-io/transport-node';
import { NodeTransport, nodeResolveHost } from '@nats-io/transport-node/lib/node_transport.js';
import { LatticeError } from './errors.ts';

/*
 * nats.js asks for credentials synchronously, in the middle of a connect. What has to be awaited before each attempt (a
 * fresh JWT-SVID, the present bundle) is awaited here instead, at the start of the transport's own connect. Subscriptions
 * and pending publishes survive, because the client itself still does the reconnecting.
 */

export interface AttemptHooks {
  /** Runs before each attempt and returns the TLS options for it. A rejection fails the attempt, not the connection. */
  prepare(): Promise<TlsConnectionOptions>;
  /** Hears why an attempt failed before the server was spoken to. */
  failed(error: unknown): void;
}

/** The client copies its options but keeps the `tls` object, so that object identifies the connection. */
const hooksByMarker = new WeakMap<object, AttemptHooks>();

class PreparedTransport extends NodeTransport {
  override async connect(server: Server, options: ConnectionOptions): Promise<void> {
    const hooks = hooksByMarker.get(options.tls ?? {});
    if (hooks === undefined) {
      await super.connect(server, options);
      return;
    }
    try {
      const tls = await hooks.prepare();
      // The client gave up on this attempt while it was prepared.
      if (this.isClosed)
        throw new LatticeError('ERR_CONNECT_FAILED', 'Cannot connect: the attempt was abandoned');
      await super.connect(server, { ...options, tls: tls as NonNullable<ConnectionOptions['tls']> });
    } catch (error) {
      hooks.failed(error);
      throw error;
    }
  }
}

/** Makes new transports of the whole process ours. Connections that did not ask for it see no difference. */
function installTransport(): void {
  setTransportFactory({ factory: () => new PreparedTransport(), dnsResolveFn: nodeResolveHost });
}

/** As nats.js `connect`, with `hooks.prepare` before every attempt, reconnects included. */
export function connectPrepared(
  options: Omit<ConnectionOptions, 'tls'>,
  hooks: AttemptHooks,
): Promise<NatsConnection> {
  const marker = {
    // Read only when somebody else's transport dials for us: then nothing may be sent.
    get ca(): never {
      throw new LatticeError(
        'ERR_TRANSPORT_REPLACED',
        'Cannot connect: another transport was installed, trying again',
      );
    },
  };
  hooksByMarker.set(marker, hooks);
  installTransport();
  const pace = options.reconnectDelayHandler;
  return NatsConnectionImpl.connect({
    ...options,
    tls: marker,
    reconnectDelayHandler: () => {
      installTransport();
      return pace?.() ?? 0;
    },
  });
}
