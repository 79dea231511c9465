/** One thing that went wrong. */
export interface Failure {
  /** What was tried: `request`, `token` or `handshake`. */
  readonly what: Attempt;
  /** The code of the error, or the status and code that the server answered. */
  readonly code: string;
  readonly startedAt: number;
  readonly endedAt: number;
}

/** A request on a kept connection, one with a JWT-SVID, a new connection with one request. */
export type Attempt = 'request' | 'token' | 'handshake';

export interface TallyReport {
  /** Good answers. */
  readonly right: Readonly<Record<Attempt, number>>;
  readonly failures: readonly Failure[];
  /** More than are listed in `failures`. */
  readonly failed: number;
  /** Not tried because too many were under way: the machine was too slow for the rate. */
  readonly skipped: number;
  /** Longest time between two good answers, up to now. */
  readonly longestGapMs: number;
  readonly slowestMs: number;
}

const MAX_LISTED = 20_000;

/** What became of the attempts of one client. */
export class Tally {
  readonly #right = { request: 0, token: 0, handshake: 0 };
  readonly #failures: Failure[] = [];
  #failed = 0;
  #longestGapMs = 0;
  #slowestMs = 0;
  #lastRightAt = performance.now();
  skipped = 0;

  /** Notes how an attempt ended. */
  async follow(what: Attempt, attempt: () => Promise<void>): Promise<void> {
    const startedAt = Date.now();
    const since = performance.now();
    try {
      await attempt();
    } catch (error) {
      this.#failed += 1;
      const code = codeOf(error);
      if (this.#failures.length < MAX_LISTED)
        this.#failures.push({ what, code, startedAt, endedAt: Date.now() });
      return;
    }
    const now = performance.now();
    this.#right[what] += 1;
    this.#slowestMs = Math.max(this.#slowestMs, now - since);
    this.#longestGapMs = Math.max(this.#longestGapMs, now - this.#lastRightAt);
    this.#lastRightAt = now;
  }

  /** Begins gap and slowest answer anew. */
  resetTimes(): void {
    this.#longestGapMs = 0;
    this.#slowestMs = 0;
    this.#lastRightAt = performance.now();
  }

  report(): TallyReport {
    return {
      right: { ...this.#right },
      failures: this.#failures,
      failed: this.#failed,
      skipped: this.skipped,
      longestGapMs: Math.round(Math.max(this.#longestGapMs, performance.now() - this.#lastRightAt)),
      slowestMs: Math.round(this.#slowestMs),
    };
  }
}

/** Of a handshake that the other side ended the alert that it sent, since the code is that of any broken protocol. */
function codeOf(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  const alert = /\balert ([a-z ]+[a-z])/.exec(String(message))?.[1];
  if (alert !== undefined) return `alert ${alert}`;
  return typeof code === 'string' ? code : String(message);
}

/** How often each value came. */
export function countBy(values: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}
