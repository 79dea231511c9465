import type { Clock } from '@muster/lattice';

/** The clock is compared at least this often, so that a jump or a suspended machine is noticed. */
const MAX_SLEEP_MS = 30_000;
/** Even if everything is due at once, states follow each other no faster. */
const MIN_SLEEP_MS = 250;

/** One state of a stream: what to send, if it differs from what was sent, and when it is due again. */
export interface State {
  readonly message: Uint8Array | undefined;
  readonly dueAt: number | undefined;
}

export interface StateWatchOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Each registers a listener for one kind of change and returns the function that ends this. */
  readonly changes: readonly ((listener: () => void) => () => void)[];
  /** Makes the state as it is now; throwing ends the stream. */
  readonly produce: () => Promise<State>;
}

/**
 * Yields the state at once, and again after each change and whenever it is due. Changes that come while the receiver
 * is slow are merged into one. Ends without error when the signal aborts.
 */
export async function* watchState(options: StateWatchOptions): AsyncGenerator<Uint8Array, void, undefined> {
  const { clock, signal, produce } = options;
  const wake = new Wake();
  const unsubscribe = options.changes.map((change) => change(() => wake.set()));
  const onAbort = (): void => wake.set();
  signal.addEventListener('abort', onAbort);
  try {
    while (!signal.aborted) {
      wake.clear();
      const madeAt = clock.now();
      const { message, dueAt } = await produce();
      if (message !== undefined && !signal.aborted) yield message;
      await sleepUntilDue(clock, wake, madeAt, dueAt, () => signal.aborted);
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    for (const end of unsubscribe) end();
  }
}

async function sleepUntilDue(
  clock: Clock,
  wake: Wake,
  madeAt: number,
  dueAt: number | undefined,
  isAborted: () => boolean,
): Promise<void> {
  const wantedAt = dueAt === undefined ? Number.POSITIVE_INFINITY : Math.max(dueAt, madeAt + MIN_SLEEP_MS);
  while (!wake.isSet && !isAborted()) {
    const now = clock.now();
    const isClockBack = now < madeAt;
    if (now >= wantedAt || isClockBack) return;
    await wake.wait(clock, Math.min(wantedAt - now, MAX_SLEEP_MS));
  }
}

/** A flag that one waiter can sleep on. */
class Wake {
  #isSet = false;
  #resolve: (() => void) | undefined;

  get isSet(): boolean {
    return this.#isSet;
  }

  set(): void {
    this.#isSet = true;
    this.#resolve?.();
  }

  clear(): void {
    this.#isSet = false;
  }

  async wait(clock: Clock, delayMs: number): Promise<void> {
    if (this.#isSet) return;
    await new Promise<void>((resolve) => {
      const timer = clock.setTimeout(resolve, delayMs);
      this.#resolve = () => {
        clock.clearTimeout(timer);
        resolve();
      };
    });
    this.#resolve = undefined;
  }
}
