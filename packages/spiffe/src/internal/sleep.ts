import type { Clock } from '../clock.ts';

/** Waits by the given clock, or until the signal is aborted. Resolves either way. */
export async function sleep(delayMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
  if (signal.aborted) {
    return;
  }
  await new Promise<void>((resolve) => {
    const finish = (): void => {
      clock.clearTimeout(timer);
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const timer = clock.setTimeout(finish, delayMs);
    signal.addEventListener('abort', finish, { once: true });
  });
}
