import type { Clock } from '../clock.ts';
import { tellReporter } from '../internal/call-out.ts';
import type { JwtSvid } from '../svid/jwt-svid.ts';
import { isFatal, toCallError } from './errors.ts';
import { computeRetryDelay } from './retry.ts';
import type { ErrorReporter } from './source-base.ts';

const MAX_TOKENS = 256;
const LONGEST_TIMER_MS = 3_600_000;

/** What a token was asked for by. `key` tells requests apart. */
export interface TokenRequest {
  readonly key: string;
  readonly spiffeId: string | undefined;
}

export interface CachedToken<R extends TokenRequest> {
  readonly request: R;
  readonly svid: JwtSvid;
  /** When half of its life is over. */
  readonly refreshAt: number;
}

interface Entry<R extends TokenRequest> extends CachedToken<R> {
  /** Whether it was asked for since it was fetched. */
  isWanted: boolean;
  /** When to try to renew it. */
  dueAt: number;
  failures: number;
}

export interface JwtCacheOptions<R extends TokenRequest> {
  readonly clock: Clock;
  /** Whether tokens are renewed before somebody asks for them again. */
  readonly isRefreshing: boolean;
  /** Fetches a token and puts it into the cache. */
  readonly refresh: (request: R) => Promise<void>;
  readonly onError: ErrorReporter | undefined;
}

/** Tokens by what they were asked for by, at most 256. Those that are in use are renewed at half of their life. */
export class JwtCache<R extends TokenRequest> {
  readonly #options: JwtCacheOptions<R>;
  readonly #entries = new Map<string, Entry<R>>();
  #timer: unknown;

  constructor(options: JwtCacheOptions<R>) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  find(key: string): CachedToken<R> | undefined {
    const entry = this.#entries.get(key);
    if (entry !== undefined) {
      entry.isWanted = true;
    }
    return entry;
  }

  put(request: R, svid: JwtSvid): void {
    const now = this.#options.clock.now();
    const start = Math.min(now, svid.issuedAt ?? now);
    const refreshAt = start + (svid.expiresAt - start) / 2;
    // At the end of the order, so that the one that was renewed longest ago goes first.
    this.#entries.delete(request.key);
    for (const key of this.#entries.keys()) {
      if (this.#entries.size < MAX_TOKENS) {
        break;
      }
      this.#entries.delete(key);
    }
    this.#entries.set(request.key, {
      request,
      svid,
      refreshAt,
      isWanted: false,
      dueAt: refreshAt,
      failures: 0,
    });
    this.#arm();
  }

  /** Forgets the tokens of an identity, or all. */
  clear(spiffeId?: string): void {
    for (const [key, { request, svid }] of this.#entries) {
      if (spiffeId === undefined || request.spiffeId === spiffeId || svid.id.toString() === spiffeId) {
        this.#entries.delete(key);
      }
    }
    this.#arm();
  }

  #arm(): void {
    const { clock, isRefreshing } = this.#options;
    clock.clearTimeout(this.#timer);
    if (!isRefreshing || this.#entries.size === 0) {
      return;
    }
    let dueAt = Number.POSITIVE_INFINITY;
    for (const entry of this.#entries.values()) {
      dueAt = Math.min(dueAt, entry.dueAt);
    }
    const delayMs = Math.min(Math.max(0, dueAt - clock.now()), LONGEST_TIMER_MS);
    this.#timer = clock.setTimeout(() => {
      this.#renewDue();
    }, delayMs);
    // A token that is only kept is no reason for a process to go on.
    (this.#timer as { unref?: () => void }).unref?.();
  }

  #renewDue(): void {
    const now = this.#options.clock.now();
    for (const [key, entry] of this.#entries) {
      if (now >= entry.svid.expiresAt) {
        this.#entries.delete(key);
      } else if (now >= entry.dueAt) {
        // Not again before this one has ended; unused ones are only thrown away when they expire.
        entry.dueAt = entry.svid.expiresAt;
        if (entry.isWanted) {
          void this.#renew(entry);
        }
      }
    }
    this.#arm();
  }

  async #renew(entry: Entry<R>): Promise<void> {
    const { clock, onError, refresh } = this.#options;
    try {
      await refresh(entry.request);
    } catch (caught) {
      if (this.#entries.get(entry.request.key) !== entry) {
        return;
      }
      const error = toCallError(caught);
      entry.failures += 1;
      const delayMs = isFatal(error) ? undefined : computeRetryDelay(entry.failures);
      if (delayMs !== undefined) {
        entry.dueAt = clock.now() + delayMs;
        this.#arm();
      }
      tellReporter(onError, error, delayMs);
    }
  }
}
