import type { Clock, Timer } from '@muster/lattice';

interface Pending {
  readonly at: number;
  readonly run: () => void;
}

/** A clock that stands still until a test moves it. Timers run by elapsed time, whatever the time of day does. */
export class TestClock implements Clock {
  #elapsed = 0;
  #offset: number;
  #pending: Pending[] = [];

  constructor(now: number = Date.UTC(2026, 0, 1)) {
    this.#offset = now;
  }

  now(): number {
    return this.#offset + this.#elapsed;
  }

  setTimeout(run: () => void, delayMs: number): Timer {
    const timer: Pending = { at: this.#elapsed + delayMs, run };
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
    const end = this.#elapsed + ms;
    for (;;) {
      const [next] = this.#pending.filter((item) => item.at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#pending = this.#pending.filter((item) => item !== next);
      this.#elapsed = Math.max(this.#elapsed, next.at);
      next.run();
    }
    this.#elapsed = end;
  }

  /** Sets the time of day without time passing, as an operator does. */
  jump(ms: number): void {
    this.#offset += ms;
  }
}
