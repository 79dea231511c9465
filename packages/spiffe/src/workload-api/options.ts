/** How a broken stream is opened again. Delays double from the first to the largest; a good message resets them. */
export interface RetryOptions {
  /** Delay before the first retry, in ms. Default 1000. */
  readonly initialDelayMs?: number | undefined;
  /** Largest delay, in ms. Default 30000, and 5000 while the endpoint cannot be reached. */
  readonly maxDelayMs?: number | undefined;
  /** Failures in a row after which to give up. Default: never. */
  readonly attempts?: number | undefined;
  /** Part of each delay that is random, 0 to 1. Default 0.2: a delay of 1000 ms becomes 800 to 1000 ms. */
  readonly jitter?: number | undefined;
}

/** Limits of one call. */
export interface CallOptions {
  /** Cancels the call, which then throws SpiffeError `ERR_ABORTED`. */
  readonly signal?: AbortSignal | undefined;
  /** Time limit in ms, after which the call throws SpiffeError `ERR_TIMEOUT`. Default: that of the client. */
  readonly timeoutMs?: number | undefined;
}

/** Limits of one watch. */
export interface WatchOptions {
  /** Ends the watch, as `close` does. */
  readonly signal?: AbortSignal | undefined;
}

/** A stream that is kept open, and opened again when it breaks, until it is closed. */
export interface Watch extends AsyncDisposable {
  /** Settles when the watch has ended: with the reason why no further try makes sense, or undefined after `close`. Never rejects. */
  readonly ended: Promise<Error | undefined>;
  close(): Promise<void>;
}

/** What a watch reports. Handlers run synchronously, in order, never after `close`. */
export interface WatchHandlers<T> {
  /** The complete new state. May throw to refuse it, which is then reported to `onError`. */
  onUpdate(update: T): void;
  /** A message was refused (`retryInMs` is 0), or the stream broke and is opened again after `retryInMs`, or the watch has ended (undefined). */
  onError?(error: Error, retryInMs: number | undefined): void;
}
