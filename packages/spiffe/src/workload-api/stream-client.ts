import type { Clock } from '../clock.ts';
import { SpiffeError } from '../errors.ts';
import type { GrpcClient } from '../wire/grpc/client.ts';
import { parseResponse, toCallError } from './errors.ts';
import type { CallOptions, RetryOptions, Watch, WatchHandlers, WatchOptions } from './options.ts';
import { startWatch } from './watch.ts';

const DEFAULT_TIMEOUT_MS = 10_000;

export interface StreamClientOptions {
  readonly grpc: GrpcClient;
  /** Full name of the gRPC service. */
  readonly service: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly timeoutMs: number | undefined;
  readonly retry: RetryOptions | undefined;
  readonly clock: Clock;
}

/** What the clients of SPIFFE's gRPC services share: one call, the first message of a stream, a stream kept open. */
export class StreamClient {
  readonly #options: StreamClientOptions;
  readonly #watches = new Set<Watch>();
  #isClosed = false;

  constructor(options: StreamClientOptions) {
    this.#options = options;
  }

  async unary<T>(
    method: string,
    request: Uint8Array,
    decode: (bytes: Uint8Array) => T,
    options: CallOptions,
  ): Promise<T> {
    const { grpc, metadata } = this.#options;
    try {
      const bytes = await grpc.unary(this.#path(method), request, { ...this.#limits(options), metadata });
      return parseResponse(`${method} response`, () => decode(bytes));
    } catch (error) {
      throw toCallError(error);
    }
  }

  async first<T>(
    method: string,
    request: Uint8Array,
    decode: (bytes: Uint8Array) => T,
    options: CallOptions,
  ): Promise<T> {
    const { grpc, metadata } = this.#options;
    try {
      for await (const bytes of grpc.serverStream(this.#path(method), request, {
        ...this.#limits(options),
        metadata,
      })) {
        return parseResponse(`${method} response`, () => decode(bytes));
      }
    } catch (error) {
      throw toCallError(error);
    }
    throw new SpiffeError('ERR_ENDPOINT_RESPONSE', `The endpoint answered ${method} without a message`);
  }

  watch<T>(
    method: string,
    request: Uint8Array,
    decode: (bytes: Uint8Array) => T,
    handlers: WatchHandlers<T>,
    options: WatchOptions,
  ): Watch {
    const { grpc, metadata, retry, clock } = this.#options;
    if (this.#isClosed) {
      throw new SpiffeError('ERR_CLOSED', `Cannot watch ${method}: the client is closed`);
    }
    const watch = startWatch({
      open: (signal) => grpc.serverStream(this.#path(method), request, { metadata, signal }),
      decode: (bytes) => parseResponse(`${method} response`, () => decode(bytes)),
      handlers,
      retry,
      clock,
      signal: options.signal,
    });
    this.#watches.add(watch);
    void watch.ended.then(() => this.#watches.delete(watch));
    return watch;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(Array.from(this.#watches, async (watch) => await watch.close()));
    await this.#options.grpc.close();
  }

  #path(method: string): string {
    return `/${this.#options.service}/${method}`;
  }

  #limits(options: CallOptions): CallOptions {
    return {
      signal: options.signal,
      timeoutMs: options.timeoutMs ?? this.#options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    };
  }
}
