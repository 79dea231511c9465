import type { X509BundleSet } from '../bundle/bundle-set.ts';
import type { X509BundleSource } from '../bundle/source.ts';
import type { X509Bundle } from '../bundle/x509-bundle.ts';
import type { Clock } from '../clock.ts';
import { SpiffeError } from '../errors.ts';
import type { TrustDomain } from '../id/trust-domain.ts';
import type { X509Svid } from '../svid/x509-svid.ts';
import { SourceBase } from './source-base.ts';
import type { ErrorReporter, UpdatingSource } from './source-base.ts';

/** `valid`: there is an SVID and it has not expired. `withdrawn`: the endpoint says that there is no identity any more. */
export type IdentityState = 'valid' | 'withdrawn' | 'expired';

/** Answers with one's own SVID. */
export interface X509SvidSource {
  /** Throws SpiffeError `ERR_NO_IDENTITY` or `ERR_SVID_EXPIRED`. */
  getX509Svid(): X509Svid;
}

/** SVIDs and bundles of one and the same update. */
export interface X509Identity {
  /** The SVID to use. */
  readonly svid: X509Svid;
  /** All that were offered and have not expired, `svid` among them, in the endpoint's order. */
  readonly svids: readonly X509Svid[];
  readonly bundles: X509BundleSet;
}

/** One's own X.509-SVID and the bundles, kept up to date. SVID and bundles change together or not at all. Changes are told as the new state. */
export interface X509Source extends X509SvidSource, X509BundleSource, UpdatingSource<IdentityState> {
  state(): IdentityState;
  /** SVIDs and bundles that came together, which two calls might not give. Throws as `getX509Svid`. */
  getX509Identity(): X509Identity;
  /** The bundles of all trust domains that the endpoint hands out. Throws SpiffeError `ERR_CLOSED`, as `getX509Bundle` does. */
  getX509Bundles(): X509BundleSet | undefined;
}

/** Times of the one timer a source has. */
export interface TickOptions {
  /** At most so long after a tick comes the next, in ms. */
  readonly intervalMs: number;
  /** Whether there are ticks even while no expiry is to be announced. */
  readonly isAlwaysTicking: boolean;
}

/** What sources of X.509-SVIDs do alike: hold one update at a time and announce its expiry. */
export abstract class X509SourceBase extends SourceBase<IdentityState> implements X509Source {
  readonly #ticks: TickOptions;
  /** Undefined once withdrawn. */
  #held: { readonly svid: X509Svid; readonly svids: readonly X509Svid[] } | undefined;
  #bundles: X509BundleSet | undefined;
  #hasAnnouncedExpiry = false;
  #timer: unknown;

  constructor(name: string, clock: Clock, onError: ErrorReporter | undefined, ticks: TickOptions) {
    super(name, clock, onError);
    this.#ticks = ticks;
  }

  getX509Svid(): X509Svid {
    const svid = this.heldSvid;
    this.checkOpen('get X.509-SVID');
    if (svid === undefined) {
      throw new SpiffeError('ERR_NO_IDENTITY', 'Cannot get X.509-SVID: the identity was withdrawn');
    }
    // This way round, a clock that is no number lets nothing out.
    if (!(this.clock.now() < svid.expiresAt)) {
      throw new SpiffeError(
        'ERR_SVID_EXPIRED',
        `Cannot get X.509-SVID of "${svid.id.toString()}": it expired without being renewed`,
      );
    }
    return svid;
  }

  getX509Identity(): X509Identity {
    const svid = this.getX509Svid();
    const now = this.clock.now();
    const svids = (this.#held?.svids ?? []).filter(({ expiresAt }) => now < expiresAt);
    return { svid, svids, bundles: this.#bundles! };
  }

  getX509Bundle(trustDomain: TrustDomain): X509Bundle | undefined {
    return this.getX509Bundles()?.getX509Bundle(trustDomain);
  }

  getX509Bundles(): X509BundleSet | undefined {
    this.checkOpen('get X.509 bundles');
    return this.#bundles;
  }

  state(): IdentityState {
    if (this.heldSvid === undefined) {
      return 'withdrawn';
    }
    return this.clock.now() < this.heldSvid.expiresAt ? 'valid' : 'expired';
  }

  protected get heldSvid(): X509Svid | undefined {
    return this.#held?.svid;
  }

  protected get heldBundles(): X509BundleSet | undefined {
    return this.#bundles;
  }

  /** Takes an update over and tells of it. */
  protected hold(identity: X509Identity): void {
    const { svid, svids, bundles } = identity;
    this.#held = { svid, svids };
    this.#bundles = bundles;
    this.#hasAnnouncedExpiry = false;
    this.#arm();
    this.taken('valid');
  }

  /** Lets go of the SVID and takes over what bundles are left. `report` is called in between, before the change is told. */
  protected withdraw(bundles: X509BundleSet | undefined, report: () => void): void {
    const wasHeld = this.#held !== undefined;
    this.#held = undefined;
    this.#bundles = bundles;
    if (wasHeld) {
      this.#arm();
    }
    report();
    if (wasHeld) {
      this.announce('withdrawn');
    }
  }

  /** Announces an expiry that has come and sets the timer anew. */
  protected tick(): void {
    this.#arm();
    if (!this.#hasAnnouncedExpiry && this.state() === 'expired') {
      this.#hasAnnouncedExpiry = true;
      this.announce('expired');
    }
  }

  protected override async stop(): Promise<void> {
    this.clock.clearTimeout(this.#timer);
    await Promise.resolve();
  }

  #arm(): void {
    const { intervalMs, isAlwaysTicking } = this.#ticks;
    this.clock.clearTimeout(this.#timer);
    const untilExpiry = (this.heldSvid?.expiresAt ?? 0) - this.clock.now();
    if (this.isClosed || (untilExpiry <= 0 && !isAlwaysTicking)) {
      return;
    }
    this.#timer = this.clock.setTimeout(
      () => {
        this.tick();
      },
      untilExpiry > 0 ? Math.min(untilExpiry, intervalMs) : intervalMs,
    );
  }
}
