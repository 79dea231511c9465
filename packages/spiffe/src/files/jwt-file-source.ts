import type { JwtBundleSet } from '../bundle/bundle-set.ts';
import type { JwtBundle } from '../bundle/jwt-bundle.ts';
import type { JwtBundleSource } from '../bundle/source.ts';
import { systemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { SpiffeError } from '../errors.ts';
import type { TrustDomain } from '../id/trust-domain.ts';
import { checkDurations } from '../internal/durations.ts';
import { parseUnverifiedJwtSvid } from '../svid/jwt-svid.ts';
import type { JwtSvid } from '../svid/jwt-svid.ts';
import { SourceBase } from '../workload-api/source-base.ts';
import type { ErrorReporter, FirstStateOptions, UpdatingSource } from '../workload-api/source-base.ts';
import { CoalescedWork } from '../internal/coalesced-work.ts';
import { DirectoryWatch } from './directory-watch.ts';
import { parseJwtBundleFile } from './jwt-bundle-file.ts';
import { checkFileName } from './layout.ts';
import { readFile } from './read.ts';

const DEFAULT_POLL_MS = 5000;

/** Which files to follow, and whom the token must be for. */
export interface JwtFileSourceOptions extends FirstStateOptions {
  /** Where the files are. It may come later, and be replaced. */
  readonly directory: string;
  /** The file with a token. Default: none is followed. */
  readonly tokenFileName?: string | undefined;
  /** The file with the JWT bundles of all trust domains, in the form of spiffe-helper. Default: none is followed. */
  readonly bundleFileName?: string | undefined;
  /** An audience that the token must be for. */
  readonly audience?: string | undefined;
  /** How often to look even though no change was told, in ms. Default 5000. */
  readonly pollMs?: number | undefined;
  /** Default: the system's time. */
  readonly clock?: Clock | undefined;
  /** Told why a file was not taken, once as long as the reason stays the same, with the time to the next look. */
  readonly onError?: ErrorReporter | undefined;
}

/** A token and JWT bundles in files, kept up to date. */
export interface JwtFileSource extends JwtBundleSource, UpdatingSource<'token' | 'bundles'> {
  /** The token, which is not verified. Throws SpiffeError `ERR_NO_IDENTITY` where none is followed, `ERR_JWT_EXPIRED` or `ERR_CLOSED`. */
  getJwtSvid(): JwtSvid;
}

/**
 * Follows files as spiffe-helper and `createJwtFileSink` write them, and waits for the first usable ones. Files that are
 * missing, half written, expired or for another audience change nothing. Throws SpiffeError `ERR_FILE_OPTIONS`,
 * `ERR_TIMEOUT` (its cause is the last failure) or `ERR_ABORTED`.
 */
export async function createJwtFileSource(options: JwtFileSourceOptions): Promise<JwtFileSource> {
  checkDurations('create JWT file source', { pollMs: options.pollMs }, 'ERR_FILE_OPTIONS');
  const names = [options.tokenFileName, options.bundleFileName].filter((name) => name !== undefined);
  for (const name of names) {
    checkFileName('JWT', name);
  }
  if (names.length === 0) {
    throw new SpiffeError(
      'ERR_FILE_OPTIONS',
      'Cannot create JWT file source: there must be a file to follow',
    );
  }
  const source = new WatchedJwtFileSource(options, options.clock ?? systemClock);
  await source.open(options);
  return source;
}

class WatchedJwtFileSource extends SourceBase<'token' | 'bundles'> implements JwtFileSource {
  readonly #options: JwtFileSourceOptions;
  readonly #pollMs: number;
  readonly #watch: DirectoryWatch;
  /** So that the newest state of the files is always seen after its change was told. */
  readonly #reading = new CoalescedWork(async () => await this.#read());
  readonly #seen = new Map<string, Buffer>();
  readonly #faults = new Map<string, string>();
  #token: JwtSvid | undefined;
  #bundles: JwtBundleSet | undefined;
  #timer: unknown;

  constructor(options: JwtFileSourceOptions, clock: Clock) {
    super(`JWT file source of "${options.directory}"`, clock, options.onError);
    this.#options = options;
    this.#pollMs = options.pollMs ?? DEFAULT_POLL_MS;
    this.#watch = new DirectoryWatch(options.directory, () => {
      this.#reading.request();
    });
  }

  getJwtSvid(): JwtSvid {
    this.checkOpen('get JWT-SVID');
    if (this.#token === undefined) {
      throw new SpiffeError('ERR_NO_IDENTITY', 'Cannot get JWT-SVID: no file with a token is followed');
    }
    if (!(this.clock.now() < this.#token.expiresAt)) {
      throw new SpiffeError('ERR_JWT_EXPIRED', 'Cannot get JWT-SVID: it expired without being renewed');
    }
    return this.#token;
  }

  getJwtBundle(trustDomain: TrustDomain): JwtBundle | undefined {
    this.checkOpen('get JWT bundle');
    return this.#bundles?.getJwtBundle(trustDomain);
  }

  protected override start(): void {
    this.#timer = this.clock.setTimeout(() => {
      this.start();
    }, this.#pollMs);
    // Before the reading, so that no change falls between the two.
    this.#watch.attach();
    this.#reading.request();
  }

  protected override async stop(): Promise<void> {
    this.clock.clearTimeout(this.#timer);
    this.#watch.detach();
    await this.#reading.close();
  }

  async #read(): Promise<void> {
    const { tokenFileName, bundleFileName } = this.#options;
    await this.#follow(bundleFileName, 'bundles', (bytes) => {
      this.#bundles = parseJwtBundleFile(bytes, `"${bundleFileName}"`);
    });
    await this.#follow(tokenFileName, 'token', (bytes) => {
      this.#token = this.#parseToken(bytes);
    });
  }

  async #follow(
    name: string | undefined,
    event: 'token' | 'bundles',
    take: (bytes: Buffer) => void,
  ): Promise<void> {
    if (name === undefined || this.isClosed) {
      return;
    }
    try {
      const bytes = await readFile(this.#options.directory, name);
      // What is being written by and by is read again until it stays the same.
      const isStable = bytes.equals(await readFile(this.#options.directory, name));
      if (this.isClosed) {
        return;
      }
      if (this.#seen.get(name)?.equals(bytes) === true) {
        this.#endFault(name);
        return;
      }
      if (!isStable) {
        this.#reading.request();
        return;
      }
      take(bytes);
      this.#seen.set(name, bytes);
      this.#endFault(name);
      this.taken(event, { isPart: !this.#isComplete });
    } catch (error) {
      this.#fail(name, error as Error);
    }
  }

  get #isComplete(): boolean {
    const { tokenFileName, bundleFileName } = this.#options;
    return (
      (tokenFileName === undefined || this.#token !== undefined) &&
      (bundleFileName === undefined || this.#bundles !== undefined)
    );
  }

  #parseToken(bytes: Buffer): JwtSvid {
    const svid = parseUnverifiedJwtSvid(bytes.toString('latin1').trim());
    if (!(this.clock.now() < svid.expiresAt)) {
      throw new SpiffeError('ERR_JWT_EXPIRED', 'Cannot take the JWT-SVID: it has expired');
    }
    const { audience } = this.#options;
    if (audience !== undefined && !svid.audience.includes(audience)) {
      throw new SpiffeError(
        'ERR_JWT_AUDIENCE_MISMATCH',
        'Cannot take the JWT-SVID: it is for another audience',
      );
    }
    return svid;
  }

  /** The file is again what was taken: the next failure is a new one. */
  #endFault(name: string): void {
    this.#faults.delete(name);
    if (this.#faults.size === 0) {
      this.lastError = undefined;
    }
  }

  #fail(name: string, error: Error): void {
    if (this.isClosed || error.message === this.#faults.get(name)) {
      return;
    }
    this.#faults.set(name, error.message);
    this.lastError = error;
    this.report(error, this.#pollMs);
  }
}
