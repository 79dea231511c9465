import type { Clock, Timer } from '@muster/lattice';

export interface LagGuardOptions {
  readonly clock: Clock;
  /** From this delay of the event loop on, this instance is too slow to be asked. */
  readonly maxLagMs: number;
  readonly onLagging: () => void;
  readonly onRecovered: () => void;
}

const TICK_MS = 100;
/** Punctual ticks in a row after which the instance counts as well again: one second. */
const CALM_TICKS = 10;

/**
 * Watches how late the event loop runs. A service that lags answers after the server stopped waiting, and in a queue group
 * it takes requests away from instances that are well: it should step aside.
 */
export class LagGuard {
  readonly #options: LagGuardOptions;
  #timer: Timer | undefined;
  #expectedAt = 0;
  #calmTicks = 0;
  #lagMs = 0;
  #isLagging = false;

  constructor(options: LagGuardOptions) {
    this.#options = options;
  }

  get lagMs(): number {
    return this.#lagMs;
  }

  start(): void {
    this.#next();
  }

  stop(): void {
    if (this.#timer !== undefined) this.#options.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #next(): void {
    const { clock } = this.#options;
    this.#expectedAt = clock.now() + TICK_MS;
    this.#timer = clock.setTimeout(() => this.#tick(), TICK_MS);
  }

  #tick(): void {
    const { clock, maxLagMs, onLagging, onRecovered } = this.#options;
    this.#lagMs = Math.max(0, clock.now() - this.#expectedAt);
    const isLate = this.#lagMs > maxLagMs;
    this.#calmTicks = isLate ? 0 : this.#calmTicks + 1;
    if (isLate && !this.#isLagging) {
      this.#isLagging = true;
      onLagging();
    } else if (this.#isLagging && this.#calmTicks >= CALM_TICKS) {
      this.#isLagging = false;
      onRecovered();
    }
    this.#next();
  }
}
