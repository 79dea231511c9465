import { systemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { SpiffeError } from '../errors.ts';
import { tellReporter } from '../internal/call-out.ts';
import { CoalescedWork } from '../internal/coalesced-work.ts';
import type { JwtSource } from '../workload-api/jwt-source.ts';
import { computeRetryDelay } from '../workload-api/retry.ts';
import type { BundleSource } from '../workload-api/bundle-source.ts';
import type { ErrorReporter, FirstStateOptions } from '../workload-api/source-base.ts';
import { marshalJwtBundleFile } from './jwt-bundle-file.ts';
import { checkFileName } from './layout.ts';
import { openSink } from './open-sink.ts';
import { replaceFile } from './replace-file.ts';

const LONGEST_TIMER_MS = 3_600_000;
const SHORTEST_DELAY_MS = 1000;

/** One file with one token. */
export interface JwtFile {
  readonly fileName: string;
  readonly audience: string | readonly string[];
  /** The identity to take. Default: that of the source. */
  readonly spiffeId?: string | undefined;
}

/** Which tokens and bundles to write, and where to. */
export interface JwtFileSinkOptions extends FirstStateOptions {
  /** Where tokens come from. It stays the caller's to close. */
  readonly source?: JwtSource | undefined;
  /** The files with tokens. */
  readonly tokens?: readonly JwtFile[] | undefined;
  /** Where JWT bundles come from. It stays the caller's to close. */
  readonly bundles?: BundleSource | undefined;
  /** The file with the JWT bundles of all trust domains, in the form of spiffe-helper. */
  readonly bundleFileName?: string | undefined;
  /** Made when it is missing. */
  readonly directory: string;
  /** Mode of tokens, which must give nothing to others. Default 0o600. */
  readonly tokenMode?: number | undefined;
  /** Mode of the bundles. Default 0o644. */
  readonly bundleMode?: number | undefined;
  /** Group of the files. Default: that of the process. */
  readonly groupId?: number | undefined;
  /** Default: the system's time. */
  readonly clock?: Clock | undefined;
  /** Told why a file is not up to date, with the time to the next try. */
  readonly onError?: ErrorReporter | undefined;
}

/** Keeps files up to date until it is closed. Closing waits for what is under way, and leaves the files. */
export interface JwtFileSink extends AsyncDisposable {
  close(): Promise<void>;
}

/**
 * Writes tokens and JWT bundles to files, each replaced by one rename: tokens again at half of their life, bundles when
 * they change. Resolves when all are there. Throws SpiffeError `ERR_FILE_OPTIONS`, `ERR_FILE_WRITE`, `ERR_BUNDLE_NOT_FOUND`,
 * `ERR_TIMEOUT`, `ERR_ABORTED` or what `fetchJwtSvid` throws.
 */
export async function createJwtFileSink(options: JwtFileSinkOptions): Promise<JwtFileSink> {
  const jobs = createJobs(options);
  return await openSink(new FollowingJwtFileSink(options, jobs), 'JWT file sink', options);
}

/** Writes one file, and says when to do it again. */
type Job = () => Promise<number | undefined>;

class FollowingJwtFileSink implements JwtFileSink {
  readonly #options: JwtFileSinkOptions;
  readonly #clock: Clock;
  readonly #files: FollowedFile[];
  #unsubscribe: () => void = () => {};

  constructor(
    options: JwtFileSinkOptions,
    jobs: { readonly tokens: Job[]; readonly bundles: Job | undefined },
  ) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const follow = (job: Job): FollowedFile => new FollowedFile(job, this.#clock, options.onError);
    this.#files = jobs.tokens.map(follow);
    if (jobs.bundles !== undefined) {
      const file = follow(jobs.bundles);
      this.#files.push(file);
      this.#unsubscribe = this.#options.bundles!.onChange((kind) => {
        if (kind === 'jwt' && this.#options.bundles!.getJwtBundles() !== undefined) {
          file.update();
        }
      });
    }
  }

  async start(): Promise<void> {
    await Promise.all(this.#files.map(async (file) => await file.start()));
  }

  async close(): Promise<void> {
    this.#unsubscribe();
    await Promise.all(this.#files.map(async (file) => await file.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** One file: written once at a time, tried again after a failure, and again when it is time to. */
class FollowedFile {
  readonly #job: Job;
  readonly #clock: Clock;
  readonly #onError: ErrorReporter | undefined;
  readonly #writing = new CoalescedWork(async () => await this.#run());
  #timer: unknown;
  #failures = 0;

  constructor(job: Job, clock: Clock, onError: ErrorReporter | undefined) {
    this.#job = job;
    this.#clock = clock;
    this.#onError = onError;
  }

  async start(): Promise<void> {
    await this.#writing.first(this.#write());
  }

  update(): void {
    this.#writing.request();
  }

  async close(): Promise<void> {
    await this.#writing.close();
    this.#clock.clearTimeout(this.#timer);
  }

  async #write(): Promise<void> {
    this.#arm(await this.#job());
  }

  async #run(): Promise<void> {
    this.#clock.clearTimeout(this.#timer);
    try {
      await this.#write();
      this.#failures = 0;
    } catch (error) {
      this.#failures += 1;
      const delayMs = computeRetryDelay(this.#failures) ?? 0;
      this.#arm(this.#clock.now() + delayMs);
      tellReporter(this.#onError, error as Error, delayMs);
    }
  }

  #arm(at: number | undefined): void {
    if (at === undefined || this.#writing.isClosed) {
      return;
    }
    const delayMs = Math.min(Math.max(0, at - this.#clock.now()), LONGEST_TIMER_MS);
    this.#timer = this.#clock.setTimeout(() => {
      this.update();
    }, delayMs);
  }
}

function createJobs(options: JwtFileSinkOptions): {
  readonly tokens: Job[];
  readonly bundles: Job | undefined;
} {
  const { source, tokens = [], bundles, bundleFileName, directory, groupId } = options;
  const { tokenMode = 0o600, bundleMode = 0o644 } = options;
  const names = [
    ...tokens.map(({ fileName }) => fileName),
    ...(bundleFileName === undefined ? [] : [bundleFileName]),
  ];
  for (const name of names) {
    checkFileName('JWT', name);
  }
  const fault = [
    [names.length === 0, 'there must be a file to write'],
    [new Set(names).size !== names.length, 'each file name must be another one'],
    [tokens.length > 0 && source === undefined, 'tokens must have a source'],
    [
      (bundleFileName === undefined) !== (bundles === undefined),
      'bundles must have a source and a file name',
    ],
    [
      [tokenMode, bundleMode].some((mode) => mode < 0o400 || mode > 0o777),
      'modes must be between 0400 and 0777',
    ],
    [(tokenMode & 0o007) !== 0, 'the mode of tokens must give nothing to others'],
  ].find(([isFault]) => isFault);
  if (fault !== undefined) {
    throw new SpiffeError('ERR_FILE_OPTIONS', `Cannot create JWT file sink: ${String(fault[1])}`);
  }
  const clock = options.clock ?? systemClock;
  const writeToken = async ({ fileName, audience, spiffeId }: JwtFile): Promise<number> => {
    const svid = await source!.fetchJwtSvid({ audience, spiffeId });
    await replaceFile(directory, { name: fileName, contents: svid.token, mode: tokenMode }, groupId);
    const now = clock.now();
    const start = Math.min(now, svid.issuedAt ?? now);
    // Later than half of its life only where the source has no newer one.
    return Math.max(start + (svid.expiresAt - start) / 2, now + SHORTEST_DELAY_MS);
  };
  const writeBundles = async (): Promise<undefined> => {
    const set = bundles!.getJwtBundles();
    if (set === undefined) {
      throw new SpiffeError('ERR_BUNDLE_NOT_FOUND', 'Cannot write JWT bundles: the source has none');
    }
    const file = { name: bundleFileName!, contents: marshalJwtBundleFile(set), mode: bundleMode };
    await replaceFile(directory, file, groupId);
  };
  return {
    tokens: tokens.map((token) => async () => await writeToken(token)),
    bundles: bundles === undefined ? undefined : writeBundles,
  };
}
