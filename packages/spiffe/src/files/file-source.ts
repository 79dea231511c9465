import { X509BundleSet } from '../bundle/bundle-set.ts';
import { systemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { SpiffeId } from '../id/spiffe-id.ts';
import { TrustDomain } from '../id/trust-domain.ts';
import { checkDurations } from '../internal/durations.ts';
import type { ErrorReporter, FirstStateOptions } from '../workload-api/source-base.ts';
import { X509SourceBase } from '../workload-api/x509-source-base.ts';
import type { X509Source } from '../workload-api/x509-source-base.ts';
import { CoalescedWork } from '../internal/coalesced-work.ts';
import { DirectoryWatch } from './directory-watch.ts';
import { checkFresh, parseSvidFiles } from './identity.ts';
import type { ExpectedIdentity, FileIdentity } from './identity.ts';
import { resolveFileNames } from './layout.ts';
import type { SvidFileNames } from './layout.ts';
import { readSvidFiles } from './read.ts';

const DEFAULT_POLL_MS = 5000;

/** Which files to follow, and whose they must be. */
export interface FileSourceOptions extends FirstStateOptions {
  /** Where the files are. It may come later, and be replaced. */
  readonly directory: string;
  /** Default: `tls.crt`, `tls.key` and `ca.crt`. The bundle may be an absolute path elsewhere, which is looked at only every `pollMs`. */
  readonly fileNames?: Partial<SvidFileNames> | undefined;
  /** The identity to take. When it is given, no other one is ever taken. */
  readonly spiffeId?: string | undefined;
  /** The trust domain of the identity to take. When it is given, none of another one is ever taken. */
  readonly trustDomain?: string | undefined;
  /** How often to look even though no change was told, in ms. Default 5000. */
  readonly pollMs?: number | undefined;
  /** Default: the system's time. */
  readonly clock?: Clock | undefined;
  /** Told why the files were not taken, once as long as the reason stays the same, with the time to the next look. */
  readonly onError?: ErrorReporter | undefined;
}

/**
 * Follows an X.509-SVID and its bundle in files, in the layout of csi-driver-spiffe or that of spiffe-helper, and waits
 * for the first usable ones. Files that are missing, half written, mismatched, expired or older change nothing: what is
 * held stays until it expires, so the state is never `withdrawn`. Throws SpiffeError `ERR_FILE_OPTIONS`, `ERR_TIMEOUT`
 * (its cause is the last failure) or `ERR_ABORTED`.
 */
export async function createFileSource(options: FileSourceOptions): Promise<X509Source> {
  checkDurations('create file source', { pollMs: options.pollMs }, 'ERR_FILE_OPTIONS');
  const source = new WatchedFileSource(options, options.clock ?? systemClock);
  await source.open(options);
  return source;
}

class WatchedFileSource extends X509SourceBase {
  readonly #directory: string;
  readonly #names: SvidFileNames;
  readonly #expected: ExpectedIdentity;
  readonly #pollMs: number;
  readonly #watch: DirectoryWatch;
  /** So that the newest state of the files is always seen after its change was told. */
  readonly #reading = new CoalescedWork(async () => await this.#read());
  #held: FileIdentity | undefined;

  constructor(options: FileSourceOptions, clock: Clock) {
    const pollMs = options.pollMs ?? DEFAULT_POLL_MS;
    super(`file source of "${options.directory}"`, clock, options.onError, {
      intervalMs: pollMs,
      isAlwaysTicking: true,
    });
    this.#directory = options.directory;
    this.#names = resolveFileNames(options.fileNames, { isPathAllowed: true });
    this.#expected = {
      id: options.spiffeId === undefined ? undefined : SpiffeId.parse(options.spiffeId),
      trustDomain: options.trustDomain === undefined ? undefined : TrustDomain.parse(options.trustDomain),
    };
    this.#pollMs = pollMs;
    this.#watch = new DirectoryWatch(options.directory, () => {
      this.#reading.request();
    });
  }

  protected override start(): void {
    this.tick();
  }

  protected override async stop(): Promise<void> {
    await super.stop();
    this.#watch.detach();
    await this.#reading.close();
  }

  /** Looks now and then, and at the expiry if that comes first. */
  protected override tick(): void {
    super.tick();
    // Before the reading, so that no change falls between the two.
    this.#watch.attach();
    this.#reading.request();
  }

  async #read(): Promise<void> {
    try {
      const files = await readSvidFiles(this.#directory, this.#names);
      if (!this.isClosed) {
        this.#update(parseSvidFiles(files, this.#names, this.#expected));
      }
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #update(next: FileIdentity): void {
    const held = this.#held;
    checkFresh(next.svid, held?.svid, this.clock.now());
    this.lastError = undefined;
    if (held !== undefined && isSameIdentity(held, next)) {
      return;
    }
    this.#held = next;
    this.hold({ svid: next.svid, svids: [next.svid], bundles: new X509BundleSet([next.bundle]) });
  }

  #fail(error: Error): void {
    if (this.isClosed || error.message === this.lastError?.message) {
      return;
    }
    this.lastError = error;
    this.report(error, this.#pollMs);
  }
}

function isSameIdentity(one: FileIdentity, other: FileIdentity): boolean {
  const { svid } = one;
  return (
    one.bundle.equals(other.bundle) &&
    svid.certificates.length === other.svid.certificates.length &&
    svid.certificates.every(
      (bytes, index) => Buffer.compare(bytes, other.svid.certificates[index] ?? Buffer.alloc(0)) === 0,
    )
  );
}
