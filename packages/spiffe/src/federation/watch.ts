import type { JwtBundle } from '../bundle/jwt-bundle.ts';
import type { JwtBundleSource, X509BundleSource } from '../bundle/source.ts';
import type { SpiffeBundle } from '../bundle/spiffe-bundle.ts';
import type { X509Bundle } from '../bundle/x509-bundle.ts';
import { systemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { SpiffeError } from '../errors.ts';
import type { TrustDomain } from '../id/trust-domain.ts';
import { callOut, tellReporter } from '../internal/call-out.ts';
import { checkDurations } from '../internal/durations.ts';
import { sleep } from '../internal/sleep.ts';
import type { Watch, WatchHandlers } from '../workload-api/options.ts';
import { computeRetryDelay } from '../workload-api/retry.ts';
import { checkEndpoint } from './endpoint.ts';
import type { BundleEndpoint } from './endpoint.ts';
import { fetchBundle } from './fetch.ts';
import type { FetchBundleOptions } from './fetch.ts';

const DEFAULT_INTERVAL_MS = 300_000;
const DEFAULT_MIN_INTERVAL_MS = 10_000;
const DEFAULT_MAX_INTERVAL_MS = 86_400_000;

/** `previous` is what was fetched and kept before the watch began; it counts until the first fetch. */
export interface WatchBundleOptions extends FetchBundleOptions {
  /** Shortest time between two fetches whatever the bundle asks for, in ms. Default 10000. */
  readonly minIntervalMs?: number | undefined;
  /** Longest time between two fetches whatever the bundle asks for, in ms. Default 86400000. */
  readonly maxIntervalMs?: number | undefined;
}

/**
 * The newest bundle of one trust domain, fetched again and again until it is closed. Then `getX509Bundle` and `getJwtBundle`
 * throw SpiffeError `ERR_CLOSED`, while `getBundle` still gives the last one, to be kept as `previous`.
 */
export interface BundleWatch extends Watch, X509BundleSource, JwtBundleSource {
  /** Undefined until the first fetch, unless `previous` was given. */
  getBundle(): SpiffeBundle | undefined;
}

/**
 * Polls a bundle endpoint at the refresh hint of the bundle, or else every 300 s (SPIFFE Federation sections 4.1 and 6.2).
 * `onUpdate` is called for each bundle that differs from the one before and may refuse it by throwing at once. A failure is
 * reported with the time to the next poll, and what was fetched last stays; as long as there is none, polls begin 1 s apart
 * and double to that interval. The whole bundle is replaced: a key that is no
 * longer published is no longer there. Throws SpiffeError `ERR_BUNDLE_ENDPOINT_URL`, `ERR_BUNDLE_TRUST_DOMAIN` or
 * `ERR_SOURCE_OPTIONS` at once when the configuration cannot be meant.
 */
export function watchBundle(
  endpoint: BundleEndpoint,
  handlers: WatchHandlers<SpiffeBundle>,
  options: WatchBundleOptions = {},
): BundleWatch {
  checkEndpoint(endpoint, options.own);
  const { maxIntervalMs, minIntervalMs, timeoutMs } = options;
  checkDurations('watch bundle', { minIntervalMs, maxIntervalMs, timeoutMs });
  return new PolledBundle(endpoint, handlers, options);
}

class PolledBundle implements BundleWatch {
  readonly ended: Promise<Error | undefined>;
  readonly #endpoint: BundleEndpoint;
  readonly #handlers: WatchHandlers<SpiffeBundle>;
  readonly #options: WatchBundleOptions;
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  #current: SpiffeBundle | undefined;

  constructor(endpoint: BundleEndpoint, handlers: WatchHandlers<SpiffeBundle>, options: WatchBundleOptions) {
    this.#endpoint = endpoint;
    this.#handlers = handlers;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#current = options.previous;
    const { signal } = options;
    const abort = (): void => {
      this.#closing.abort();
    };
    if (signal?.aborted === true) {
      abort();
    }
    signal?.addEventListener('abort', abort, { once: true });
    this.ended = this.#run().finally(() => {
      signal?.removeEventListener('abort', abort);
    });
  }

  getBundle(): SpiffeBundle | undefined {
    return this.#current;
  }

  getX509Bundle(trustDomain: TrustDomain): X509Bundle | undefined {
    this.#checkOpen('X.509');
    return this.#current?.getX509Bundle(trustDomain);
  }

  getJwtBundle(trustDomain: TrustDomain): JwtBundle | undefined {
    this.#checkOpen('JWT');
    return this.#current?.getJwtBundle(trustDomain);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #run(): Promise<undefined> {
    const { signal } = this.#closing;
    let failures = 0;
    while (!signal.aborted) {
      let delayMs: number | undefined;
      try {
        const options = { ...this.#options, previous: this.#current, signal };
        const bundle = await fetchBundle(this.#endpoint, options);
        if (!this.#closing.signal.aborted) {
          this.#deliver(bundle);
        }
      } catch (error) {
        failures += 1;
        delayMs = this.#retryMs(failures);
        this.#report(error, delayMs);
      }
      await sleep(delayMs ?? this.#intervalMs(), this.#clock, signal);
    }
  }

  #checkOpen(kind: string): void {
    if (this.#closing.signal.aborted) {
      throw new SpiffeError('ERR_CLOSED', `Cannot get ${kind} bundle: the watch is closed`);
    }
  }

  #deliver(bundle: SpiffeBundle): void {
    const before = this.#current;
    if (before !== undefined && before.equals(bundle)) {
      return;
    }
    this.#current = bundle;
    let mayRefuse = true;
    callOut(
      (): unknown => this.#handlers.onUpdate(bundle),
      (error) => {
        // A promise is rejected too late to refuse anything.
        this.#current = mayRefuse ? before : this.#current;
        this.#report(error, 0);
      },
    );
    mayRefuse = false;
  }

  #report(error: unknown, retryInMs: number): void {
    if (this.#closing.signal.aborted) {
      return;
    }
    tellReporter(
      this.#handlers.onError?.bind(this.#handlers),
      error instanceof Error
        ? error
        : new SpiffeError('ERR_ENDPOINT_RESPONSE', 'The handler threw', { cause: error }),
      retryInMs,
    );
  }

  /** Nobody of the trust domain can be verified before the first bundle is there, so it is not waited for as long as for the next one. */
  #retryMs(failures: number): number {
    const intervalMs = this.#intervalMs();
    if (this.#current !== undefined) {
      return intervalMs;
    }
    return computeRetryDelay(failures, { maxDelayMs: intervalMs }) ?? intervalMs;
  }

  #intervalMs(): number {
    const { minIntervalMs = DEFAULT_MIN_INTERVAL_MS, maxIntervalMs = DEFAULT_MAX_INTERVAL_MS } =
      this.#options;
    // A hint of zero says as little as none.
    const wanted = this.#current?.refreshHintMs ?? 0;
    const interval = wanted === 0 ? DEFAULT_INTERVAL_MS : wanted;
    return Math.min(Math.max(interval, minIntervalMs), maxIntervalMs);
  }
}
