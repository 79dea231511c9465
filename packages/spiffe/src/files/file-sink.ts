import { createHash } from 'node:crypto';

import { systemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { SpiffeError } from '../errors.ts';
import { callOut, tellReporter } from '../internal/call-out.ts';
import { checkDurations } from '../internal/durations.ts';
import { encodePem } from '../internal/pem.ts';
import { marshalCertificatesPem, marshalPrivateKeyPem } from '../svid/x509-svid.ts';
import type { X509Svid } from '../svid/x509-svid.ts';
import { computeRetryDelay } from '../workload-api/retry.ts';
import type { FirstStateOptions } from '../workload-api/source-base.ts';
import type { X509Identity, X509Source } from '../workload-api/x509-source-base.ts';
import { CoalescedWork } from '../internal/coalesced-work.ts';
import { writeAtomically } from './atomic-writer.ts';
import type { FileToWrite } from './atomic-writer.ts';
import { runCommand } from './command.ts';
import { openSink } from './open-sink.ts';
import { resolveFileNames } from './layout.ts';
import type { SvidFileNames } from './layout.ts';

const DEFAULT_COMMAND_TIMEOUT_MS = 30_000;

/** What is written, where to, and what happens then. */
export interface FileSinkOptions extends FirstStateOptions {
  /** What is written. It stays the caller's to close. */
  readonly source: X509Source;
  /** Made when it is missing. Nobody else may write to it. */
  readonly directory: string;
  /** Default: `tls.crt`, `tls.key` and `ca.crt`. */
  readonly fileNames?: Partial<SvidFileNames> | undefined;
  /** Mode of the certificate and the bundle. Default 0o644. */
  readonly mode?: number | undefined;
  /** Mode of the private key, which must give nothing to others. Default 0o600. */
  readonly keyMode?: number | undefined;
  /** Group of the files. Default: that of the process. */
  readonly groupId?: number | undefined;
  /** Also write the authorities of the other trust domains to the bundle. PEM does not say whose an authority is, so whoever reads the file trusts each for every trust domain. Default false. */
  readonly hasFederatedBundles?: boolean | undefined;
  /** Leave authorities out of the bundle that have expired. Default false. */
  readonly isOmittingExpired?: boolean | undefined;
  /** Program and arguments to run after files were replaced by newer ones, without a shell. While it runs, files go on being replaced; then it is run once more. Default: none. */
  readonly command?: readonly string[] | undefined;
  /** Time after which the command is killed, in ms. Default 30000. */
  readonly commandTimeoutMs?: number | undefined;
  /** Default: the system's time. */
  readonly clock?: Clock | undefined;
  /** Told of each SVID that was written, before the command runs. */
  readonly onWrite?: ((svid: X509Svid) => void) | undefined;
  /** Told why a write failed, with the time to the next try, or why the command failed (0: it is not run again). */
  readonly onError?: ((error: Error, retryInMs: number | undefined) => void) | undefined;
}

/** Keeps files up to date until it is closed. Closing waits for what is under way, the command included, and leaves the files. */
export interface FileSink extends AsyncDisposable {
  close(): Promise<void>;
}

/**
 * Writes the SVID of a source and the bundle of its trust domain as PEM files, all three replaced at once by the protocol
 * of Kubernetes' AtomicWriter, and again whenever they change. Resolves when the first files are there. A write that fails
 * is tried again after 1 s and then ever later, up to 30 s. An identity that is withdrawn or has expired is not written, and its
 * files stay. Throws SpiffeError
 * `ERR_FILE_OPTIONS`, `ERR_FILE_WRITE`, `ERR_BUNDLE_EMPTY`, `ERR_TIMEOUT`, `ERR_ABORTED` or what `getX509Svid` throws.
 */
export async function createFileSink(options: FileSinkOptions): Promise<FileSink> {
  const names = resolveFileNames(options.fileNames);
  checkOptions(options);
  const sink = new FollowingFileSink(options, names);
  return await openSink(sink, 'file sink', options);
}

class FollowingFileSink implements FileSink {
  readonly #options: FileSinkOptions;
  readonly #names: SvidFileNames;
  readonly #clock: Clock;
  #unsubscribe: () => void = () => {};
  #written = '';
  #failures = 0;
  #retryTimer: unknown;
  /** One write at a time, of the newest state. */
  readonly #writing = new CoalescedWork(async () => await this.#update());
  readonly #command = new CoalescedWork(async () => await this.#runCommand());

  constructor(options: FileSinkOptions, names: SvidFileNames) {
    this.#options = options;
    this.#names = names;
    this.#clock = options.clock ?? systemClock;
  }

  async start(): Promise<void> {
    this.#unsubscribe = this.#options.source.onChange((state) => {
      if (state === 'valid') {
        this.#writing.request();
      }
    });
    // Under way from the start, so that a change in the meantime waits for its end.
    await this.#writing.first(this.#writeAndRun());
  }

  async close(): Promise<void> {
    this.#unsubscribe();
    await this.#writing.close();
    this.#clock.clearTimeout(this.#retryTimer);
    await this.#command.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #update(): Promise<void> {
    this.#clock.clearTimeout(this.#retryTimer);
    if (this.#options.source.state() !== 'valid') {
      // There will be a change to follow when it is again.
      return;
    }
    try {
      await this.#writeAndRun();
      this.#failures = 0;
    } catch (error) {
      this.#failures += 1;
      const delayMs = computeRetryDelay(this.#failures) ?? 0;
      this.#report(error as Error, delayMs);
      if (!this.#writing.isClosed) {
        this.#retryTimer = this.#clock.setTimeout(() => {
          this.#writing.request();
        }, delayMs);
      }
    }
  }

  async #writeAndRun(): Promise<void> {
    const isRenewal = await this.#write();
    // Not waited for: a command that hangs must not keep the next SVID from being written.
    if (isRenewal && !this.#writing.isClosed) {
      this.#command.request();
    }
  }

  /** Says whether older files were replaced. */
  async #write(): Promise<boolean> {
    const { source, directory, groupId, onWrite } = this.#options;
    // SVID and bundles of one update.
    const identity = source.getX509Identity();
    const { svid } = identity;
    const files = this.#createFiles(identity);
    const hash = createHash('sha256');
    for (const { contents } of files) {
      hash.update(contents);
    }
    // A hash, so that no second copy of the key is kept.
    const written = hash.digest('hex');
    if (written === this.#written) {
      return false;
    }
    const hadFiles = await writeAtomically(directory, files, { groupId, now: this.#clock.now() });
    this.#written = written;
    callOut(
      (): unknown => onWrite?.(svid),
      (error) => {
        this.#report(error, 0);
      },
    );
    return hadFiles;
  }

  #createFiles({ svid, bundles }: X509Identity): FileToWrite[] {
    const { mode = 0o644, keyMode = 0o600, hasFederatedBundles, isOmittingExpired } = this.#options;
    const now = this.#clock.now();
    const own = bundles.getX509Bundle(svid.id.trustDomain);
    const others = [...bundles].filter(({ trustDomain }) => !trustDomain.equals(svid.id.trustDomain));
    const [bundle = '', ...federated] = [own, ...(hasFederatedBundles === true ? others : [])].map((each) =>
      (each?.certificates ?? [])
        .filter(({ expiresAt }) => isOmittingExpired !== true || now <= expiresAt)
        .map(({ bytes }) => encodePem('CERTIFICATE', bytes))
        .join(''),
    );
    if (bundle === '') {
      // An empty file would read as: trust nobody; or, in careless hands, everybody.
      throw new SpiffeError(
        'ERR_BUNDLE_EMPTY',
        `Cannot write the files of "${svid.id.toString()}": the bundle of its trust domain must not be empty`,
      );
    }
    return [
      { name: this.#names.certificate, contents: marshalCertificatesPem(svid), mode },
      { name: this.#names.key, contents: marshalPrivateKeyPem(svid), mode: keyMode },
      { name: this.#names.bundle, contents: [bundle, ...federated].join(''), mode },
    ];
  }

  async #runCommand(): Promise<void> {
    const { command, commandTimeoutMs: timeoutMs = DEFAULT_COMMAND_TIMEOUT_MS } = this.#options;
    if (command === undefined) {
      return;
    }
    try {
      await runCommand(command, { timeoutMs, clock: this.#clock });
    } catch (error) {
      this.#report(error as Error, 0);
    }
  }

  #report(error: Error, retryInMs: number): void {
    tellReporter(this.#options.onError, error, retryInMs);
  }
}

function checkOptions({ mode = 0o644, keyMode = 0o600, command, commandTimeoutMs }: FileSinkOptions): void {
  checkDurations('create file sink', { commandTimeoutMs }, 'ERR_FILE_OPTIONS');
  const fault = [
    [mode < 0 || mode > 0o777 || keyMode < 0 || keyMode > 0o777, 'modes must be between 0 and 0777'],
    [(keyMode & 0o007) !== 0, 'the mode of the key must give nothing to others'],
    [(mode & keyMode & 0o400) === 0, 'the owner must be able to read the files'],
    [command?.length === 0 || command?.[0] === '', 'the command must name a program'],
  ].find(([isFault]) => isFault);
  if (fault !== undefined) {
    throw new SpiffeError('ERR_FILE_OPTIONS', `Cannot create file sink: ${String(fault[1])}`);
  }
}
