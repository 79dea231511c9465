import { SpiffeError } from '../errors.ts';
import type { SpiffeErrorCode } from '../errors.ts';

// The longest time node:timers knows; a longer one would run out at once.
const LONGEST_MS = 2 ** 31 - 1;

/** Throws a SpiffeError for a time that is given and is not a number of ms from 1 to about 24 days. */
export function checkDurations(
  action: string,
  durations: Readonly<Record<string, number | undefined>>,
  code: SpiffeErrorCode = 'ERR_SOURCE_OPTIONS',
): void {
  for (const [name, value] of Object.entries(durations)) {
    if (value !== undefined && !(value > 0 && value <= LONGEST_MS)) {
      throw new SpiffeError(
        code,
        `Cannot ${action}: ${name} must be above 0 and at most ${LONGEST_MS}, not ${value}`,
      );
    }
  }
}
