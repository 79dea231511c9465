export interface BackoffOptions {
  readonly initialDelayMs: number;
  readonly maxDelayMs: number;
  /** Part of each pause that is random, 0 to 1. */
  readonly jitter: number;
  readonly random?: () => number;
}

/** Pauses between attempts: doubling up to a bound, each shortened by a random part so that a herd spreads out. */
export class Backoff {
  readonly #options: BackoffOptions;
  #attempts = 0;
  #pauseMs = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** Attempts that began since the last success. */
  get attempts(): number {
    return this.#attempts;
  }

  /** Pause after the latest attempt; stays the same until the next one begins. 0 before the first. */
  get pauseMs(): number {
    return this.#pauseMs;
  }

  /** Notes that an attempt begins and draws the pause that follows it. */
  begin(): void {
    const { initialDelayMs, maxDelayMs } = this.#options;
    this.#pauseMs = this.#draw(Math.min(maxDelayMs, initialDelayMs * 2 ** Math.min(this.#attempts, 30)));
    this.#attempts += 1;
  }

  /** A pause before the very first attempt, so that all who lost the same server do not return at once. */
  firstPauseMs(): number {
    return this.#draw(this.#options.initialDelayMs);
  }

  succeed(): void {
    this.#attempts = 0;
    this.#pauseMs = 0;
  }

  #draw(delayMs: number): number {
    const { jitter, random = Math.random } = this.#options;
    return Math.round(delayMs * (1 - jitter * random()));
  }
}
