import { isSpiffeError } from '../errors.ts';
import { callOut, tellReporter } from '../internal/call-out.ts';
import type { Watch, WatchHandlers } from './options.ts';

interface Subscriber<T> {
  readonly handlers: WatchHandlers<T>;
  readonly ended: PromiseWithResolvers<Error | undefined>;
  /** False until it has been told what was known when it came. */
  isCurrent: boolean;
}

/** One stream for all who follow the same thing: whoever comes later is told the latest state first. */
export class SharedStream<T> {
  readonly #subscribers = new Set<Subscriber<T>>();
  #latest: { readonly update: T } | undefined;
  #failure: { readonly error: Error; readonly retryInMs: number } | undefined;
  #noted = '';

  get isUnused(): boolean {
    return this.#subscribers.size === 0;
  }

  /** Follows the stream until the returned function is called. */
  join(handlers: WatchHandlers<T>): {
    readonly ended: Promise<Error | undefined>;
    readonly leave: () => void;
  } {
    const isFirst = this.#latest === undefined && this.#failure === undefined;
    const subscriber: Subscriber<T> = { handlers, ended: Promise.withResolvers(), isCurrent: isFirst };
    this.#subscribers.add(subscriber);
    if (!isFirst) {
      queueMicrotask(() => {
        this.#catchUp(subscriber);
      });
    }
    return {
      ended: subscriber.ended.promise,
      leave: () => {
        this.#subscribers.delete(subscriber);
        subscriber.ended.resolve(undefined);
      },
    };
  }

  /** Hands an update on, and then what was passed over in it, unless that is what it was before. Says whether anybody took it. */
  deliver(update: T, notes: readonly Error[]): boolean {
    this.#latest = { update };
    this.#failure = undefined;
    let isTaken = false;
    for (const subscriber of this.#current()) {
      isTaken = offer(subscriber, update) || isTaken;
    }
    const text = notes.map(({ message }) => message).join('\n');
    if (text !== this.#noted) {
      this.#noted = text;
      for (const note of notes) {
        this.report(note, 0);
      }
    }
    return isTaken;
  }

  report(error: Error, retryInMs: number | undefined): void {
    // The endpoint says it by a status, and in some APIs by a message, which then counts as refused.
    const isWithdrawal = isSpiffeError(error) && error.code === 'ERR_NO_IDENTITY';
    if (isWithdrawal) {
      // What has been withdrawn must not be handed to whoever comes next.
      this.#latest = undefined;
    }
    if (retryInMs !== undefined && (retryInMs > 0 || isWithdrawal)) {
      this.#failure = { error, retryInMs };
    }
    for (const subscriber of this.#current()) {
      tell(subscriber, error, retryInMs);
    }
  }

  end(error: Error | undefined): void {
    for (const subscriber of this.#subscribers) {
      subscriber.ended.resolve(error);
    }
    this.#subscribers.clear();
  }

  #catchUp(subscriber: Subscriber<T>): void {
    if (!this.#subscribers.has(subscriber)) {
      return;
    }
    subscriber.isCurrent = true;
    if (this.#latest !== undefined) {
      offer(subscriber, this.#latest.update);
    }
    if (this.#failure !== undefined) {
      tell(subscriber, this.#failure.error, this.#failure.retryInMs);
    }
  }

  /** Who is to be told. Handlers may come and go meanwhile: those that have gone are not called, those that come catch up by themselves. */
  *#current(): Generator<Subscriber<T>> {
    for (const subscriber of this.#subscribers) {
      if (subscriber.isCurrent) {
        yield subscriber;
      }
    }
  }
}

/** Whoever throws refuses the update and is told so. */
function offer<T>(subscriber: Subscriber<T>, update: T): boolean {
  return callOut(
    (): unknown => subscriber.handlers.onUpdate(update),
    (error) => {
      tell(subscriber, error, 0);
    },
  );
}

function tell<T>({ handlers }: Subscriber<T>, error: Error, retryInMs: number | undefined): void {
  tellReporter(handlers.onError?.bind(handlers), error, retryInMs);
}

/** What a subscriber holds: it ends with the stream, or when it leaves. `close` waits for the stream where nobody else needs it. */
export function createWatch(
  ended: Promise<Error | undefined>,
  leave: () => Promise<void>,
  signal: AbortSignal | undefined,
): Watch {
  const abort = (): void => {
    void leave();
  };
  signal?.addEventListener('abort', abort, { once: true });
  void ended.then(() => {
    signal?.removeEventListener('abort', abort);
  });
  return { ended, close: leave, [Symbol.asyncDispose]: leave };
}
