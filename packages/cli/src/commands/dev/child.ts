import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { CliError } from '../../errors.ts';
import { type PartLine, readLogLine, readReadyLine } from './part-line.ts';

const MUSTER = fileURLToPath(new URL('../../../bin/muster.js', import.meta.url));

/** How one part is started, again and again. */
export interface ChildPlan {
  /** Name of the part, also its selector `muster:child:<name>`. */
  readonly name: string;
  /** The command line after `muster`. */
  readonly arguments: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** A fresh copy of the key document, which is wiped when it was handed over on descriptor 3. */
  readonly keyDocument?: () => Uint8Array;
  /** Reads log lines that are not ours. */
  readonly parseLine?: (text: string) => PartLine;
  /** Whether a log line says that the part is ready; other parts say so on stdout. */
  readonly isReady?: (line: PartLine) => boolean;
  readonly readyTimeoutMs: number;
}

export interface ChildHooks {
  /** Called at once after the process was made, before it can do anything. */
  onSpawn(pid: number): void;
  onExit(): void;
  onLine(line: PartLine): void;
  /** The part ended and is started again after `retryInMs`: 0 when it was told to restart. */
  onEnded(reason: string, retryInMs: number): void;
  /** The part is ready again. Gets what it said. */
  onRestarted(ready: Readonly<Record<string, unknown>>): void;
}

const BACKOFF_FIRST_MS = 250;
const BACKOFF_MAX_MS = 10_000;
const STABLE_MS = 30_000;
const KEPT_LINES = 5;

/** One part as a child process that is started again when it ends. */
export class Child {
  readonly #plan: ChildPlan;
  readonly #hooks: ChildHooks;
  readonly #program: string;
  #process: ChildProcess | undefined;
  #exited: Promise<string> = Promise.resolve('it was never started');
  #isStopping = false;
  #isRestarting = false;
  #backoffMs = BACKOFF_FIRST_MS;
  #timer: NodeJS.Timeout | undefined;
  #problems: string[] = [];
  #restarts = 0;

  /** `program` is the script that Node runs with the plan's arguments; default: this one. */
  constructor(plan: ChildPlan, hooks: ChildHooks, program: string = MUSTER) {
    this.#plan = plan;
    this.#hooks = hooks;
    this.#program = program;
  }

  get name(): string {
    return this.#plan.name;
  }

  /** How often the part was started again. */
  get restarts(): number {
    return this.#restarts;
  }

  /** Undefined while the part is not running. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Starts the part for the first time and waits until it is ready. Throws ERR_PART_ENDED or ERR_PART_NOT_READY. */
  async start(signal: AbortSignal): Promise<Readonly<Record<string, unknown>>> {
    const ready = this.#spawn();
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const said = await Promise.race([ready, aborted]);
      this.#keepRunning(Date.now());
      return said;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** SIGTERM, and SIGKILL after `graceMs`; a new process takes the place of the present one at once. */
  restart(graceMs = 5_000): void {
    const child = this.#process;
    if (child === undefined) return;
    this.#isRestarting = true;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
    void this.#exited.then(() => clearTimeout(timer));
  }

  /** SIGTERM, and SIGKILL after `graceMs`. Resolves when the process is gone; it is not started again. */
  async stop(graceMs = 5_000): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#timer);
    const child = this.#process;
    if (child === undefined) return;
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
    await this.#exited;
    clearTimeout(timer);
  }

  #spawn(): Promise<Readonly<Record<string, unknown>>> {
    const keys = this.#plan.keyDocument?.();
    this.#problems = [];
    // A session of its own: Ctrl-C is for the parent alone, which then ends its children in order.
    const child = spawn(process.execPath, [this.#program, ...this.#plan.arguments], {
      detached: true,
      cwd: '/',
      env: this.#plan.env,
      stdio: ['ignore', 'pipe', 'pipe', ...(keys === undefined ? [] : ['pipe' as const])],
    });
    this.#process = child;
    if (child.pid !== undefined) this.#hooks.onSpawn(child.pid);
    this.#exited = new Promise((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('close', (code, signal) => resolve(signal ?? `exit code ${String(code)}`));
    }).then((reason) => {
      this.#process = undefined;
      this.#hooks.onExit();
      return reason as string;
    });
    if (keys !== undefined) handOver(child, keys);
    return this.#waitUntilReady(child);
  }

  #waitUntilReady(child: ChildProcess): Promise<Readonly<Record<string, unknown>>> {
    const { name, parseLine, isReady, readyTimeoutMs } = this.#plan;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const why = this.#problems.length === 0 ? '' : `: ${this.#problems.join('; ')}`;
        reject(
          new CliError(
            'ERR_PART_NOT_READY',
            `${name} was not ready within ${String(readyTimeoutMs / 1_000)} s${why}`,
          ),
        );
      }, readyTimeoutMs);
      void this.#exited.then((reason) => {
        clearTimeout(timer);
        const why = this.#problems.length === 0 ? '' : `: ${this.#problems.join('; ')}`;
        reject(new CliError('ERR_PART_ENDED', `${name} ended while it started (${reason})${why}`));
      });
      const done = (said: Readonly<Record<string, unknown>>): void => {
        clearTimeout(timer);
        resolve(said);
      };
      this.#readLines(child.stdout, (text) => {
        const ready = readReadyLine(text);
        if (ready !== undefined) done(ready);
      });
      this.#readLines(child.stderr, (text) => {
        const isOurs = parseLine === undefined || text.startsWith('{') || text.startsWith('error ');
        const line = isOurs ? readLogLine(name, text) : parseLine(text);
        if (line === undefined) return;
        if (line.level === 'error' || line.level === 'warn') this.#remember(line);
        this.#hooks.onLine(line);
        if (isReady?.(line) === true) done({});
      });
    });
  }

  #readLines(stream: NodeJS.ReadableStream | null, onLine: (text: string) => void): void {
    if (stream !== null) createInterface({ input: stream }).on('line', onLine);
  }

  #remember(line: PartLine): void {
    this.#problems.push(line.text);
    if (this.#problems.length > KEPT_LINES) this.#problems.shift();
  }

  #keepRunning(since: number): void {
    void this.#exited.then((reason) => {
      if (this.#isStopping) return;
      if (Date.now() - since >= STABLE_MS) this.#backoffMs = BACKOFF_FIRST_MS;
      // An end that was wanted is no sign of trouble.
      const retryInMs = this.#isRestarting ? 0 : this.#backoffMs;
      if (!this.#isRestarting) this.#backoffMs = Math.min(this.#backoffMs * 2, BACKOFF_MAX_MS);
      this.#isRestarting = false;
      this.#hooks.onEnded(reason, retryInMs);
      this.#timer = setTimeout(() => this.#startAgain(), retryInMs);
    });
  }

  #startAgain(): void {
    if (this.#isStopping) return;
    const since = Date.now();
    this.#restarts += 1;
    this.#spawn().then(
      (ready) => this.#hooks.onRestarted(ready),
      () => this.#process?.kill('SIGKILL'),
    );
    this.#keepRunning(since);
  }
}

function handOver(child: ChildProcess, keys: Uint8Array): void {
  const pipe = child.stdio[3] as NodeJS.WritableStream;
  // A child that died before it read them is noticed by its end.
  pipe.on('error', () => {});
  pipe.end(keys, () => keys.fill(0));
}
