import type { ImportInterface } from '../link/component.ts';
import { Pollable } from './io-poll.ts';
import type { ReadySource, WaitScope } from './wait.ts';

/** Clocks a guest sees are no finer than this: 0.1 ms. */
export const resolutionNs = 100_000n;
const longestTimerMs = 2 ** 31 - 1;

/** What the clocks of a guest are made from. */
export interface HostClock {
  /** Milliseconds since some start, with fractions. */
  monotonicMs(): number;
  /** Milliseconds since 1970. */
  wallMs(): number;
  setTimeout(fn: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
}

export const hostClock: HostClock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  setTimeout: (fn, ms) => setTimeout(fn, ms),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
};

const monotonicNow = (clock: HostClock): bigint =>
  BigInt(Math.floor(clock.monotonicMs() * 10)) * resolutionNs;

/** A timer exists only while somebody waits. */
class TimerSource implements ReadySource {
  readonly #at: bigint;
  readonly #clock: HostClock;

  constructor(at: bigint, clock: HostClock) {
    this.#at = at;
    this.#clock = clock;
  }

  isReady(): boolean {
    return monotonicNow(this.#clock) >= this.#at;
  }

  onReady(wake: () => void): () => void {
    let timer: unknown;
    const arm = (): void => {
      const left = this.#at - monotonicNow(this.#clock);
      if (left <= 0n) return wake();
      timer = this.#clock.setTimeout(arm, Math.min(Math.ceil(Number(left) / 1e6), longestTimerMs));
    };
    arm();
    return () => this.#clock.clearTimeout(timer);
  }
}

const maxInstant = 2n ** 64n - 1n;

/** `wasi:clocks/monotonic-clock` (WASI 0.2), rounded down to 0.1 ms. */
export function monotonicClock(scope: WaitScope, clock: HostClock): ImportInterface {
  const at = (when: bigint): Pollable =>
    new Pollable(new TimerSource(when > maxInstant ? maxInstant : when, clock), scope);
  return {
    now: () => monotonicNow(clock),
    resolution: () => resolutionNs,
    subscribeInstant: (when: bigint) => at(when),
    subscribeDuration: (duration: bigint) => at(monotonicNow(clock) + duration),
  };
}

/** `wasi:clocks/wall-clock` (WASI 0.2), in whole milliseconds. */
export function wallClock(clock: HostClock): ImportInterface {
  return {
    now: () => {
      const now = Math.floor(clock.wallMs());
      return { seconds: BigInt(Math.floor(now / 1000)), nanoseconds: (now % 1000) * 1_000_000 };
    },
    resolution: () => ({ seconds: 0n, nanoseconds: 1_000_000 }),
  };
}
