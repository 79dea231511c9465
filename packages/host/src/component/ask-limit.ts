import type { Clock } from '@muster/lattice';

/** As many as a component keeps at once, so that it can fetch all of them anew. */
const BURST = 64;
const PER_SECOND = 8;

/** What one component may ask of the authority, which it shares with its host and the other components. */
export interface AskLimit {
  /** `over-again` until the component asked less for a while, so that it is reported once. */
  take(): 'allowed' | 'over' | 'over-again';
}

export function createAskLimit(clock: Pick<Clock, 'now'>): AskLimit {
  let left = BURST;
  let at = clock.now();
  let isReported = false;
  return {
    take() {
      const now = clock.now();
      // A clock that was set back must not take anything away.
      left = Math.min(BURST, left + (Math.max(0, now - at) * PER_SECOND) / 1_000);
      at = now;
      if (left >= 1) {
        left -= 1;
        isReported &&= left < BURST / 2;
        return 'allowed';
      }
      const isAgain = isReported;
      isReported = true;
      return isAgain ? 'over-again' : 'over';
    },
  };
}
