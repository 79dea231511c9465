import { spawn } from 'node:child_process';

import type { Clock } from '../clock.ts';
import { SpiffeError } from '../errors.ts';
import { quote } from '../internal/quote.ts';

/**
 * Runs a program with its arguments, without a shell and without input or output, and waits for its end. When the time is
 * up, it is killed with all that it has started in its process group. Throws SpiffeError `ERR_COMMAND_FAILED` or `ERR_TIMEOUT`.
 */
export async function runCommand(
  command: readonly string[],
  options: { readonly timeoutMs: number; readonly clock: Clock },
): Promise<void> {
  const [program = '', ...args] = command;
  const { clock, timeoutMs } = options;
  await new Promise<void>((resolve, reject) => {
    // A process group of its own, so that it can be killed as a whole.
    const child = spawn(program, args, { shell: false, stdio: 'ignore', detached: true });
    let isLate = false;
    const timer = clock.setTimeout(() => {
      isLate = true;
      kill(child.pid);
    }, timeoutMs);
    child.on('error', (error) => {
      clock.clearTimeout(timer);
      reject(
        new SpiffeError('ERR_COMMAND_FAILED', `Cannot run ${quote(program)}: it did not start`, {
          cause: error,
        }),
      );
    });
    child.on('exit', (status, signal) => {
      clock.clearTimeout(timer);
      if (isLate) {
        reject(new SpiffeError('ERR_TIMEOUT', `${quote(program)} did not end within ${timeoutMs} ms`));
      } else if (status === 0) {
        resolve();
      } else {
        const how = signal === null ? `status ${status}` : `signal ${signal}`;
        reject(new SpiffeError('ERR_COMMAND_FAILED', `${quote(program)} must end with status 0, not ${how}`));
      }
    });
  });
}

function kill(pid: number | undefined): void {
  try {
    if (pid !== undefined) {
      process.kill(-pid, 'SIGKILL');
    }
  } catch {
    // It has ended in this moment.
  }
}
