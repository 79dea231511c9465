import type { Clock } from '../clock.ts';
import { SpiffeError } from '../errors.ts';

export interface Deadline {
  /** What is waited for, as a message says it: "create X.509 source". */
  readonly action: string;
  /** What had to come in time: "nothing usable came". */
  readonly absence: string;
  /** In ms; undefined waits for ever. */
  readonly timeoutMs: number | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
  /** The last thing that went wrong, as the cause of a time-out. */
  readonly lastError?: (() => Error | undefined) | undefined;
}

/** Waits for work, but no longer than the caller will. Throws SpiffeError `ERR_TIMEOUT` or `ERR_ABORTED`, or what the work rejects with; the work itself goes on. */
export async function waitWithin<T>(work: Promise<T>, deadline: Deadline): Promise<T> {
  const { action, absence, clock, signal, timeoutMs } = deadline;
  const cleanUp: (() => void)[] = [];
  const interrupted = new Promise<never>((_resolve, reject) => {
    if (timeoutMs !== undefined) {
      const timer = clock.setTimeout(() => {
        const cause = deadline.lastError?.();
        const reason = cause === undefined ? '' : `: ${cause.message}`;
        reject(
          new SpiffeError('ERR_TIMEOUT', `Cannot ${action}: ${absence} within ${timeoutMs} ms${reason}`, {
            cause,
          }),
        );
      }, timeoutMs);
      cleanUp.push(() => {
        clock.clearTimeout(timer);
      });
    }
    const abort = (): void => {
      reject(new SpiffeError('ERR_ABORTED', `Cannot ${action}: it was aborted`, { cause: signal?.reason }));
    };
    if (signal?.aborted === true) {
      abort();
    }
    signal?.addEventListener('abort', abort, { once: true });
    cleanUp.push(() => {
      signal?.removeEventListener('abort', abort);
    });
  });
  try {
    return await Promise.race([work, interrupted]);
  } finally {
    for (const step of cleanUp) {
      step();
    }
  }
}
