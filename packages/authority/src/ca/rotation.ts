/** Anything with a life: it may be used from `notBeforeAt` on, and no longer at `expiresAt`. */
export interface Lifetime {
  readonly notBeforeAt: number;
  readonly preparedAt: number;
  readonly expiresAt: number;
}

const DAY_MS = 86_400_000;

/** Remaining life at which the successor is made and published: half, at most 30 days (as SPIRE). */
export function prepareThresholdMs(lifeMs: number): number {
  return Math.min(lifeMs / 2, 30 * DAY_MS);
}

/** Remaining life at which the successor takes over: a sixth, at most 7 days (as SPIRE). */
export function activateThresholdMs(lifeMs: number): number {
  return Math.min(lifeMs / 6, 7 * DAY_MS);
}

/** How long something expired stays published, for verifiers whose clocks are behind. */
export function pruneDelayMs(lifeMs: number): number {
  return Math.min(lifeMs / 6, DAY_MS);
}

/** How often a rotation is looked at. */
export function checkIntervalMs(lifeMs: number): number {
  return Math.max(100, Math.min(lifeMs / 60, 10_000));
}

/**
 * When an SVID is renewed: at half of its life, up to a tenth of that earlier or later so that many holders do not
 * come at once. `random` is from 0 to 1.
 */
export function renewAt(issuedAt: number, expiresAt: number, random: number): number {
  const half = (expiresAt - issuedAt) / 2;
  return Math.floor(issuedAt + half * (0.9 + 0.2 * random));
}

const MAX_OLD = 16;

/**
 * The current key, the next one that is published ahead of its use, and old ones that are published until nothing
 * they signed can be valid. Survives clock jumps: what is not valid now is never current.
 */
export class Rotation<T extends Lifetime> {
  readonly #make: (now: number) => T;
  #current: T;
  #next: T | undefined;
  #old: readonly T[] = [];

  constructor(make: (now: number) => T, now: number) {
    this.#make = make;
    this.#current = make(now);
  }

  get current(): T {
    return this.#current;
  }

  /** Everything to publish, the current one first. */
  get all(): readonly T[] {
    return [this.#current, ...(this.#next === undefined ? [] : [this.#next]), ...this.#old];
  }

  /** Does what is due; true when the set of published keys changed. */
  check(now: number): boolean {
    const before = this.all;
    if (!isUsable(this.#current, now)) this.#replace(now);
    const lifeMs = this.#current.expiresAt - this.#current.preparedAt;
    const remainingMs = this.#current.expiresAt - now;
    if (this.#next === undefined && remainingMs <= prepareThresholdMs(lifeMs)) this.#next = this.#make(now);
    if (remainingMs <= activateThresholdMs(lifeMs)) this.#replace(now);
    this.#old = this.#old
      .filter((item) => now < item.expiresAt + pruneDelayMs(item.expiresAt - item.preparedAt))
      .slice(0, MAX_OLD);
    const after = this.all;
    return after.length !== before.length || after.some((item) => !before.includes(item));
  }

  #replace(now: number): void {
    const next = this.#next !== undefined && isUsable(this.#next, now) ? this.#next : this.#make(now);
    this.#old = [this.#current, ...this.#old];
    this.#current = next;
    this.#next = undefined;
  }
}

function isUsable(item: Lifetime, now: number): boolean {
  return item.notBeforeAt <= now && now < item.expiresAt;
}
