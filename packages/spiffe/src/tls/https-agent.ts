import type { ClientRequest } from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import { checkConnectOptions, connectTls } from './connect.ts';
import type { TlsConnectOptions } from './connect.ts';
import type { TlsClientOptions } from './options.ts';
import { toError } from './peer.ts';

/** An agent for `https.request`, and for what takes such an agent. `destroy` drops all its connections and leaves it usable. */
export interface SpiffeAgent extends https.Agent {
  /** Drops the connections that no request uses at the moment. */
  destroyIdle(): void;
}

/**
 * An https agent whose connections are made as by `connectTls`, each with the SVID and bundles that are current then. Idle
 * connections are kept and go on when the SVID is renewed; they are not used again once one's own identity was withdrawn, has
 * expired or is another one. A request fails with what the sources throw or why the server was refused. Throws SpiffeError
 * `ERR_ID_TRUST_DOMAIN_MISSING`.
 */
export function createHttpsAgent(
  options: TlsConnectOptions,
  agentOptions: https.AgentOptions = {},
): SpiffeAgent {
  checkConnectOptions(options);
  return new SvidAgent(options, agentOptions);
}

class SvidAgent extends https.Agent implements SpiffeAgent {
  readonly #options: TlsConnectOptions;
  /** Under which ID a connection was made. */
  readonly #madeAs = new WeakMap<object, string>();

  constructor(options: TlsConnectOptions, agentOptions: https.AgentOptions) {
    super({ keepAlive: true, ...agentOptions, maxCachedSessions: 0 });
    this.#options = options;
    // Ahead of node:http, which gives a connection that is free to a request that waits.
    this.prependListener('free', (socket: Socket) => {
      if (!this.#isCurrent(socket)) {
        socket.destroy();
      }
    });
  }

  override createConnection(
    target: https.RequestOptions,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined {
    try {
      const socket = connectTls(target as Parameters<typeof connectTls>[0], this.#options);
      this.#madeAs.set(socket, this.#readId() ?? '');
      return socket;
    } catch (error) {
      if (callback === undefined) {
        throw error;
      }
      // Thrown from here it would reach whoever ended another request, or nobody.
      process.nextTick(callback, toError(error, 'The source threw'));
      return undefined;
    }
  }

  /** Called by node:http for each request, before it looks for a connection that is free. */
  addRequest(request: ClientRequest, ...rest: unknown[]): void {
    for (const socket of this.#idle()) {
      if (!this.#isCurrent(socket)) {
        socket.destroy();
      }
    }
    const base = https.Agent.prototype as unknown as { addRequest: (...args: unknown[]) => void };
    Reflect.apply(base.addRequest, this, [request, ...rest]);
  }

  destroyIdle(): void {
    for (const socket of this.#idle()) {
      socket.destroy();
    }
  }

  #idle(): Socket[] {
    return Object.values(this.freeSockets).flatMap((sockets) => sockets ?? []);
  }

  #isCurrent(socket: object): boolean {
    return this.#madeAs.get(socket) === this.#readId();
  }

  /** '' without an SVID of one's own, undefined when there is none any more. A source may not look at the time. */
  #readId(): string | undefined {
    const { svid: source, now } = this.#options as Partial<TlsClientOptions>;
    try {
      const svid = source?.getX509Svid();
      const isOver = svid !== undefined && !((now?.() ?? Date.now()) < svid.expiresAt);
      return isOver ? undefined : (svid?.id.toString() ?? '');
    } catch {
      return undefined;
    }
  }
}
