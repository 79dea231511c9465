import type { OutgoingHttpHeaders } from 'node:http2';

import { isSpiffeError, SpiffeError } from '../../errors.ts';
import { parseUnixAddress } from './address.ts';
import { CallLimits } from './call-limits.ts';
import type { GrpcCallOptions } from './call-limits.ts';
import { ClientCall, describe, unavailable, unreachable } from './client-call.ts';
import { GrpcConnection } from './connection.ts';
import { GRPC_STATUS, GrpcStatusError } from './status.ts';
import { connectPlain } from './target.ts';
import type { GrpcConnect, GrpcTarget } from './target.ts';

const DEFAULT_MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
const DEFAULT_CONNECT_TIMEOUT_MS = 5000;
const DEFAULT_KEEP_ALIVE_MS = 3000;
const DEFAULT_KEEP_ALIVE_TIMEOUT_MS = 3000;

interface ConnectionOptions {
  /** Opens the connection. Default: without TLS. */
  readonly connect?: GrpcConnect | undefined;
  /** Time limit of connecting, TLS included, in ms. Default 5000. */
  readonly connectTimeoutMs?: number | undefined;
  /** While a call is open, the peer is asked for a sign of life so often, in ms. Default 3000. */
  readonly keepAliveMs?: number | undefined;
  /** A peer that shows no sign of life for so long is given up, in ms. Default 3000. */
  readonly keepAliveTimeoutMs?: number | undefined;
  /** Largest message that is accepted. Default 4 MiB. */
  readonly maxMessageBytes?: number | undefined;
}

/** `address` is `unix:///absolute/path` or `unix:/absolute/path`; `target` is what any other address was parsed to. */
export type GrpcClientOptions = ConnectionOptions &
  ({ readonly address: string } | { readonly target: GrpcTarget });

/**
 * A gRPC client over one connection, which it opens at the first call and again when it broke. Calls throw
 * GrpcStatusError for a status other than OK, SpiffeError `ERR_ABORTED` or `ERR_CLOSED`, or the SpiffeError of `connect`.
 * A failed connection, and one whose peer is silent for too long, is UNAVAILABLE, a passed time limit DEADLINE_EXCEEDED.
 * An idle client does not keep the process alive.
 */
export class GrpcClient implements AsyncDisposable {
  readonly #options: ConnectionOptions;
  readonly #target: GrpcTarget;
  readonly #connections = new Set<GrpcConnection>();
  readonly #closing = new AbortController();
  #current: GrpcConnection | undefined;
  #connecting: Promise<GrpcConnection> | undefined;

  constructor(options: GrpcClientOptions) {
    this.#target = 'target' in options ? options.target : { path: parseUnixAddress(options.address) };
    this.#options = options;
  }

  /** One request, one response. */
  async unary(path: string, request: Uint8Array, options: GrpcCallOptions = {}): Promise<Uint8Array> {
    let response: Uint8Array | undefined;
    for await (const message of this.serverStream(path, request, options)) {
      if (response !== undefined) {
        throw new GrpcStatusError(GRPC_STATUS.INTERNAL, `Call ${path} was answered by more than one message`);
      }
      response = message;
    }
    if (response === undefined) {
      throw new GrpcStatusError(GRPC_STATUS.INTERNAL, `Call ${path} was answered by no message`);
    }
    return response;
  }

  /** One request, a stream of responses. To leave early, abort the signal or leave the loop. */
  async *serverStream(
    path: string,
    request: Uint8Array,
    options: GrpcCallOptions = {},
  ): AsyncGenerator<Uint8Array, void, undefined> {
    this.#throwIfClosed(path);
    const limits = new CallLimits(path, options);
    try {
      for (let isRetry = false; ; isRetry = true) {
        const connection = await limits.race(this.#connect(path));
        const isReused = connection.isUsed;
        const call = this.#start(path, connection, limits, options.metadata);
        try {
          yield* call.messages(request, this.#options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES);
          return;
        } catch (error) {
          // An idle connection may have died unnoticed. Then nothing of the call arrived, and a new connection is tried once.
          if (!isReused || isRetry || !call.isUnanswered || this.#closing.signal.aborted) {
            throw error;
          }
          connection.destroy();
        } finally {
          call.stop();
          connection.release();
        }
      }
    } finally {
      limits.stop();
    }
  }

  /** Ends the connection and every call on it. */
  async close(): Promise<void> {
    this.#closing.abort(new SpiffeError('ERR_CLOSED', 'The client was closed while it connected'));
    this.#current = undefined;
    const ends = Array.from(this.#connections, async (connection) => {
      connection.destroy();
      await connection.closed;
    });
    await Promise.all(ends);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #throwIfClosed(path: string): void {
    if (this.#closing.signal.aborted) {
      throw new SpiffeError('ERR_CLOSED', `Cannot call ${path}: the client is closed`);
    }
  }

  #start(
    path: string,
    connection: GrpcConnection,
    limits: CallLimits,
    metadata: Readonly<Record<string, string>> | undefined,
  ): ClientCall {
    const timeout = limits.timeoutHeader;
    const headers: OutgoingHttpHeaders = {
      ':method': 'POST',
      ':scheme': this.#options.connect === undefined ? 'http' : 'https',
      ':path': path,
      ':authority': 'localhost',
      te: 'trailers',
      'content-type': 'application/grpc',
      ...metadata,
      ...(timeout === undefined ? {} : { 'grpc-timeout': timeout }),
    };
    try {
      return new ClientCall(path, connection.request(headers), limits);
    } catch (error) {
      throw unavailable(path, error);
    }
  }

  /** The connection in use, or a new one, which calls that start together share. */
  async #connect(path: string): Promise<GrpcConnection> {
    if (this.#current?.isUsable === true) {
      return this.#current;
    }
    this.#connecting ??= this.#open().finally(() => {
      this.#connecting = undefined;
    });
    try {
      return await this.#connecting;
    } catch (error) {
      this.#throwIfClosed(path);
      throw isSpiffeError(error) ? error : unreachable(path, this.#target, error);
    }
  }

  async #open(): Promise<GrpcConnection> {
    const timeoutMs = this.#options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS;
    const limit = new AbortController();
    const timer = setTimeout(() => {
      const text = `Connection to ${describe(this.#target)} was not established within ${timeoutMs} ms`;
      limit.abort(new GrpcStatusError(GRPC_STATUS.UNAVAILABLE, text));
    }, timeoutMs);
    const signal = AbortSignal.any([limit.signal, this.#closing.signal]);
    try {
      const socket = await (this.#options.connect ?? connectPlain)(this.#target, signal);
      if (signal.aborted) {
        socket.destroy();
        throw signal.reason as Error;
      }
      const connection = new GrpcConnection(socket, {
        everyMs: this.#options.keepAliveMs ?? DEFAULT_KEEP_ALIVE_MS,
        timeoutMs: this.#options.keepAliveTimeoutMs ?? DEFAULT_KEEP_ALIVE_TIMEOUT_MS,
      });
      this.#connections.add(connection);
      void connection.closed.then(() => this.#connections.delete(connection));
      this.#current = connection;
      return connection;
    } finally {
      clearTimeout(timer);
    }
  }
}
