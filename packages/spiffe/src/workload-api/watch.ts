import type { Clock } from '../clock.ts';
import { SpiffeError } from '../errors.ts';
import { sleep } from '../internal/sleep.ts';
import { isFatal, toCallError } from './errors.ts';
import type { RetryOptions } from './options.ts';
import { computeRetryDelay } from './retry.ts';

// A provider that was stopped, or this process, is to be back within 10 s of waking.
const LONGEST_UNAVAILABLE_DELAY_MS = 5000;

export interface WatchPlan {
  /** Opens the stream. Its messages come until it breaks or the signal is aborted. */
  open(signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Takes a message, and says whether it was of use. May throw what the message deserves, which is then reported. */
  deliver(bytes: Uint8Array): boolean;
  report(error: Error, retryInMs: number | undefined): void;
  readonly retry: RetryOptions | undefined;
  readonly clock: Clock;
}

/** Keeps a stream open until the signal is aborted, or it is not worth opening again. Resolves with the reason of the latter. */
export async function keepOpen(plan: WatchPlan, closing: AbortSignal): Promise<Error | undefined> {
  let failures = 0;
  let hasDelivered = false;
  while (!closing.aborted) {
    let error: SpiffeError;
    try {
      for await (const bytes of plan.open(closing)) {
        if (isAborted(closing)) {
          return undefined;
        }
        if (deliver(plan, bytes)) {
          hasDelivered = true;
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
    // An endpoint that has answered before is only between two versions of itself.
    const isPassing = hasDelivered && error.code === 'ERR_ENDPOINT_UNIMPLEMENTED';
    const delayMs = isFatal(error) && !isPassing ? undefined : chooseDelay(error, failures, plan.retry);
    plan.report(error, delayMs);
    if (delayMs === undefined) {
      return error;
    }
    await sleep(delayMs, plan.clock, closing);
  }
  return undefined;
}

function chooseDelay(error: SpiffeError, failures: number, retry: RetryOptions = {}): number | undefined {
  const isAway = error.code === 'ERR_ENDPOINT_UNAVAILABLE' && retry.maxDelayMs === undefined;
  return computeRetryDelay(failures, isAway ? { ...retry, maxDelayMs: LONGEST_UNAVAILABLE_DELAY_MS } : retry);
}

/** A message that cannot be read is reported and forgotten. */
function deliver(plan: WatchPlan, bytes: Uint8Array): boolean {
  try {
    return plan.deliver(bytes);
  } catch (error) {
    plan.report(error as Error, 0);
    return false;
  }
}

function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
