import { spawn } from 'node:child_process';
import { extname } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

export interface TiedProcessOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Kills everything at once. */
  readonly signal?: AbortSignal;
}

export interface TiedProcess {
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Undefined after exit code 0, otherwise how it ended. Never rejects. */
  readonly failure: Promise<string | undefined>;
}

const extension = extname(fileURLToPath(import.meta.url));
const script = fileURLToPath(new URL(`./end-with-parent${extension}`, import.meta.url));

/**
 * Runs a program, without standard input, in a process group of its own. The whole group is killed when `signal` aborts and
 * when this process ends in whatever way, SIGKILL included.
 */
export function startTiedProcess(
  program: string,
  programArguments: readonly string[],
  options: TiedProcessOptions,
): TiedProcess {
  const { env, cwd, signal } = options;
  const child = spawn(process.execPath, [script, program, ...programArguments], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env,
    ...(cwd === undefined ? {} : { cwd }),
  });
  const stop = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended already.
    }
  };
  if (signal?.aborted === true) stop();
  else signal?.addEventListener('abort', stop, { once: true });
  const failure = new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, by) => {
      signal?.removeEventListener('abort', stop);
      resolve(code === 0 ? undefined : `ended with ${by ?? `exit code ${String(code)}`}`);
    });
  });
  const [, stdout, stderr] = child.stdio;
  return { stdout: stdout as Readable, stderr: stderr as Readable, failure };
}
