import type { X509BundleSet } from '../bundle/bundle-set.ts';
import type { X509BundleSource } from '../bundle/source.ts';
import type { X509Bundle } from '../bundle/x509-bundle.ts';
import { systemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { isSpiffeError, SpiffeError } from '../errors.ts';
import { SpiffeId } from '../id/spiffe-id.ts';
import type { TrustDomain } from '../id/trust-domain.ts';
import type { X509Svid } from '../svid/x509-svid.ts';
import { WorkloadApiClient } from './client.ts';
import { waitForFirstState } from './first-state.ts';
import { callListeners } from './listeners.ts';
import type { RetryOptions } from './options.ts';
import type { X509Context } from './responses.ts';

const DEFAULT_TIMEOUT_MS = 30_000;
// The system's time may jump over an expiry, or the machine may sleep; whoever must act within seconds of an expiry still does.
const LONGEST_EXPIRY_TIMER_MS = 4_000;

/** `valid`: there is an SVID and it has not expired. `withdrawn`: the endpoint says that there is no identity any more. */
export type IdentityState = 'valid' | 'withdrawn' | 'expired';

/** Answers with one's own SVID. */
export interface X509SvidSource {
  /** Throws SpiffeError `ERR_NO_IDENTITY` or `ERR_SVID_EXPIRED`. */
  getX509Svid(): X509Svid;
}

/** One's own X.509-SVID and the bundles, kept up to date. SVID and bundles change together or not at all. */
export interface X509Source extends X509SvidSource, X509BundleSource, AsyncDisposable {
  state(): IdentityState;
  /** Calls the listener after each change: a new SVID or bundle (`valid`), the identity withdrawn, the SVID expired. Returns how to stop that. */
  onChange(listener: (state: IdentityState) => void): () => void;
  close(): Promise<void>;
}

export interface X509SourceOptions {
  readonly address: string;
  /** The identity to take. When it is given, no other one is ever taken. Default: the first that the endpoint offers. */
  readonly spiffeId?: string | undefined;
  /** How long to wait for the first identity, in ms. Default 30000. */
  readonly timeoutMs?: number | undefined;
  readonly retry?: RetryOptions | undefined;
  /** Cancels the wait for the first identity. */
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock | undefined;
  /** Told of refused updates (`retryInMs` 0), broken streams and, with undefined, the end of the stream. */
  readonly onError?: ((error: Error, retryInMs: number | undefined) => void) | undefined;
}

/**
 * Opens a stream to the Workload API and waits for the first usable identity. Throws SpiffeError `ERR_TIMEOUT` (its cause
 * is the last failure), `ERR_ABORTED`, `ERR_REQUEST_REFUSED` or `ERR_ENDPOINT_UNIMPLEMENTED`.
 */
export async function createX509Source(options: X509SourceOptions): Promise<X509Source> {
  const clock = options.clock ?? systemClock;
  const client = new WorkloadApiClient({ address: options.address, retry: options.retry, clock });
  const wanted = options.spiffeId === undefined ? undefined : SpiffeId.parse(options.spiffeId);
  const source = new WatchedX509Source(client, wanted, clock, options.onError);
  try {
    await waitForFirstState('X.509 source', source.start(), {
      timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      clock,
      signal: options.signal,
      lastError: () => source.lastError,
    });
  } catch (error) {
    await source.close();
    throw error;
  }
  return source;
}

class WatchedX509Source implements X509Source {
  lastError: Error | undefined;
  readonly #client: WorkloadApiClient;
  readonly #wanted: SpiffeId | undefined;
  readonly #clock: Clock;
  readonly #onError: ((error: Error, retryInMs: number | undefined) => void) | undefined;
  readonly #listeners = new Set<(state: IdentityState) => void>();
  /** Undefined once withdrawn. */
  #svid: X509Svid | undefined;
  #bundles: X509BundleSet | undefined;
  #isClosed = false;
  #expiryTimer: unknown;
  #becomeReady: () => void = () => {};

  constructor(
    client: WorkloadApiClient,
    wanted: SpiffeId | undefined,
    clock: Clock,
    onError: ((error: Error, retryInMs: number | undefined) => void) | undefined,
  ) {
    this.#client = client;
    this.#wanted = wanted;
    this.#clock = clock;
    this.#onError = onError;
  }

  /** Resolves at the first usable identity; rejects when the stream ends before that. */
  async start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#becomeReady = resolve;
      const watch = this.#client.watchX509Context({
        onUpdate: (context) => {
          this.#update(context);
        },
        onError: (error, retryInMs) => {
          this.#fail(error, retryInMs);
        },
      });
      void watch.ended.then((error) => {
        reject(error ?? new SpiffeError('ERR_CLOSED', 'The X.509 source was closed'));
      });
    });
  }

  getX509Svid(): X509Svid {
    const svid = this.#svid;
    if (this.#isClosed) {
      throw new SpiffeError('ERR_CLOSED', 'Cannot get X.509-SVID: the source is closed');
    }
    if (svid === undefined) {
      throw new SpiffeError('ERR_NO_IDENTITY', 'Cannot get X.509-SVID: the identity was withdrawn');
    }
    if (this.#clock.now() >= svid.expiresAt) {
      throw new SpiffeError(
        'ERR_SVID_EXPIRED',
        `Cannot get X.509-SVID of "${svid.id.toString()}": it expired without being renewed`,
      );
    }
    return svid;
  }

  getX509Bundle(trustDomain: TrustDomain): X509Bundle | undefined {
    return this.#bundles?.getX509Bundle(trustDomain);
  }

  state(): IdentityState {
    if (this.#svid === undefined) {
      return 'withdrawn';
    }
    return this.#clock.now() < this.#svid.expiresAt ? 'valid' : 'expired';
  }

  onChange(listener: (state: IdentityState) => void): () => void {
    // A wrapper, so that the same function can be added twice and removed once.
    const entry = (state: IdentityState): void => {
      listener(state);
    };
    this.#listeners.add(entry);
    return () => {
      this.#listeners.delete(entry);
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#listeners.clear();
    this.#clock.clearTimeout(this.#expiryTimer);
    await this.#client.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Takes a new state over, or throws and leaves the old one as it was. */
  #update(context: X509Context): void {
    const wanted = this.#wanted;
    const svid = wanted === undefined ? context.svids[0] : context.svids.find(({ id }) => id.equals(wanted));
    if (svid === undefined) {
      // The message is the complete truth: an identity that is not in it is no longer ours.
      this.#bundles = context.bundles;
      const error = new SpiffeError(
        'ERR_NO_IDENTITY',
        `The endpoint does not offer the identity "${wanted?.toString() ?? ''}"`,
      );
      throw error;
    }
    if (this.#clock.now() >= svid.expiresAt) {
      throw new SpiffeError(
        'ERR_SVID_EXPIRED',
        `The endpoint sent an X.509-SVID of "${svid.id.toString()}" that has expired`,
      );
    }
    this.#svid = svid;
    this.#bundles = context.bundles;
    this.lastError = undefined;
    this.#armExpiry(svid);
    this.#becomeReady();
    this.#notify('valid');
  }

  #fail(error: Error, retryInMs: number | undefined): void {
    this.lastError = error;
    const isWithdrawal = isSpiffeError(error) && error.code === 'ERR_NO_IDENTITY' && this.#svid !== undefined;
    if (isWithdrawal) {
      this.#svid = undefined;
      this.#clock.clearTimeout(this.#expiryTimer);
    }
    this.#onError?.(error, retryInMs);
    if (isWithdrawal) {
      this.#notify('withdrawn');
    }
  }

  #armExpiry(svid: X509Svid): void {
    this.#clock.clearTimeout(this.#expiryTimer);
    const remaining = svid.expiresAt - this.#clock.now();
    this.#expiryTimer = this.#clock.setTimeout(
      () => {
        if (this.#clock.now() >= svid.expiresAt) {
          this.#notify('expired');
        } else {
          this.#armExpiry(svid);
        }
      },
      Math.max(0, Math.min(remaining, LONGEST_EXPIRY_TIMER_MS)),
    );
  }

  #notify(state: IdentityState): void {
    callListeners(this.#listeners, state, this.#onError);
  }
}
