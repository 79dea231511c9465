import { chmodSync } from 'node:fs';
import { createGrpcServer, type GrpcServer, type GrpcService } from '@muster/spiffe/wire';
import type { Libc } from '../attestation/libc.ts';
import { guardSocket, type SocketGuard } from './socket-guard.ts';

export interface EndpointOptions {
  readonly path: string;
  readonly services: Readonly<Record<string, GrpcService>>;
  readonly libc: Libc;
  readonly onError: (error: unknown, call: { readonly path: string }) => void;
}

/** A socket that can be opened and closed again while its directory stays reserved. */
export class Endpoint {
  readonly #options: EndpointOptions;
  readonly #guard: SocketGuard;
  #server: GrpcServer | undefined;

  /** Reserves the directory; nothing listens yet. Throws ERR_SOCKET_PATH, ERR_SOCKET_IN_USE. */
  constructor(options: EndpointOptions) {
    this.#options = options;
    this.#guard = guardSocket(options.path, options.libc);
  }

  async open(): Promise<void> {
    const { path, services, onError } = this.#options;
    await this.#guard.clear();
    const server = createGrpcServer({ services, onError });
    await server.listen(path);
    this.#server = server;
    chmodSync(path, 0o600);
  }

  /** Drops every call and removes the socket. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    await server?.close();
  }

  /** Closes and gives the directory up. */
  async release(): Promise<void> {
    await this.close();
    this.#guard.release();
  }
}
