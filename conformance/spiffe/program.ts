import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { eventually } from '../../integration/support/wait.ts';

const started = new Set<ChildProcess>();
const folders = new Set<string>();

// Nothing outlives the tests, however they end.
process.once('exit', () => {
  for (const child of started) child.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

/** A folder below /tmp that is removed when the process ends at the latest. */
export function temporaryFolder(purpose: string): string {
  const folder = mkdtempSync(join(tmpdir(), `muster-${purpose}-`));
  folders.add(folder);
  return folder;
}

/** One line of JSON that a peer printed. */
export type Line = Readonly<Record<string, unknown>>;

/** A program that runs until it is stopped, and everything that it has said. */
export class Program implements AsyncDisposable {
  readonly lines: string[] = [];
  readonly child: ChildProcess;
  readonly #ended: Promise<unknown>;

  constructor(path: string, words: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    this.child = spawn(path, words, { stdio: ['ignore', 'pipe', 'pipe'], env });
    started.add(this.child);
    for (const stream of [this.child.stdout, this.child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on('line', (line) => this.lines.push(line));
    }
    this.#ended = once(this.child, 'close').finally(() => started.delete(this.child));
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** What it printed as JSON under this event name, oldest first. */
  events(event: string): Line[] {
    return this.lines
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Line)
      .filter((line) => line['event'] === event);
  }

  /** Waits for something to be so while the program runs. */
  async until(what: string, isDone: () => boolean | Promise<boolean>, timeoutMs = 30_000): Promise<void> {
    try {
      await eventually(
        what,
        async () => {
          if (await isDone()) return true;
          if (this.hasEnded) throw new Error(`the program ended before: ${what}`);
          return false;
        },
        timeoutMs,
      );
    } catch (error) {
      throw new Error(`${this.child.spawnfile}: ${this.lines.slice(-20).join('\n')}`, { cause: error });
    }
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (!this.hasEnded) this.child.kill(signal);
    await this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL');
  }
}

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. */
export async function run(
  path: string,
  words: readonly string[],
  input = '',
  env: NodeJS.ProcessEnv = process.env,
): Promise<Outcome> {
  const child = spawn(path, words, { stdio: 'pipe', env, timeout: 120_000, killSignal: 'SIGKILL' });
  started.add(child);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdin.on('error', () => {}).end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  started.delete(child);
  return { code, stdout, stderr };
}

/** Runs a program that must succeed, and parses what it printed. */
export async function runJson<T>(path: string, words: readonly string[], input = ''): Promise<T> {
  const { code, stdout, stderr } = await run(path, words, input);
  if (code !== 0)
    throw new Error(`${path} ${words.join(' ')} ended with ${String(code)}: ${stderr}${stdout}`);
  return JSON.parse(stdout) as T;
}
