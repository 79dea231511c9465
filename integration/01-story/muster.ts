import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { defaultCacheDir, findNatsServer } from '@muster/nats-server';
import { assertNothingLeft } from '../support/leftovers.ts';
import { freePort } from '../support/ports.ts';
import { descendantsOf, type ProcessInfo, readProcess } from '../support/processes.ts';

export const program = fileURLToPath(new URL('../../packages/cli/bin/muster.js', import.meta.url));
export const root = fileURLToPath(new URL('../..', import.meta.url));

/** The last line that `muster dev` prints when everything runs. */
const READY = 'Ctrl-C stops everything.';

/** One run of the program that has ended. */
export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process of the program (or of one that starts it), and what it has said so far. */
export class Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Outcome>;
  stdout = '';
  stderr = '';
  /** Every process seen below this one. */
  readonly #seen = new Map<string, ProcessInfo>();
  readonly #timer: NodeJS.Timeout;

  /** `keys` is handed over on descriptor 3. */
  constructor(
    command: string,
    words: readonly string[],
    env: NodeJS.ProcessEnv,
    { cwd, keys }: { readonly cwd?: string; readonly keys?: string } = {},
  ) {
    this.child = spawn(command, words, {
      env,
      stdio: ['ignore', 'pipe', 'pipe', ...(keys === undefined ? [] : ['pipe' as const])],
      ...(cwd === undefined ? {} : { cwd }),
    });
    if (keys !== undefined) (this.child.stdio[3] as NodeJS.WritableStream).end(keys);
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.#timer = setInterval(() => this.look(), 100);
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        clearInterval(this.#timer);
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr });
      });
    });
  }

  /** Remembers the processes that are below this one now. */
  look(): ProcessInfo[] {
    const { pid } = this.child;
    if (pid === undefined) return [];
    const own = readProcess(pid);
    for (const info of [...(own === undefined ? [] : [own]), ...descendantsOf(pid)]) {
      this.#seen.set(`${String(info.pid)}/${info.startedAt}`, info);
    }
    return this.seen();
  }

  seen(): ProcessInfo[] {
    return [...this.#seen.values()];
  }

  /** Resolves when `text` was said; rejects when the process ends first. */
  async said(text: string, timeoutMs = 120_000): Promise<void> {
    const until = Date.now() + timeoutMs;
    let outcome: Outcome | undefined;
    void this.ended.then((result) => (outcome = result));
    while (!this.stdout.includes(text) && !this.stderr.includes(text)) {
      if (outcome !== undefined)
        throw new Error(
          `ended (${String(outcome.code ?? outcome.signal)}) before saying "${text}":\n${this.stderr}`,
        );
      if (Date.now() > until) throw new Error(`did not say "${text}":\n${this.stdout}${this.stderr}`);
      await new Promise((resolve) => {
        setTimeout(resolve, 20);
      });
    }
    this.look();
  }

  interrupt(signal: NodeJS.Signals = 'SIGINT'): Promise<Outcome> {
    this.look();
    this.child.kill(signal);
    return this.ended;
  }
}

/** Folders and ports of one test, and everything that was started with them. */
export class Place {
  readonly folder: string;
  readonly runtimeDir: string;
  readonly httpPort: number;
  readonly natsPort: number;
  readonly #env: NodeJS.ProcessEnv;
  readonly #started: Running[] = [];

  private constructor(folder: string, httpPort: number, natsPort: number) {
    this.folder = folder;
    this.runtimeDir = join(folder, 'run');
    this.httpPort = httpPort;
    this.natsPort = natsPort;
    this.#env = {
      ...process.env,
      XDG_RUNTIME_DIR: this.runtimeDir,
      XDG_CACHE_HOME: join(folder, 'cache'),
      NO_COLOR: '1',
    };
    delete this.#env['MUSTER_LATTICE_DIR'];
  }

  /** nats-server comes from the machine's cache (installed there when it is missing); components have a cache of the test's own. */
  static async create(t: TestContext | { after(fn: () => Promise<void>): void }): Promise<Place> {
    await findNatsServer();
    const place = new Place(mkdtempSync(join(tmpdir(), 'muster-story-')), await freePort(), await freePort());
    mkdirSync(place.runtimeDir, { mode: 0o700 });
    const cache = join(place.folder, 'cache', 'muster');
    mkdirSync(cache, { recursive: true });
    symlinkSync(join(defaultCacheDir(), 'nats-server'), join(cache, 'nats-server'));
    t.after(() => place.remove());
    return place;
  }

  get url(): string {
    return `http://127.0.0.1:${String(this.httpPort)}`;
  }

  get latticeDir(): string {
    return join(this.runtimeDir, `muster-${String(process.getuid?.() ?? 0)}`, 'default');
  }

  get cachedComponents(): string {
    return join(this.folder, 'cache', 'muster', 'components');
  }

  start(words: readonly string[], env: NodeJS.ProcessEnv = {}, keys?: string): Running {
    const options = keys === undefined ? {} : { keys };
    return this.#keep(new Running(process.execPath, [program, ...words], { ...this.#env, ...env }, options));
  }

  /** `npm start`, as a user types it. */
  npmStart(words: readonly string[]): Running {
    return this.#keep(new Running('npm', ['start', '--', ...words], this.#env, { cwd: root }));
  }

  run(words: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
    return this.start(words, env).ended;
  }

  devWords(component: string): string[] {
    return ['dev', ...this.devFlags(component)];
  }

  devFlags(component: string): string[] {
    return [
      '--component',
      component,
      '--http-port',
      String(this.httpPort),
      '--nats-port',
      String(this.natsPort),
    ];
  }

  /** A lattice that runs. */
  async dev(component: string, ...more: string[]): Promise<Running> {
    const running = this.start([...this.devWords(component), ...more]);
    await running.said(READY);
    return running;
  }

  /** Rows of a listing. */
  async list<Row>(...words: string[]): Promise<Row[]> {
    const { code, stdout, stderr } = await this.run([...words, '-o', 'json']);
    if (code !== 0) throw new Error(stderr);
    return JSON.parse(stdout) as Row[];
  }

  /** Nothing of this test is left: processes, sockets, files in the runtime directory, listeners. */
  async assertNothingLeft(): Promise<void> {
    await assertNothingLeft({
      folders: [this.runtimeDir],
      processes: this.#started.flatMap((running) => running.seen()),
      ports: [this.httpPort, this.natsPort],
    });
  }

  async remove(): Promise<void> {
    for (const { child } of this.#started) child.kill('SIGKILL');
    await Promise.all(this.#started.map(({ ended }) => ended));
    rmSync(this.folder, { recursive: true, force: true });
  }

  #keep(running: Running): Running {
    this.#started.push(running);
    return running;
  }
}
