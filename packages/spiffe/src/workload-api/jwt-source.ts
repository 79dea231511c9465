import { systemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { isSpiffeError, SpiffeError } from '../errors.ts';
import { SpiffeId } from '../id/spiffe-id.ts';
import type { JwtSvid } from '../svid/jwt-svid.ts';
import { WorkloadApiClient } from './client.ts';
import type { CallOptions } from './options.ts';

const MAX_CACHED_AUDIENCES = 256;

export interface JwtSourceOptions {
  readonly address: string;
  /** The identity to take. When it is given, no other one is ever taken. Default: the first that the endpoint offers. */
  readonly spiffeId?: string | undefined;
  /** Default time limit of a fetch, in ms. Default 10000. */
  readonly timeoutMs?: number | undefined;
  readonly clock?: Clock | undefined;
}

/** One's own JWT-SVIDs, one per audience. */
export interface JwtSource extends AsyncDisposable {
  /**
   * A token for the audience that has not expired: from the cache during the first half of its life, then a new one, and
   * the cached one again while the endpoint cannot be reached. With `isFresh` always a new one, or an error. Throws a
   * SpiffeError; `ERR_NO_IDENTITY` also empties the cache.
   */
  fetchJwtSvid(
    request: { readonly audience: string; readonly isFresh?: boolean | undefined } & CallOptions,
  ): Promise<JwtSvid>;
  close(): Promise<void>;
}

/** Creates a source; nothing is opened before the first fetch. Throws SpiffeError `ERR_ENDPOINT_ADDRESS` or `ERR_ID_...`. */
export function createJwtSource(options: JwtSourceOptions): JwtSource {
  return new CachingJwtSource(options);
}

interface CachedToken {
  readonly svid: JwtSvid;
  readonly refreshAt: number;
}

class CachingJwtSource implements JwtSource {
  readonly #client: WorkloadApiClient;
  readonly #spiffeId: string | undefined;
  readonly #clock: Clock;
  readonly #cache = new Map<string, CachedToken>();
  readonly #inFlight = new Map<string, Promise<JwtSvid>>();
  /** Grows when the cache is emptied, so that a fetch from before that does not fill it again. */
  #generation = 0;

  constructor(options: JwtSourceOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#spiffeId = options.spiffeId === undefined ? undefined : SpiffeId.parse(options.spiffeId).toString();
    this.#client = new WorkloadApiClient({
      address: options.address,
      timeoutMs: options.timeoutMs,
      clock: this.#clock,
    });
  }

  async fetchJwtSvid(
    request: { readonly audience: string; readonly isFresh?: boolean | undefined } & CallOptions,
  ): Promise<JwtSvid> {
    const { audience, isFresh = false } = request;
    if (isFresh) {
      return await this.#fetch(audience, request);
    }
    const cached = this.#cache.get(audience);
    const now = this.#clock.now();
    if (cached !== undefined && now < cached.refreshAt) {
      return cached.svid;
    }
    try {
      return await this.#fetchShared(audience, request);
    } catch (error) {
      const remembered = this.#cache.get(audience)?.svid;
      const isUsable = remembered !== undefined && this.#clock.now() < remembered.expiresAt;
      if (isUsable && hasCode(error, ['ERR_ENDPOINT_UNAVAILABLE', 'ERR_TIMEOUT'])) {
        return remembered;
      }
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#generation += 1;
    this.#cache.clear();
    await this.#client.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Callers that want the same thing at the same time share one call. One that has limits of its own waits no longer than those. */
  async #fetchShared(audience: string, options: CallOptions): Promise<JwtSvid> {
    if (options.signal !== undefined || options.timeoutMs !== undefined) {
      return await this.#fetch(audience, options);
    }
    let shared = this.#inFlight.get(audience);
    if (shared === undefined) {
      shared = this.#fetch(audience, {}).finally(() => {
        this.#inFlight.delete(audience);
      });
      this.#inFlight.set(audience, shared);
    }
    return await shared;
  }

  async #fetch(audience: string, options: CallOptions): Promise<JwtSvid> {
    const generation = this.#generation;
    let svid: JwtSvid | undefined;
    try {
      [svid] = await this.#client.fetchJwtSvids({ audience: [audience], spiffeId: this.#spiffeId }, options);
    } catch (error) {
      if (hasCode(error, ['ERR_NO_IDENTITY'])) {
        this.#generation += 1;
        this.#cache.clear();
      }
      throw error;
    }
    const now = this.#clock.now();
    if (svid === undefined || now >= svid.expiresAt) {
      throw new SpiffeError('ERR_JWT_EXPIRED', 'The endpoint sent a JWT-SVID that has expired');
    }
    if (generation === this.#generation) {
      this.#remember(audience, svid, now);
    }
    return svid;
  }

  #remember(audience: string, svid: JwtSvid, now: number): void {
    if (this.#cache.size >= MAX_CACHED_AUDIENCES && !this.#cache.has(audience)) {
      this.#cache.clear();
    }
    const start = Math.min(now, svid.issuedAt ?? now);
    this.#cache.set(audience, { svid, refreshAt: start + (svid.expiresAt - start) / 2 });
  }
}

function hasCode(error: unknown, codes: readonly string[]): boolean {
  return isSpiffeError(error) && codes.includes(error.code);
}
