import type { Clock } from '../clock.ts';
import { SpiffeError } from '../errors.ts';

export interface FirstStateLimits {
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
  /** The last thing that went wrong, as the cause of a time-out. */
  lastError(): Error | undefined;
}

/** Waits for a source to become ready, but not for ever. Throws SpiffeError `ERR_TIMEOUT` or `ERR_ABORTED`, or what `ready` rejects with. */
export async function waitForFirstState(
  what: string,
  ready: Promise<void>,
  limits: FirstStateLimits,
): Promise<void> {
  const { clock, signal, timeoutMs } = limits;
  const cleanUp: (() => void)[] = [];
  const interrupted = new Promise<never>((_resolve, reject) => {
    const timer = clock.setTimeout(() => {
      const cause = limits.lastError();
      const reason = cause === undefined ? '' : `: ${cause.message}`;
      reject(
        new SpiffeError(
          'ERR_TIMEOUT',
          `Cannot create ${what}: nothing usable came within ${timeoutMs} ms${reason}`,
          { cause },
        ),
      );
    }, timeoutMs);
    const abort = (): void => {
      reject(new SpiffeError('ERR_ABORTED', `Creating ${what} was aborted`, { cause: signal?.reason }));
    };
    if (signal?.aborted === true) {
      abort();
    }
    signal?.addEventListener('abort', abort, { once: true });
    cleanUp.push(
      () => {
        clock.clearTimeout(timer);
      },
      () => {
        signal?.removeEventListener('abort', abort);
      },
    );
  });
  try {
    await Promise.race([ready, interrupted]);
  } finally {
    for (const step of cleanUp) {
      step();
    }
  }
}
