import type { Clock, Timer } from './clock.ts';

export interface PlannedReconnectOptions {
  readonly clock: Clock;
  /** When the server will end the connection, in ms since the epoch. */
  readonly userExpiry: (() => Promise<number | undefined>) | undefined;
  /** Gets the credential for the next attempt while the old connection still works. */
  readonly prefetch: () => Promise<void>;
  readonly reconnect: () => void;
  readonly random?: () => number;
}

/** Share of the remaining life at which to reconnect, and the width of its jitter. */
const AT_SHARE = 0.8;
const JITTER_SHARE = 0.1;
/** A timer cannot be longer than 2^31 - 1 ms. */
const MAX_TIMER_MS = 2_000_000_000;

/**
 * Reconnects before the server would end the connection, at a random point around 80 % of its life. Without a fresh
 * credential it leaves the connection alone and tries again later: what works is not given up.
 */
export class PlannedReconnect {
  readonly #options: PlannedReconnectOptions;
  #timer: Timer | undefined;
  #expiresAt: number | undefined;
  #round = 0;

  constructor(options: PlannedReconnectOptions) {
    this.#options = options;
  }

  get userExpiresAt(): number | undefined {
    return this.#expiresAt;
  }

  /** Call after each connect. */
  arm(): void {
    this.disarm();
    const round = this.#round;
    const { userExpiry } = this.#options;
    if (userExpiry === undefined) return;
    const learn = async (): Promise<void> => {
      const expiresAt = await userExpiry();
      if (round !== this.#round || expiresAt === undefined) return;
      this.#expiresAt = expiresAt;
      this.#schedule(expiresAt);
    };
    // Not knowing the expiry only means that the server ends the connection itself.
    learn().catch(() => {});
  }

  /** Call at each disconnect and at close. */
  disarm(): void {
    this.#round += 1;
    this.#expiresAt = undefined;
    if (this.#timer !== undefined) this.#options.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #schedule(expiresAt: number): void {
    const { clock, random = Math.random } = this.#options;
    const share = AT_SHARE + JITTER_SHARE * (random() - 0.5);
    const delayMs = Math.min(MAX_TIMER_MS, Math.max(0, (expiresAt - clock.now()) * share));
    this.#timer = clock.setTimeout(() => void this.#fire(expiresAt), delayMs);
  }

  async #fire(expiresAt: number): Promise<void> {
    const round = this.#round;
    const { clock, prefetch, reconnect } = this.#options;
    try {
      await prefetch();
      if (round === this.#round) reconnect();
    } catch {
      if (round === this.#round && expiresAt - clock.now() > 1_000) this.#schedule(expiresAt);
    }
  }
}
