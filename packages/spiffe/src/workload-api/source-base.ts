import type { Clock } from '../clock.ts';
import { SpiffeError } from '../errors.ts';
import { waitWithin } from '../internal/deadline.ts';
import { callOut, tellReporter } from '../internal/call-out.ts';
import { checkDurations } from '../internal/durations.ts';
import type { CallOptions } from './options.ts';

const DEFAULT_TIMEOUT_MS = 30_000;

/** Which change to wait for. */
export interface ChangeOptions extends CallOptions {
  /** Resolve at once when `changeCount` is above this already. Default: the present count, which waits for the next change. */
  readonly after?: number | undefined;
}

/** Something that is kept up to date, and tells of its changes as values of `E`. It keeps the process running until it is closed. */
export interface UpdatingSource<E> extends AsyncDisposable {
  /** How many changes there were, the first state included. */
  readonly changeCount: number;
  /** When a state was taken over last, in ms since the epoch. */
  readonly updatedAt: number;
  /** Why the last try to get a newer state failed. Undefined when one has been taken over since. */
  readonly lastError: Error | undefined;
  /** Calls the listener after each change. Returns how to stop that. */
  onChange(listener: (event: E) => void): () => void;
  /** Resolves after a change, with the last one there was. Waits for ever by default. Throws SpiffeError `ERR_TIMEOUT`, `ERR_ABORTED` or `ERR_CLOSED`. */
  waitForChange(options?: ChangeOptions): Promise<E>;
  /** The changes from now on; of several that come while the loop is busy, the last. Ends when the source is closed. The signal ends it by SpiffeError `ERR_ABORTED`. */
  changes(options?: { readonly signal?: AbortSignal | undefined }): AsyncGenerator<E, void, undefined>;
  close(): Promise<void>;
}

/** How failures are told: with the time to the next try, 0 where only something was refused, undefined at the end. */
export type ErrorReporter = (error: Error, retryInMs: number | undefined) => void;

/** How long creating a source may take. */
export interface FirstStateOptions {
  /** How long to wait for the first state, in ms. Default 30000. */
  readonly timeoutMs?: number | undefined;
  /** Cancels the wait for the first state. */
  readonly signal?: AbortSignal | undefined;
}

/** What all sources do alike: wait for the first state, tell of changes, report failures, close once. */
export abstract class SourceBase<E> implements UpdatingSource<E> {
  changeCount = 0;
  updatedAt = 0;
  lastError: Error | undefined;
  protected readonly clock: Clock;
  readonly #name: string;
  readonly #onError: ErrorReporter | undefined;
  readonly #listeners = new Set<(event: E) => void>();
  readonly #first = Promise.withResolvers<void>();
  /** Those who wait for a change, to be told that there will be none. A promise that lives as long as the source would remember each of them. */
  readonly #waiting = new Set<(error: Error) => void>();
  #lastEvent: E | undefined;
  #isClosed = false;
  #stopped: Promise<void> | undefined;

  constructor(name: string, clock: Clock, onError: ErrorReporter | undefined) {
    this.#name = name;
    this.clock = clock;
    this.#onError = onError;
    // May be rejected while nobody waits for it.
    this.#first.promise.catch(() => {});
  }

  /** Begins to follow whatever the state comes from. */
  protected abstract start(): void;

  /** Lets go of all that `start` has opened. */
  protected abstract stop(): Promise<void>;

  /** Starts and resolves at the first state. Whatever keeps that from coming is thrown, after closing. */
  async open(options: FirstStateOptions): Promise<void> {
    try {
      checkDurations(`create ${this.#name}`, { timeoutMs: options.timeoutMs });
      this.start();
      await waitWithin(this.#first.promise, {
        action: `create ${this.#name}`,
        absence: 'nothing usable came',
        timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
        clock: this.clock,
        signal: options.signal,
        lastError: () => this.lastError,
      });
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  onChange(listener: (event: E) => void): () => void {
    // A wrapper, so that the same function can be added twice and removed once.
    const entry = (event: E): void => listener(event);
    this.#listeners.add(entry);
    return () => {
      this.#listeners.delete(entry);
    };
  }

  async waitForChange(options: ChangeOptions = {}): Promise<E> {
    if (this.isClosed) {
      throw this.#closedError();
    }
    if (this.changeCount > (options.after ?? this.changeCount)) {
      return this.#lastEvent as E;
    }
    const next = Promise.withResolvers<E>();
    const unsubscribe = this.onChange(next.resolve);
    this.#waiting.add(next.reject);
    try {
      return await waitWithin(next.promise, {
        action: `wait for a change of ${this.#name}`,
        absence: 'none came',
        timeoutMs: options.timeoutMs,
        clock: this.clock,
        signal: options.signal,
        lastError: () => this.lastError,
      });
    } finally {
      unsubscribe();
      this.#waiting.delete(next.reject);
    }
  }

  async *changes(
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<E, void, undefined> {
    let after = this.changeCount;
    while (!this.isClosed) {
      let event: E;
      try {
        event = await this.waitForChange({ after, signal: options.signal });
      } catch (error) {
        if (this.isClosed) {
          return;
        }
        throw error;
      }
      after = this.changeCount;
      yield event;
    }
  }

  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#listeners.clear();
      for (const reject of this.#waiting) {
        reject(this.#closedError());
      }
      this.#first.reject(this.#closedError());
      this.#stopped = this.stop();
    }
    await this.#stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** What was known last may be wrong by now: a closed source answers nothing. Throws SpiffeError `ERR_CLOSED`. */
  protected checkOpen(action: string): void {
    if (this.#isClosed) {
      throw new SpiffeError('ERR_CLOSED', `Cannot ${action}: the source is closed`);
    }
  }

  /** To be called when a state has been taken over whole. Nobody waits for the first one any longer unless it is only a part. */
  protected taken(event: E, options: { readonly isPart?: boolean } = {}): void {
    this.lastError = undefined;
    this.updatedAt = this.clock.now();
    if (options.isPart !== true) {
      this.#first.resolve();
    }
    this.announce(event);
  }

  /** Tells of a change. What a listener throws is reported and keeps neither the others nor the source from going on: the state has changed already. */
  protected announce(event: E): void {
    this.changeCount += 1;
    this.#lastEvent = event;
    for (const listener of this.#listeners) {
      callOut(
        (): unknown => listener(event),
        (error) => {
          this.report(error, 0);
        },
      );
    }
  }

  protected report(error: Error, retryInMs: number | undefined): void {
    tellReporter(this.#onError, error, retryInMs);
  }

  /** There will be no state any more. */
  protected ended(error: Error | undefined): void {
    this.#first.reject(error ?? this.#closedError());
  }

  #closedError(): SpiffeError {
    return new SpiffeError('ERR_CLOSED', `The ${this.#name} is closed`);
  }
}
