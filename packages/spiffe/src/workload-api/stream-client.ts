import type { Clock } from '../clock.ts';
import { SpiffeError } from '../errors.ts';
import { checkDurations } from '../internal/durations.ts';
import type { GrpcClient } from '../wire/grpc/client.ts';
import { parseResponse, toCallError } from './errors.ts';
import type { CallOptions, RetryOptions, Watch, WatchHandlers, WatchOptions } from './options.ts';
import { checkRetry } from './retry.ts';
import { createWatch, SharedStream } from './shared-stream.ts';
import { keepOpen } from './watch.ts';

/** Default time limit of a fetch, in ms. */
export const DEFAULT_CALL_TIMEOUT_MS = 10_000;

export interface StreamClientOptions {
  readonly grpc: GrpcClient;
  /** Full name of the gRPC service. */
  readonly service: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly timeoutMs: number | undefined;
  readonly retry: RetryOptions | undefined;
  /** Only looked at, to refuse what cannot be meant. */
  readonly keepAliveMs?: number | undefined;
  readonly clock: Clock;
}

/** How the messages of a stream are read. */
export interface Decoder<T> {
  decode(bytes: Uint8Array): T;
  /** Lists what of an update was passed over, to be reported. */
  findNotes(update: T): Error[];
}

/** What the clients of SPIFFE's gRPC services share: one call, the first message of a stream, a stream kept open. */
export class StreamClient {
  readonly #options: StreamClientOptions;
  /** By method and request. */
  readonly #streams = new Map<string | symbol, OpenStream>();
  #isClosed = false;

  /** Throws SpiffeError `ERR_SOURCE_OPTIONS`. */
  constructor(options: StreamClientOptions) {
    checkDurations('create client', { timeoutMs: options.timeoutMs, keepAliveMs: options.keepAliveMs });
    checkRetry(options.retry);
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
    decoder: Decoder<T> | ((bytes: Uint8Array) => T),
    options: CallOptions,
  ): Promise<T> {
    const { grpc, metadata } = this.#options;
    try {
      for await (const bytes of grpc.serverStream(this.#path(method), request, {
        ...this.#limits(options),
        metadata,
      })) {
        return parseResponse(`${method} response`, () => toDecoder(decoder).decode(bytes));
      }
    } catch (error) {
      throw toCallError(error);
    }
    throw new SpiffeError('ERR_ENDPOINT_RESPONSE', `The endpoint answered ${method} without a message`);
  }

  /** Follows a stream. Equal ones share a call, unless `isAlone`: where what is asked for may mean something else later. */
  watch<T>(
    method: string,
    request: Uint8Array,
    decoder: Decoder<T> | ((bytes: Uint8Array) => T),
    handlers: WatchHandlers<T>,
    options: WatchOptions & { readonly isAlone?: boolean },
  ): Watch {
    if (this.#isClosed) {
      throw new SpiffeError('ERR_CLOSED', `Cannot watch ${method}: the client is closed`);
    }
    if (options.signal?.aborted === true) {
      return createWatch(Promise.resolve(undefined), async () => {}, undefined);
    }
    const key =
      options.isAlone === true ? Symbol(method) : `${method} ${Buffer.from(request).toString('base64')}`;
    let stream = this.#streams.get(key);
    // The subscriber is there before the stream is opened, so that nothing is missed.
    const shared = (stream?.shared ?? new SharedStream<T>()) as SharedStream<T>;
    const { ended, leave } = shared.join(handlers);
    stream ??= this.#open(key, method, request, toDecoder(decoder), shared);
    const { finished, closing } = stream;
    const leaveAndClose = async (): Promise<void> => {
      leave();
      if (shared.isUnused) {
        closing.abort();
        this.#forget(key, shared);
        await finished;
      }
    };
    return createWatch(ended, leaveAndClose, options.signal);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const finished = Array.from(this.#streams.values(), async (stream) => {
      stream.closing.abort();
      await stream.finished;
    });
    await Promise.all(finished);
    await this.#options.grpc.close();
  }

  #open<T>(
    key: string | symbol,
    method: string,
    request: Uint8Array,
    decoder: Decoder<T>,
    shared: SharedStream<T>,
  ): OpenStream {
    const { grpc, metadata, retry, clock } = this.#options;
    const closing = new AbortController();
    const plan = {
      open: (signal: AbortSignal) => grpc.serverStream(this.#path(method), request, { metadata, signal }),
      deliver: (bytes: Uint8Array) => {
        const update = parseResponse(`${method} response`, () => decoder.decode(bytes));
        return shared.deliver(update, decoder.findNotes(update));
      },
      report: (error: Error, retryInMs: number | undefined) => {
        if (retryInMs === undefined) {
          // It ends. Whoever watches anew when told so is to have a stream of its own, and nothing of this one.
          this.#forget(key, shared);
        }
        shared.report(error, retryInMs);
      },
      retry,
      clock,
    };
    const finished = keepOpen(plan, closing.signal).then((error) => {
      this.#forget(key, shared);
      shared.end(error);
    });
    const stream = { shared: shared as SharedStream<unknown>, closing, finished };
    this.#streams.set(key, stream);
    return stream;
  }

  #forget(key: string | symbol, shared: SharedStream<unknown>): void {
    if (this.#streams.get(key)?.shared === shared) {
      this.#streams.delete(key);
    }
  }

  #path(method: string): string {
    return `/${this.#options.service}/${method}`;
  }

  #limits(options: CallOptions): CallOptions {
    return {
      signal: options.signal,
      timeoutMs: options.timeoutMs ?? this.#options.timeoutMs ?? DEFAULT_CALL_TIMEOUT_MS,
    };
  }
}

interface OpenStream {
  readonly shared: SharedStream<unknown>;
  readonly closing: AbortController;
  readonly finished: Promise<void>;
}

function toDecoder<T>(decoder: Decoder<T> | ((bytes: Uint8Array) => T)): Decoder<T> {
  return typeof decoder === 'function' ? { decode: decoder, findNotes: () => [] } : decoder;
}
