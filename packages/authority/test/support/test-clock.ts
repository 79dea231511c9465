import type { Clock, Timer } from '@muster/lattice';

interface Pending extends Timer {
  readonly at: number;
  readonly run: () => void;
}

/** A clock that stands still until a test moves it. */
export class TestClock implements Clock {
  #now: number;
  #pending: Pending[] = [];

  constructor(now: number = Date.UTC(2026, 0, 1)) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  setTimeout(run: () => void, delayMs: number): Timer {
    const timer: Pending = { at: this.#now + delayMs, run };
    this.#pending.push(timer);
    return timer;
  }

  clearTimeout(timer: Timer): void {
    this.#pending = this.#pending.filter((item) => item !== timer);
  }

  get pendingTimers(): number {
    return this.#pending.length;
  }

  /** Moves on, running what becomes due in order. Work that it starts elsewhere is not waited for. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const [next] = this.#pending.filter((item) => item.at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#pending = this.#pending.filter((item) => item !== next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
    }
    this.#now = end;
  }

  /** Sets the time without running anything, as an operator or a suspended machine does. */
  jump(ms: number): void {
    this.#now += ms;
  }
}
