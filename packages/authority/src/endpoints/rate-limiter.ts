import type { Caller } from '../attestation/workload-attestor.ts';

/** Unregistered processes of one user share this many times the allowance of a single one. */
const USER_FACTOR = 4;
const BURST_SECONDS = 2;
const MAX_BUCKETS = 10_000;

interface Bucket {
  tokens: number;
  at: number;
  isReported: boolean;
}

/** How a call is received: `limited-again` until the caller has been quiet for a while, so that it is reported once. */
export type RateDecision = 'allowed' | 'limited' | 'limited-again';

/**
 * Limits the calls of each caller by token buckets. Announced children and the authority's own process have a bucket
 * each, so that no stranger with the same uid can starve them.
 */
export class RateLimiter {
  readonly #callsPerSecond: number;
  readonly #now: () => number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(callsPerSecond: number, now: () => number) {
    this.#callsPerSecond = callsPerSecond;
    this.#now = now;
  }

  /** Counts one call. */
  take(caller: Omit<Caller, 'selectors'>): RateDecision {
    const [name] = caller.childNames;
    if (name !== undefined) return this.#take(`child:${name}`, 1);
    if (caller.isSelf) return this.#take('self', 1);
    const own = this.#take(callerKey(caller), 1);
    return own === 'allowed' ? this.#take(`uid:${caller.uid}`, USER_FACTOR) : own;
  }

  #take(key: string, factor: number): RateDecision {
    const rate = this.#callsPerSecond * factor;
    const now = this.#now();
    const bucket = this.#buckets.get(key) ?? { tokens: rate * BURST_SECONDS, at: now, isReported: false };
    // A clock that was set back must not take tokens away.
    const elapsedMs = Math.max(0, now - bucket.at);
    bucket.tokens = Math.min(rate * BURST_SECONDS, bucket.tokens + (elapsedMs * rate) / 1000);
    bucket.at = now;
    // Re-inserted, so that the map is ordered by last use and the idle ones are dropped.
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    this.#prune();
    if (bucket.tokens >= 1) {
      bucket.tokens -= 1;
      if (bucket.tokens >= rate) bucket.isReported = false;
      return 'allowed';
    }
    if (bucket.isReported) return 'limited-again';
    bucket.isReported = true;
    return 'limited';
  }

  #prune(): void {
    if (this.#buckets.size <= MAX_BUCKETS) return;
    const [oldest] = this.#buckets.keys();
    if (oldest !== undefined) this.#buckets.delete(oldest);
  }
}

/** Names a process for the time it lives. */
export function callerKey(caller: Pick<Caller, 'pid' | 'startTime'>): string {
  return `process:${caller.pid}:${caller.startTime}`;
}
