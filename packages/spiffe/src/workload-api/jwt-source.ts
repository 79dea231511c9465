import { systemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { isSpiffeError, SpiffeError } from '../errors.ts';
import { waitWithin } from '../internal/deadline.ts';
import { checkDurations } from '../internal/durations.ts';
import type { JwtSvid } from '../svid/jwt-svid.ts';
import { openClient } from './client-options.ts';
import type { ClientOptions, OpenedClient } from './client-options.ts';
import { JwtCache } from './jwt-cache.ts';
import type { TokenRequest } from './jwt-cache.ts';
import type { CallOptions } from './options.ts';
import { checkAudience } from './responses.ts';
import type { ErrorReporter } from './source-base.ts';
import { DEFAULT_CALL_TIMEOUT_MS } from './stream-client.ts';
import { createSvidPicker } from './svid-picker.ts';
import type { SvidChoice, SvidPicker } from './svid-picker.ts';

/** Which tokens to get, and when to renew them. */
export interface JwtSourceOptions extends ClientOptions, SvidChoice<JwtSvid> {
  /** Default time limit of a fetch, in ms. Default 10000. */
  readonly timeoutMs?: number | undefined;
  /**
   * When a token is renewed that is past half of its life: `background`, the default, at that time, if it was asked for
   * since it was fetched, so that nobody waits; `on-demand`, when it is asked for.
   */
  readonly refresh?: 'background' | 'on-demand' | undefined;
  /** Default: the system's time. */
  readonly clock?: Clock | undefined;
  /** Told of failures in the background, with the time to the next try, or undefined when there is none. */
  readonly onError?: ErrorReporter | undefined;
}

/** Which token to get. */
export interface JwtRequest extends CallOptions {
  /** The audience, or several for one token that all of them accept. */
  readonly audience: string | readonly string[];
  /** The identity to take, in place of the source's. No other one is ever taken. */
  readonly spiffeId?: string | undefined;
  /** Always a new token, or an error. */
  readonly isFresh?: boolean | undefined;
}

/** One's own JWT-SVIDs, one per set of audiences and identity. */
export interface JwtSource extends AsyncDisposable {
  /**
   * A token that has not expired: from the cache during the first half of its life, then a new one, and the cached one
   * again while the endpoint cannot be reached. Callers at the same time share a call. Throws a SpiffeError;
   * `ERR_NO_IDENTITY` also empties the cache.
   */
  fetchJwtSvid(request: JwtRequest): Promise<JwtSvid>;
  close(): Promise<void>;
}

/** Creates a source; nothing is opened before the first fetch. Throws SpiffeError `ERR_ENDPOINT_ADDRESS`, `ERR_SOURCE_OPTIONS` or `ERR_ID_...`. */
export function createJwtSource(options: JwtSourceOptions = {}): JwtSource {
  const clock = options.clock ?? systemClock;
  // Checked before there is anything to close.
  createSvidPicker(options);
  checkDurations('create JWT source', { timeoutMs: options.timeoutMs });
  return new CachingJwtSource(openClient(options, clock), options, clock);
}

interface Wanted extends TokenRequest {
  readonly audience: readonly string[];
  readonly picker: SvidPicker<JwtSvid>;
}

class CachingJwtSource implements JwtSource {
  readonly #client: OpenedClient;
  readonly #options: JwtSourceOptions;
  readonly #clock: Clock;
  readonly #cache: JwtCache<Wanted>;
  readonly #inFlight = new Map<string, Promise<JwtSvid>>();
  readonly #closing = new AbortController();
  /** Grows when the cache is emptied, so that a fetch from before that does not fill it again. */
  #generation = 0;

  constructor(client: OpenedClient, options: JwtSourceOptions, clock: Clock) {
    this.#client = client;
    this.#options = options;
    this.#clock = clock;
    this.#cache = new JwtCache({
      clock,
      isRefreshing: options.refresh !== 'on-demand',
      refresh: async (wanted) => {
        await this.#fetchShared(wanted, options.timeoutMs ?? DEFAULT_CALL_TIMEOUT_MS);
      },
      onError: options.onError,
    });
  }

  async fetchJwtSvid(request: JwtRequest): Promise<JwtSvid> {
    const wanted = this.#resolve(request);
    if (request.isFresh === true) {
      return await this.#fetch(wanted, request);
    }
    const cached = this.#cache.find(wanted.key);
    if (cached !== undefined && this.#clock.now() < cached.refreshAt) {
      return cached.svid;
    }
    try {
      return await this.#fetchLimited(wanted, request);
    } catch (error) {
      const remembered = this.#cache.find(wanted.key)?.svid;
      const isUsable = remembered !== undefined && this.#clock.now() < remembered.expiresAt;
      if (isUsable && hasCode(error, ['ERR_ENDPOINT_UNAVAILABLE', 'ERR_TIMEOUT'])) {
        return remembered;
      }
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#generation += 1;
    this.#closing.abort(new SpiffeError('ERR_CLOSED', 'The JWT source is closed'));
    this.#cache.clear();
    await this.#client.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #resolve(request: JwtRequest): Wanted {
    if (this.#closing.signal.aborted) {
      throw this.#closing.signal.reason as Error;
    }
    const audience = typeof request.audience === 'string' ? [request.audience] : [...request.audience];
    checkAudience(audience);
    const { hint, pickSvid } = this.#options;
    const choice = { spiffeId: request.spiffeId ?? this.#options.spiffeId, hint, pickSvid };
    const picker = createSvidPicker<JwtSvid>(choice);
    // The order of audiences means nothing, nor does one that is named twice.
    const key = JSON.stringify([choice.spiffeId ?? '', ...new Set(audience.toSorted())]);
    return { key, audience, spiffeId: choice.spiffeId, picker };
  }

  /** Waits for a call that may be shared, but no longer than this caller will. */
  async #fetchLimited(wanted: Wanted, { signal, timeoutMs }: CallOptions): Promise<JwtSvid> {
    const own = timeoutMs ?? this.#options.timeoutMs ?? DEFAULT_CALL_TIMEOUT_MS;
    return await waitWithin(this.#fetchShared(wanted, own), {
      action: 'fetch JWT-SVID',
      absence: 'no answer came',
      // Without a limit of its own the caller has that of the call.
      timeoutMs,
      clock: this.#clock,
      signal,
    });
  }

  async #fetchShared(wanted: Wanted, timeoutMs: number): Promise<JwtSvid> {
    let shared = this.#inFlight.get(wanted.key);
    if (shared === undefined) {
      shared = this.#fetch(wanted, { timeoutMs }).finally(() => {
        this.#inFlight.delete(wanted.key);
      });
      this.#inFlight.set(wanted.key, shared);
    }
    return await shared;
  }

  async #fetch(wanted: Wanted, { signal, timeoutMs }: CallOptions): Promise<JwtSvid> {
    const generation = this.#generation;
    const { audience, spiffeId, picker } = wanted;
    let svid: JwtSvid | undefined;
    try {
      const svids = await this.#client.workloadApi.fetchJwtSvids(
        { audience, spiffeId },
        {
          signal:
            signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]),
          timeoutMs: timeoutMs ?? this.#options.timeoutMs ?? DEFAULT_CALL_TIMEOUT_MS,
        },
      );
      svid = picker.pick(svids);
      if (svid === undefined) {
        throw picker.refuse(svids);
      }
    } catch (error) {
      if (this.#closing.signal.aborted) {
        throw this.#closing.signal.reason as Error;
      }
      if (hasCode(error, ['ERR_NO_IDENTITY'])) {
        this.#generation += 1;
        this.#cache.clear(spiffeId);
      }
      throw error;
    }
    const now = this.#clock.now();
    if (!(now < svid.expiresAt)) {
      throw new SpiffeError('ERR_JWT_EXPIRED', 'The endpoint sent a JWT-SVID that has expired');
    }
    if (generation === this.#generation) {
      this.#cache.put(wanted, svid);
    }
    return svid;
  }
}

function hasCode(error: unknown, codes: readonly string[]): boolean {
  return isSpiffeError(error) && codes.includes(error.code);
}
