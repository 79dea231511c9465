import type { X509Bundle } from '../bundle/x509-bundle.ts';
import { systemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { SpiffeError } from '../errors.ts';
import { SpiffeId } from '../id/spiffe-id.ts';
import { TrustDomain } from '../id/trust-domain.ts';
import type { X509Svid } from '../svid/x509-svid.ts';
import { waitForFirstState } from '../workload-api/first-state.ts';
import { callListeners } from '../workload-api/listeners.ts';
import type { IdentityState, X509Source } from '../workload-api/x509-source.ts';
import { DirectoryWatch } from './directory-watch.ts';
import { checkFresh, parseSvidFiles } from './identity.ts';
import type { ExpectedIdentity, FileIdentity } from './identity.ts';
import { resolveFileNames } from './layout.ts';
import type { SvidFileNames } from './layout.ts';
import { readSvidFiles } from './read.ts';

const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_POLL_MS = 5000;

export interface FileSourceOptions {
  readonly directory: string;
  /** Default: `tls.crt`, `tls.key` and `ca.crt`. The bundle may be an absolute path elsewhere, which is looked at only every `pollMs`. */
  readonly fileNames?: Partial<SvidFileNames> | undefined;
  /** The identity to take. When it is given, no other one is ever taken. */
  readonly spiffeId?: string | undefined;
  /** The trust domain of the identity to take. When it is given, none of another one is ever taken. */
  readonly trustDomain?: string | undefined;
  /** How often to look even though no change was told, in ms. Default 5000. */
  readonly pollMs?: number | undefined;
  /** How long to wait for the first identity, in ms. Default 30000. */
  readonly timeoutMs?: number | undefined;
  /** Cancels the wait for the first identity. */
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock | undefined;
  /** Told why the files were not taken, once as long as the reason stays the same, with the time to the next look. */
  readonly onError?: ((error: Error, retryInMs: number | undefined) => void) | undefined;
}

/**
 * Follows an X.509-SVID and its bundle in files, in the layout of csi-driver-spiffe or that of spiffe-helper, and waits
 * for the first usable ones. Files that are missing, half written, mismatched, expired or older change nothing: what is
 * held stays until it expires, so the state is never `withdrawn`. Throws SpiffeError `ERR_FILE_OPTIONS`, `ERR_TIMEOUT`
 * (its cause is the last failure) or `ERR_ABORTED`.
 */
export async function createFileSource(options: FileSourceOptions): Promise<X509Source> {
  const clock = options.clock ?? systemClock;
  const source = new WatchedFileSource(options, clock);
  try {
    await waitForFirstState(`file source of "${options.directory}"`, source.start(), {
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

class WatchedFileSource implements X509Source {
  lastError: Error | undefined;
  readonly #directory: string;
  readonly #names: SvidFileNames;
  readonly #expected: ExpectedIdentity;
  readonly #pollMs: number;
  readonly #clock: Clock;
  readonly #onError: FileSourceOptions['onError'];
  readonly #watch: DirectoryWatch;
  readonly #listeners = new Set<(state: IdentityState) => void>();
  #held: FileIdentity | undefined;
  #hasAnnouncedExpiry = false;
  #isClosed = false;
  #reading: Promise<void> | undefined;
  #mustReadAgain = false;
  #timer: unknown;
  #becomeReady: () => void = () => {};

  constructor(options: FileSourceOptions, clock: Clock) {
    this.#directory = options.directory;
    this.#names = resolveFileNames(options.fileNames, { isPathAllowed: true });
    this.#expected = {
      id: options.spiffeId === undefined ? undefined : SpiffeId.parse(options.spiffeId),
      trustDomain: options.trustDomain === undefined ? undefined : TrustDomain.parse(options.trustDomain),
    };
    this.#pollMs = options.pollMs ?? DEFAULT_POLL_MS;
    this.#clock = clock;
    this.#onError = options.onError;
    this.#watch = new DirectoryWatch(options.directory, () => {
      this.#look();
    });
  }

  /** Resolves at the first usable identity. */
  async start(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#becomeReady = resolve;
      this.#poll();
    });
  }

  getX509Svid(): X509Svid {
    if (this.#isClosed || this.#held === undefined) {
      throw new SpiffeError('ERR_CLOSED', 'Cannot get X.509-SVID: the source is closed');
    }
    const { svid } = this.#held;
    if (this.#clock.now() >= svid.expiresAt) {
      throw new SpiffeError(
        'ERR_SVID_EXPIRED',
        `Cannot get X.509-SVID of "${svid.id.toString()}": it expired without being renewed`,
      );
    }
    return svid;
  }

  getX509Bundle(trustDomain: TrustDomain): X509Bundle | undefined {
    return this.#held?.bundle.getX509Bundle(trustDomain);
  }

  state(): IdentityState {
    const isValid = this.#held !== undefined && this.#clock.now() < this.#held.svid.expiresAt;
    return isValid ? 'valid' : 'expired';
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
    this.#clock.clearTimeout(this.#timer);
    this.#watch.detach();
    await this.#reading;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Looks now and then again after each interval, or at the expiry if that comes first. */
  #poll(): void {
    const now = this.#clock.now();
    const untilExpiry = (this.#held?.svid.expiresAt ?? now) - now;
    const delayMs = untilExpiry > 0 ? Math.min(untilExpiry, this.#pollMs) : this.#pollMs;
    this.#timer = this.#clock.setTimeout(() => {
      this.#poll();
    }, delayMs);
    this.#announceExpiry();
    // Before the reading, so that no change falls between the two.
    this.#watch.attach();
    this.#look();
  }

  /** Reads once, and once more if asked to meanwhile: the newest state of the files is always seen after its change was told. */
  #look(): void {
    if (this.#isClosed) {
      return;
    }
    if (this.#reading !== undefined) {
      this.#mustReadAgain = true;
      return;
    }
    this.#mustReadAgain = false;
    this.#reading = this.#read().finally(() => {
      this.#reading = undefined;
      if (this.#mustReadAgain) {
        this.#look();
      }
    });
  }

  async #read(): Promise<void> {
    try {
      const files = await readSvidFiles(this.#directory, this.#names);
      if (!this.#isClosed) {
        this.#update(parseSvidFiles(files, this.#names, this.#expected));
      }
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #update(next: FileIdentity): void {
    const held = this.#held;
    checkFresh(next.svid, held?.svid, this.#clock.now());
    this.lastError = undefined;
    if (held !== undefined && isSameIdentity(held, next)) {
      return;
    }
    this.#held = next;
    this.#hasAnnouncedExpiry = false;
    // The expiry of the new one may come before the next look is due.
    this.#clock.clearTimeout(this.#timer);
    this.#timer = this.#clock.setTimeout(
      () => {
        this.#poll();
      },
      Math.min(this.#pollMs, next.svid.expiresAt - this.#clock.now()),
    );
    this.#becomeReady();
    callListeners(this.#listeners, 'valid', this.#onError);
  }

  #fail(error: Error): void {
    if (this.#isClosed || error.message === this.lastError?.message) {
      return;
    }
    this.lastError = error;
    this.#onError?.(error, this.#pollMs);
  }

  #announceExpiry(): void {
    if (this.#held !== undefined && !this.#hasAnnouncedExpiry && this.state() === 'expired') {
      this.#hasAnnouncedExpiry = true;
      callListeners(this.#listeners, 'expired', this.#onError);
    }
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
