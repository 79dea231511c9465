import type { Clock } from '../clock.ts';
import { SpiffeError } from '../errors.ts';
import { isFatal, toCallError } from './errors.ts';
import type { RetryOptions, Watch, WatchHandlers } from './options.ts';
import { computeRetryDelay } from './retry.ts';

export interface WatchPlan<T> {
  /** Opens the stream. Its messages come until it breaks or the signal is aborted. */
  open(signal: AbortSignal): AsyncIterable<Uint8Array>;
  decode(bytes: Uint8Array): T;
  readonly handlers: WatchHandlers<T>;
  readonly retry: RetryOptions | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
}

/** Keeps a stream open until it is closed, aborted or not worth opening again. */
export function startWatch<T>(plan: WatchPlan<T>): Watch {
  const closing = new AbortController();
  const close = (): void => {
    closing.abort();
  };
  if (plan.signal?.aborted === true) {
    close();
  }
  plan.signal?.addEventListener('abort', close, { once: true });
  const ended = run(plan, closing.signal).finally(() => {
    plan.signal?.removeEventListener('abort', close);
  });
  const closeAndWait = async (): Promise<void> => {
    close();
    await ended;
  };
  return { ended, close: closeAndWait, [Symbol.asyncDispose]: closeAndWait };
}

async function run<T>(plan: WatchPlan<T>, closing: AbortSignal): Promise<Error | undefined> {
  let failures = 0;
  while (!closing.aborted) {
    let error: SpiffeError;
    try {
      for await (const bytes of plan.open(closing)) {
        if (closing.aborted) {
          return undefined;
        }
        if (deliver(plan, bytes)) {
          failures = 0;
        }
      }
      error = new SpiffeError('ERR_ENDPOINT_UNAVAILABLE', 'The endpoint ended the stream');
    } catch (caught) {
      error = toCallError(caught);
    }
    // An abort is read from the signal and not from the error: the stream may break of it in more than one way.
    if (isAborted(closing)) {
      return undefined;
    }
    failures += 1;
    const delayMs = isFatal(error) ? undefined : computeRetryDelay(failures, plan.retry);
    report(plan, error, delayMs);
    if (delayMs === undefined) {
      return error;
    }
    await sleep(delayMs, plan.clock, closing);
  }
  return undefined;
}

/** Hands a message on. A message that cannot be read or that the handler refuses by throwing is reported and forgotten. */
function deliver<T>(plan: WatchPlan<T>, bytes: Uint8Array): boolean {
  try {
    plan.handlers.onUpdate(plan.decode(bytes));
    return true;
  } catch (error) {
    report(plan, error instanceof Error ? error : new Error('The handler threw', { cause: error }), 0);
    return false;
  }
}

function report<T>(plan: WatchPlan<T>, error: Error, retryInMs: number | undefined): void {
  try {
    plan.handlers.onError?.(error, retryInMs);
  } catch {
    // A reporter that fails must not end the watch, and there is nobody left to tell.
  }
}

function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

async function sleep(delayMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
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
