import type { Clock } from './clock.ts';

/**
 * Runs `work` with a signal that aborts after `timeoutMs` or with `signal`, and rejects then even when `work` does not
 * listen.
 */
export async function withDeadline<T>(
  clock: Clock,
  timeoutMs: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const abort = (): void => controller.abort(signal.reason);
  const timer = clock.setTimeout(
    () => controller.abort(new Error(`no result within ${timeoutMs} ms`)),
    timeoutMs,
  );
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    controller.signal.throwIfAborted();
    const aborted = new Promise<never>((_, reject) => {
      controller.signal.addEventListener('abort', () => reject(controller.signal.reason as Error), {
        once: true,
      });
    });
    return await Promise.race([work(controller.signal), aborted]);
  } finally {
    clock.clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}
