import { SpiffeError } from '../errors.ts';
import { checkDurations } from '../internal/durations.ts';
import type { RetryOptions } from './options.ts';

const DEFAULT_INITIAL_DELAY_MS = 1000;
const DEFAULT_MAX_DELAY_MS = 30_000;
const DEFAULT_JITTER = 0.2;
const MAX_DOUBLINGS = 30;

/**
 * The delay before the next try after so many failures in a row, in ms: doubling from the first to the largest, with a
 * random part taken off so that many clients do not come back at once. Undefined when there shall be no further try.
 */
export function computeRetryDelay(
  failures: number,
  options: RetryOptions = {},
  random: () => number = Math.random,
): number | undefined {
  if (failures >= (options.attempts ?? Number.POSITIVE_INFINITY)) {
    return undefined;
  }
  const initial = options.initialDelayMs ?? DEFAULT_INITIAL_DELAY_MS;
  const largest = options.maxDelayMs ?? DEFAULT_MAX_DELAY_MS;
  const delay = Math.min(largest, initial * 2 ** Math.min(failures - 1, MAX_DOUBLINGS));
  const jitter = Math.min(1, Math.max(0, options.jitter ?? DEFAULT_JITTER));
  return Math.round(delay * (1 - jitter * random()));
}

/** Refuses what would make a tight loop or cannot be meant. Throws SpiffeError `ERR_SOURCE_OPTIONS`. */
export function checkRetry({ initialDelayMs, maxDelayMs, attempts, jitter }: RetryOptions = {}): void {
  checkDurations('retry', { initialDelayMs, maxDelayMs });
  if (attempts !== undefined && !(attempts >= 1)) {
    throw new SpiffeError('ERR_SOURCE_OPTIONS', `Cannot retry: attempts must be at least 1, not ${attempts}`);
  }
  if (jitter !== undefined && !(jitter >= 0 && jitter <= 1)) {
    throw new SpiffeError('ERR_SOURCE_OPTIONS', `Cannot retry: jitter must be from 0 to 1, not ${jitter}`);
  }
}
