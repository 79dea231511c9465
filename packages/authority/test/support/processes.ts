import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** A child process that ends when the test lets go of it. */
export interface HeldProcess extends AsyncDisposable {
  readonly pid: number;
  readonly process: ChildProcess;
  /** The next line that it writes, or a process that inherited its output. */
  line(): Promise<string>;
  /** Writes a line to it. */
  tell(text: string): void;
}

/** Starts Node with a script given as text (CommonJS) and further arguments. */
export function startScript(script: string, ...args: readonly string[]): HeldProcess {
  return hold(process.execPath, ['-e', script, ...args]);
}

/** Starts a TypeScript file that may import the packages. */
export function startFile(file: string, ...args: readonly string[]): HeldProcess {
  const flags = ['--conditions=@muster/source', '--disable-warning=ExperimentalWarning'];
  return hold(process.execPath, [...flags, file, ...args]);
}

export function hold(command: string, args: readonly string[]): HeldProcess {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines: string[] = [];
  let rest = '';
  let wake: (() => void) | undefined;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
    wake?.();
  });
  let isEnded = false;
  child.stdout.on('end', () => {
    isEnded = true;
    wake?.();
  });
  return {
    pid: child.pid as number,
    process: child,
    async line() {
      while (lines.length === 0) {
        if (isEnded) throw new Error('the output ended');
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return lines.shift() as string;
    },
    tell: (text) => void child.stdin.write(`${text}\n`),
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}
