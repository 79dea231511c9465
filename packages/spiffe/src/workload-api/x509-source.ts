import { systemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { isSpiffeError, SpiffeError } from '../errors.ts';
import { verifyX509Svid } from '../svid/verify-x509.ts';
import type { X509Svid } from '../svid/x509-svid.ts';
import { openClient } from './client-options.ts';
import type { WorkloadApiClient } from './client.ts';
import type { ClientOptions } from './client-options.ts';
import type { Watch } from './options.ts';
import type { X509Context } from './responses.ts';
import type { ErrorReporter, FirstStateOptions } from './source-base.ts';
import { createSvidPicker } from './svid-picker.ts';
import type { SvidChoice, SvidPicker } from './svid-picker.ts';
import { X509SourceBase } from './x509-source-base.ts';
import type { X509Source } from './x509-source-base.ts';

export type { IdentityState, X509Identity, X509Source, X509SvidSource } from './x509-source-base.ts';

// The system's time may jump over an expiry, or the machine may sleep; whoever must act within seconds of an expiry still does.
const LONGEST_TIMER_MS = 4_000;

/** Which identity to follow, and what to make of a denial. */
export interface X509SourceOptions extends ClientOptions, FirstStateOptions, SvidChoice<X509Svid> {
  /**
   * What a denial (PermissionDenied) does. `withdraw`, the default: the SVID is no longer given, as the standard asks
   * (SPIFFE Workload API section 5.2.1), and the bundles stay, so that peers can still be verified. `withdraw-all`: no
   * bundle is given either. `keep`: all stays until it expires.
   */
  readonly denial?: 'withdraw' | 'withdraw-all' | 'keep' | undefined;
  /** Default: the system's time. */
  readonly clock?: Clock | undefined;
  /** Told of refused updates and of parts of an update that are passed over (`retryInMs` 0), broken streams and, with undefined, the end of the stream. */
  readonly onError?: ErrorReporter | undefined;
}

/**
 * Opens a stream to the Workload API and waits for the first usable identity. An SVID that has expired or that its own
 * bundle does not verify is refused. Throws SpiffeError `ERR_TIMEOUT` (its cause is the last failure), `ERR_ABORTED`,
 * `ERR_REQUEST_REFUSED`, `ERR_ENDPOINT_UNIMPLEMENTED` or `ERR_ENDPOINT_ADDRESS`.
 */
export async function createX509Source(options: X509SourceOptions = {}): Promise<X509Source> {
  const clock = options.clock ?? systemClock;
  return await openX509Source(() => openClient(options, clock), options, clock);
}

/** What a source follows, and how to let go of it. */
export interface X509ContextOrigin {
  readonly workloadApi: Pick<WorkloadApiClient, 'watchX509Context'>;
  release(): Promise<void>;
}

/** As `createX509Source`, on whatever else there is to follow. */
export async function openX509Source(
  open: () => X509ContextOrigin,
  options: Omit<X509SourceOptions, keyof ClientOptions>,
  clock: Clock,
): Promise<X509Source> {
  const picker = createSvidPicker(options);
  const source = new WatchedX509Source(open(), picker, options, clock);
  await source.open(options);
  return source;
}

class WatchedX509Source extends X509SourceBase {
  readonly #client: X509ContextOrigin;
  readonly #picker: SvidPicker<X509Svid>;
  readonly #denial: X509SourceOptions['denial'];
  #watch: Watch | undefined;
  /** The update at hand, which does not hold the identity any more. */
  #redaction: X509Context | undefined;

  constructor(
    client: X509ContextOrigin,
    picker: SvidPicker<X509Svid>,
    options: Omit<X509SourceOptions, keyof ClientOptions>,
    clock: Clock,
  ) {
    super('X.509 source', clock, options.onError, {
      intervalMs: LONGEST_TIMER_MS,
      isAlwaysTicking: false,
    });
    this.#client = client;
    this.#picker = picker;
    this.#denial = options.denial;
  }

  protected override start(): void {
    this.#watch = this.#client.workloadApi.watchX509Context({
      onUpdate: (context) => {
        this.#update(context);
      },
      onError: (error, retryInMs) => {
        this.#fail(error, retryInMs);
      },
    });
    void this.#watch.ended.then((error) => {
      this.ended(error);
    });
  }

  protected override async stop(): Promise<void> {
    await super.stop();
    await this.#watch?.close();
    await this.#client.release();
  }

  /** Takes a new state over, or throws and leaves the old one as it was. */
  #update(context: X509Context): void {
    const svid = this.#picker.pick(context.svids);
    if (svid === undefined) {
      // The message is the complete truth: an identity that is not in it is no longer ours.
      this.#redaction = context;
      throw this.#picker.refuse(context.svids);
    }
    this.#check(svid, context);
    const others = context.svids.filter((other) => other === svid || this.#isUsable(other, context));
    this.hold({ svid, svids: Object.freeze(others), bundles: context.bundles });
  }

  #check(svid: X509Svid, { bundles }: X509Context): void {
    const now = this.clock.now();
    if (!(now < svid.expiresAt)) {
      throw new SpiffeError(
        'ERR_SVID_EXPIRED',
        `The endpoint sent an X.509-SVID of "${svid.id.toString()}" that has expired`,
      );
    }
    // Peers would refuse it. A clock of our own that is a little slow is no reason to.
    verifyX509Svid(svid.certificates, bundles, { now: Math.max(now, svid.notBeforeAt) });
  }

  #isUsable(svid: X509Svid, context: X509Context): boolean {
    try {
      this.#check(svid, context);
      return true;
    } catch (error) {
      this.report(error as Error, 0);
      return false;
    }
  }

  #fail(error: Error, retryInMs: number | undefined): void {
    this.lastError = error;
    const redaction = this.#redaction;
    this.#redaction = undefined;
    const report = (): void => {
      this.report(error, retryInMs);
    };
    if (redaction !== undefined) {
      this.withdraw(redaction.bundles, report);
    } else if (isSpiffeError(error) && error.code === 'ERR_NO_IDENTITY' && this.#denial !== 'keep') {
      this.withdraw(this.#denial === 'withdraw-all' ? undefined : this.heldBundles, report);
    } else {
      report();
    }
  }
}
