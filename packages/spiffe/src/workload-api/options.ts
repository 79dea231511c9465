/** How a broken stream is opened again. Delays double from the first to the largest; a good message resets them. */
export interface RetryOptions {
  /** Delay before the first retry, in ms. Default 1000. */
  readonly initialDelayMs?: number;
  /** Largest delay, in ms. Default 30000. */
  readonly maxDelayMs?: number;
  /** Tries in a row without a good message after which to give up. Default: never. */
  readonly attempts?: number;
  /** Part of each delay that is random, 0 to 1. Default 0.2: a delay of 1000 ms becomes 800 to 1000 ms. */
  readonly jitter?: number;
}

/** Limits of one call. */
export interface CallOptions {
  /** Cancels the call, which then throws SpiffeError `ERR_ABORTED`. */
  readonly signal?: AbortSignal | undefined;
  /** Time limit in ms, after which the call throws SpiffeError `ERR_TIMEOUT`. */
  readonly timeoutMs?: number | undefined;
}

/** A stream that is kept open, and opened again when it breaks, until it is closed. */
export interface Watch extends AsyncDisposable {
  /** Settles when the watch has ended: with the reason why no further try makes sense, or undefined after `close`. Never rejects. */
  readonly ended: Promise<Error | undefined>;
  close(): Promise<void>;
}

/** What a watch reports. Handlers run synchronously, in order, never after `close`. */
export interface WatchHandlers<T> {
  /** The complete new state. */
  onUpdate(update: T): void;
  /** A message was refused or the stream broke. `retryInMs` is undefined when the watch has ended. The last state stays in use, except after `ERR_NO_IDENTITY`. */
  onError?(error: Error, retryInMs: number | undefined): void;
}
