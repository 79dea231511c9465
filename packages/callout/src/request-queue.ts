export interface RequestQueueOptions<T> {
  /** Most requests waiting; further ones are shed. */
  readonly maxInFlight: number;
  /** A request that waited longer is shed: its client is about to be refused anyway. */
  readonly maxWaitMs: number;
  readonly now: () => number;
  readonly handle: (request: T) => void;
  readonly shed: (request: T) => void;
  /** Runs a function after pending I/O. Default `setImmediate`. */
  readonly defer?: (run: () => void) => void;
}

/** Requests handled before I/O gets its turn again. */
const BATCH = 32;

/**
 * Puts a bound on work from clients that have proven nothing yet. Handles in order, in batches; what comes over the bound
 * or waited too long is dropped before any cryptography, so that old work cannot starve new work.
 */
export class RequestQueue<T> {
  readonly #options: RequestQueueOptions<T>;
  readonly #defer: (run: () => void) => void;
  #waiting: { request: T; since: number }[] = [];
  #isScheduled = false;

  constructor(options: RequestQueueOptions<T>) {
    this.#options = options;
    this.#defer = options.defer ?? setImmediate;
  }

  get length(): number {
    return this.#waiting.length;
  }

  push(request: T): void {
    const { maxInFlight, now, shed } = this.#options;
    if (this.#waiting.length >= maxInFlight) {
      shed(request);
      return;
    }
    this.#waiting.push({ request, since: now() });
    this.#schedule();
  }

  /** Drops all that wait, without a word: for stopping. */
  clear(): void {
    this.#waiting = [];
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#defer(() => {
      this.#isScheduled = false;
      this.#drain();
    });
  }

  #drain(): void {
    const { maxWaitMs, now, handle, shed } = this.#options;
    const batch = this.#waiting.splice(0, BATCH);
    for (const { request, since } of batch) {
      if (now() - since > maxWaitMs) shed(request);
      else handle(request);
    }
    if (this.#waiting.length > 0) this.#schedule();
  }
}
