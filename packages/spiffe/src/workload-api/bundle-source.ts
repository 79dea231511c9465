import type { JwtBundleSet, X509BundleSet } from '../bundle/bundle-set.ts';
import type { JwtBundle } from '../bundle/jwt-bundle.ts';
import type { JwtBundleSource, X509BundleSource } from '../bundle/source.ts';
import type { X509Bundle } from '../bundle/x509-bundle.ts';
import { systemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { SpiffeError } from '../errors.ts';
import type { TrustDomain } from '../id/trust-domain.ts';
import { WorkloadApiClient } from './client.ts';
import { waitForFirstState } from './first-state.ts';
import { callListeners } from './listeners.ts';
import type { RetryOptions, Watch, WatchHandlers } from './options.ts';

const DEFAULT_TIMEOUT_MS = 30_000;

/** The X.509 and JWT bundles that the endpoint hands out, kept up to date. Each set is replaced as a whole. */
export interface BundleSource extends X509BundleSource, JwtBundleSource, AsyncDisposable {
  /** Calls the listener after each update, whether or not a key changed. Returns how to stop that. */
  onChange(listener: () => void): () => void;
  close(): Promise<void>;
}

export interface BundleSourceOptions {
  readonly address: string;
  /** How long to wait for the first bundles of both kinds, in ms. Default 30000. */
  readonly timeoutMs?: number | undefined;
  readonly retry?: RetryOptions | undefined;
  /** Cancels the wait for the first bundles. */
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock | undefined;
  /** Told of refused updates (`retryInMs` 0), broken streams and, with undefined, the end of a stream. */
  readonly onError?: ((error: Error, retryInMs: number | undefined) => void) | undefined;
}

/** Opens both bundle streams and waits for the first message of each. The last bundles stay in use while the endpoint is away. Throws as `createX509Source` does. */
export async function createBundleSource(options: BundleSourceOptions): Promise<BundleSource> {
  const clock = options.clock ?? systemClock;
  const client = new WorkloadApiClient({ address: options.address, retry: options.retry, clock });
  const source = new WatchedBundleSource(client, options.onError);
  try {
    await waitForFirstState('bundle source', source.start(), {
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

class WatchedBundleSource implements BundleSource {
  lastError: Error | undefined;
  readonly #client: WorkloadApiClient;
  readonly #onError: ((error: Error, retryInMs: number | undefined) => void) | undefined;
  readonly #listeners = new Set<() => void>();
  #x509: X509BundleSet | undefined;
  #jwt: JwtBundleSet | undefined;

  constructor(
    client: WorkloadApiClient,
    onError: ((error: Error, retryInMs: number | undefined) => void) | undefined,
  ) {
    this.#client = client;
    this.#onError = onError;
  }

  /** Resolves when there is a bundle set of each kind. */
  async start(): Promise<void> {
    const follow = async <T>(
      watch: (handlers: WatchHandlers<T>) => Watch,
      store: (update: T) => void,
    ): Promise<void> => {
      await new Promise<void>((resolve, reject) => {
        const { ended } = watch({
          onUpdate: (update) => {
            store(update);
            resolve();
            callListeners(this.#listeners, undefined, this.#onError);
          },
          onError: (error, retryInMs) => {
            this.lastError = error;
            this.#onError?.(error, retryInMs);
          },
        });
        void ended.then((error) => {
          reject(error ?? new SpiffeError('ERR_CLOSED', 'The bundle source was closed'));
        });
      });
    };
    await Promise.all([
      follow<X509BundleSet>(
        (handlers) => this.#client.watchX509Bundles(handlers),
        (update) => {
          this.#x509 = update;
        },
      ),
      follow<JwtBundleSet>(
        (handlers) => this.#client.watchJwtBundles(handlers),
        (update) => {
          this.#jwt = update;
        },
      ),
    ]);
  }

  getX509Bundle(trustDomain: TrustDomain): X509Bundle | undefined {
    return this.#x509?.getX509Bundle(trustDomain);
  }

  getJwtBundle(trustDomain: TrustDomain): JwtBundle | undefined {
    return this.#jwt?.getJwtBundle(trustDomain);
  }

  onChange(listener: () => void): () => void {
    const entry = (): void => {
      listener();
    };
    this.#listeners.add(entry);
    return () => {
      this.#listeners.delete(entry);
    };
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    await this.#client.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
