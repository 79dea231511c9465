import type { JwtBundleSet, X509BundleSet } from '../bundle/bundle-set.ts';
import type { JwtBundle } from '../bundle/jwt-bundle.ts';
import type { JwtBundleSource, X509BundleSource } from '../bundle/source.ts';
import type { X509Bundle } from '../bundle/x509-bundle.ts';
import { systemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { isSpiffeError, SpiffeError } from '../errors.ts';
import type { TrustDomain } from '../id/trust-domain.ts';
import { openClient } from './client-options.ts';
import type { ClientOptions, OpenedClient } from './client-options.ts';
import type { Watch, WatchHandlers } from './options.ts';
import { SourceBase } from './source-base.ts';
import type { ErrorReporter, FirstStateOptions, UpdatingSource } from './source-base.ts';

/** A kind of bundle, and what changed in a bundle source. */
export type BundleKind = 'x509' | 'jwt';

/** The X.509 and JWT bundles that the endpoint hands out, kept up to date. Each set is replaced as a whole. Changes are told after each update, whether or not a key changed. */
export interface BundleSource extends X509BundleSource, JwtBundleSource, UpdatingSource<BundleKind> {
  /** The X.509 bundles of all trust domains; undefined after a denial, or where they are not followed. Throws SpiffeError `ERR_CLOSED`, as all four do. */
  getX509Bundles(): X509BundleSet | undefined;
  /** The JWT bundles of all trust domains; undefined after a denial, or where they are not followed. */
  getJwtBundles(): JwtBundleSet | undefined;
}

/** Which bundles to follow. */
export interface BundleSourceOptions extends ClientOptions, FirstStateOptions {
  /** What to follow. Default: both. */
  readonly kinds?: readonly BundleKind[] | undefined;
  /** What a denial (PermissionDenied) does. `withdraw`, the default: no bundle of the kind is given any more, as the standard asks (SPIFFE Workload API sections 5.2.2 and 6.2.2). `keep`: the last ones stay. */
  readonly denial?: 'withdraw' | 'keep' | undefined;
  /** Default: the system's time. */
  readonly clock?: Clock | undefined;
  /** Told of refused updates and of parts of an update that are passed over (`retryInMs` 0), broken streams and, with undefined, the end of a stream. */
  readonly onError?: ErrorReporter | undefined;
}

/** Opens the bundle streams and waits for the first message of each. The last bundles stay in use while the endpoint is away. Throws as `createX509Source` does. */
export async function createBundleSource(options: BundleSourceOptions = {}): Promise<BundleSource> {
  const clock = options.clock ?? systemClock;
  const kinds = new Set(options.kinds ?? (['x509', 'jwt'] as const));
  if (kinds.size === 0) {
    throw new SpiffeError(
      'ERR_SOURCE_OPTIONS',
      'Cannot create bundle source: it must follow a kind of bundle',
    );
  }
  const source = new WatchedBundleSource(openClient(options, clock), kinds, options, clock);
  await source.open(options);
  return source;
}

class WatchedBundleSource extends SourceBase<BundleKind> implements BundleSource {
  readonly #client: OpenedClient;
  readonly #kinds: ReadonlySet<BundleKind>;
  readonly #isKeeping: boolean;
  readonly #missing: Set<BundleKind>;
  readonly #watches: Watch[] = [];
  #x509: X509BundleSet | undefined;
  #jwt: JwtBundleSet | undefined;

  constructor(
    client: OpenedClient,
    kinds: ReadonlySet<BundleKind>,
    options: BundleSourceOptions,
    clock: Clock,
  ) {
    super('bundle source', clock, options.onError);
    this.#client = client;
    this.#kinds = kinds;
    this.#missing = new Set(kinds);
    this.#isKeeping = options.denial === 'keep';
  }

  getX509Bundle(trustDomain: TrustDomain): X509Bundle | undefined {
    return this.getX509Bundles()?.getX509Bundle(trustDomain);
  }

  getJwtBundle(trustDomain: TrustDomain): JwtBundle | undefined {
    return this.getJwtBundles()?.getJwtBundle(trustDomain);
  }

  getX509Bundles(): X509BundleSet | undefined {
    this.checkOpen('get X.509 bundles');
    return this.#x509;
  }

  getJwtBundles(): JwtBundleSet | undefined {
    this.checkOpen('get JWT bundles');
    return this.#jwt;
  }

  protected override start(): void {
    const { workloadApi } = this.#client;
    if (this.#kinds.has('x509')) {
      this.#follow<X509BundleSet>(
        'x509',
        (handlers) => workloadApi.watchX509Bundles(handlers),
        (bundles) => {
          this.#x509 = bundles;
        },
      );
    }
    if (this.#kinds.has('jwt')) {
      this.#follow<JwtBundleSet>(
        'jwt',
        (handlers) => workloadApi.watchJwtBundles(handlers),
        (bundles) => {
          this.#jwt = bundles;
        },
      );
    }
  }

  protected override async stop(): Promise<void> {
    await Promise.all(this.#watches.map(async (watch) => await watch.close()));
    await this.#client.release();
  }

  #follow<T>(
    kind: BundleKind,
    watch: (handlers: WatchHandlers<T>) => Watch,
    store: (bundles: T | undefined) => void,
  ): void {
    let hasBundles = false;
    const opened = watch({
      onUpdate: (bundles) => {
        store(bundles);
        hasBundles = true;
        this.#missing.delete(kind);
        this.taken(kind, { isPart: this.#missing.size > 0 });
      },
      onError: (error, retryInMs) => {
        this.lastError = error;
        const isWithdrawal =
          hasBundles && !this.#isKeeping && isSpiffeError(error) && error.code === 'ERR_NO_IDENTITY';
        if (isWithdrawal) {
          store(undefined);
          hasBundles = false;
        }
        this.report(error, retryInMs);
        if (isWithdrawal) {
          this.announce(kind);
        }
      },
    });
    this.#watches.push(opened);
    void opened.ended.then((error) => {
      this.ended(error);
    });
  }
}
