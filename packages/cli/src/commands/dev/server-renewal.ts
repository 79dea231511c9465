import type { Clock, Timer } from '@muster/lattice';

export interface ServerRenewalOptions {
  readonly clock: Clock;
  /** When the X.509-SVID that the running nats-server shows ends; undefined when that cannot be told just now. */
  readonly readExpiresAt: () => number | undefined;
  /** Ends the server so that one with a new X.509-SVID takes its place. */
  readonly restart: () => void;
}

/** This part of what is left of the life at the server's start may pass; a provider has renewed the SVID by then. */
const USED_PART = 0.8;
/** Timers stand still while the machine sleeps, and a certificate does not: the time is looked at this often. */
const CHECK_MS = 60_000;
/** SVIDs that are about to end must not make the server restart without rest. */
const MIN_MS = 5_000;

/**
 * nats-server reads its X.509-SVID at its start only, so it is started again before that one ends. Asks the certificate
 * itself when that is, because another provider than the own authority chooses the life by itself.
 */
export class ServerRenewal {
  readonly #options: ServerRenewalOptions;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(options: ServerRenewalOptions) {
    this.#options = options;
  }

  /** To be called each time the server is ready: plans the next restart. */
  plan(): void {
    const { clock, readExpiresAt } = this.#options;
    this.#clear();
    // A server that was being started when everything was taken down may still become ready.
    if (this.#isStopped) return;
    const expiresAt = readExpiresAt();
    if (expiresAt === undefined) {
      this.#timer = clock.setTimeout(() => this.plan(), CHECK_MS);
      return;
    }
    const now = clock.now();
    this.#waitUntil(now + Math.max(MIN_MS, (expiresAt - now) * USED_PART));
  }

  /** For good. */
  stop(): void {
    this.#isStopped = true;
    this.#clear();
  }

  #clear(): void {
    if (this.#timer !== undefined) this.#options.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #waitUntil(dueAt: number): void {
    const { clock, restart } = this.#options;
    const leftMs = dueAt - clock.now();
    if (leftMs > 0) {
      this.#timer = clock.setTimeout(() => this.#waitUntil(dueAt), Math.min(leftMs, CHECK_MS));
      return;
    }
    this.#timer = undefined;
    restart();
  }
}
