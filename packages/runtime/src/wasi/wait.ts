import type { HostFunction } from '../link/component.ts';
import { suspending } from '../link/host.ts';

/** Something a guest can wait for. `onReady` calls `wake` once, and answers a function that stops the watching. */
export interface ReadySource {
  isReady(): boolean;
  onReady(wake: () => void): () => void;
}

/** A source that is ready from the start and stays so. */
export const alwaysReady: ReadySource = {
  isReady: () => true,
  onReady(wake) {
    wake();
    return () => {};
  },
};

/** A list of waiting functions; `wake` empties it. */
export class Wakers {
  readonly #waiting = new Set<() => void>();

  add(wake: () => void): () => void {
    this.#waiting.add(wake);
    return () => this.#waiting.delete(wake);
  }

  wake(): void {
    if (this.#waiting.size === 0) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }
}

/**
 * Every suspension of one instance. `abort` ends them all with one error, so that a cancelled call unwinds instead of
 * staying suspended for ever; later waits fail with the same error.
 */
export class WaitScope {
  /** What the bodies of this instance hold that has not been sent. */
  heldBytes = 0;
  readonly #pending = new Set<(error: Error) => void>();
  readonly #hasUnsent: () => boolean;
  #error: Error | undefined;

  /** While `hasUnsent` says so, a wait ends only after this event-loop turn. */
  constructor(hasUnsent: () => boolean = () => false) {
    this.#hasUnsent = hasUnsent;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** Nothing can wait in this scope any more. */
  get isAborted(): boolean {
    return this.#error !== undefined;
  }

  /** Whether a guest that waits gives something of its own the time to be sent. */
  get hasUnsent(): boolean {
    return this.#hasUnsent();
  }

  /** The promise settles with the first `resolve`, or rejects when the scope is aborted; `cleanup` always runs. */
  suspend<T>(
    start: (resolve: (value: T) => void, reject: (error: unknown) => void) => () => void,
  ): Promise<T> {
    const aborted = this.#error;
    if (aborted !== undefined) return Promise.reject(aborted);
    return new Promise<T>((resolve, reject) => {
      let cleanup: (() => void) | undefined;
      let isSettled = false;
      const settle = (): boolean => {
        if (isSettled) return false;
        isSettled = true;
        this.#pending.delete(fail);
        cleanup?.();
        return true;
      };
      const fail = (error: Error): void => {
        if (settle()) reject(error);
      };
      this.#pending.add(fail);
      cleanup = start(
        (value) => {
          if (!settle()) return;
          // The guest may go on for so long that what it has sent before would come too late.
          if (this.#hasUnsent()) setImmediate(resolve, value);
          else resolve(value);
        },
        (error) => {
          // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- an error payload of a guest is any value
          if (settle()) reject(error);
        },
      );
      // Settled inside `start`: the cleanup was not known then.
      if (isSettled) cleanup();
    });
  }

  /** Waits until the source is ready. */
  untilReady(source: ReadySource): Promise<void> {
    return this.suspend((resolve) => {
      let stop = (): void => {};
      // A wake says "look again": others may have taken what was there.
      const look = (): void => {
        if (source.isReady()) resolve();
        else stop = source.onReady(look);
      };
      look();
      return () => stop();
    });
  }

  abort(error: Error): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    for (const fail of this.#pending) fail(error);
  }
}

/** Marks methods of a host class as ones that may answer with a promise. */
export function suspendingMethods<Host extends object>(
  host: { readonly prototype: Host },
  names: readonly (keyof Host & string)[],
): void {
  for (const name of names) suspending(host.prototype[name] as HostFunction);
}
