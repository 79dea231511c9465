import { createConnection } from 'node:net';
import type { Socket } from 'node:net';
import type { ConnectionOptions as TlsConnectionOptions } from 'node:tls';
import { NatsConnectionImpl, setTransportFactory } from '@nats-io/transport-node';
import type { ConnectionOptions, NatsConnection, Server, ServerInfo } from '@nats-io/transport-node';
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

/** Longest that a server may go on before TLS: one line, with the addresses of its cluster. */
const MAX_INFO_BYTES = 64 * 1024;

class PreparedTransport extends NodeTransport {
  #isPrepared = false;
  #isAbandoned = false;

  override async connect(server: Server, options: ConnectionOptions): Promise<void> {
    const hooks = hooksByMarker.get(options.tls ?? {});
    if (hooks === undefined) {
      await super.connect(server, options);
      return;
    }
    try {
      const tls = await hooks.prepare();
      // The client gave up on this attempt while it was prepared.
      if (this.isClosed || this.#isAbandoned) throw refused('the attempt was abandoned');
      this.#isPrepared = true;
      await super.connect(server, { ...options, tls: tls as NonNullable<ConnectionOptions['tls']> });
      if (!this.isEncrypted()) {
        this.discard();
        throw refused('the connection must be encrypted');
      }
    } catch (error) {
      hooks.failed(error);
      throw error;
    }
  }

  /** As the client's own, but the socket can be reached from the beginning. */
  override dial(server: { hostname: string; port: number }): Promise<Socket> {
    const socket = createConnection(server.port, server.hostname);
    this.socket = socket;
    socket.setNoDelay(true);
    const { promise, resolve, reject } = Promise.withResolvers<Socket>();
    let problem: Error = refused('the attempt was abandoned');
    socket.once('connect', () => {
      socket.removeAllListeners();
      resolve(socket);
    });
    socket.on('error', (error) => (problem = error));
    socket.once('close', () => reject(problem));
    return promise;
  }

  /** The client's own leaves the socket of an attempt that was not completed, as of a server that says nothing, open for ever. */
  override async close(error?: Error): Promise<void> {
    await super.close(error);
    if (this.connected) return;
    this.#isAbandoned = true;
    (this.socket as Socket | undefined)?.destroy(refused('the attempt was abandoned'));
  }

  /**
   * What comes before TLS is anybody's word. It must ask for TLS by a plain `true`, since the client goes on in the clear
   * for other values that count as true; and nothing may follow it, since the client would read that as if it had come
   * through TLS: a message for one of our subscriptions, say.
   */
  override async peekInfo(): Promise<ServerInfo> {
    if (!this.#isPrepared) return super.peekInfo();
    let length = 0;
    this.socket.on('data', (bytes: Uint8Array) => {
      length += bytes.length;
      if (length > MAX_INFO_BYTES) this.socket.destroy(refused('the server says too much before TLS'));
    });
    const info = await super.peekInfo();
    if (info.tls_required !== true && info.tls_available !== true)
      throw refused('the server must ask for TLS');
    const received = Buffer.concat(this.yields);
    if (received.indexOf('\r\n') !== received.length - 2)
      throw refused('nothing may follow what the server says before TLS');
    return info;
  }
}

function refused(why: string): LatticeError {
  return new LatticeError('ERR_CONNECT_FAILED', `Cannot connect: ${why}`);
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
