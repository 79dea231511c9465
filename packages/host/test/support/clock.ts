import type { Clock } from '@muster/lattice';

/** A clock that moves only when told. */
export interface ManualClock extends Clock {
  /** Moves on, running every timer that falls due on the way, and lets promises settle in between. */
  advance(ms: number): Promise<void>;
}

export function manualClock(startAt: number = Date.UTC(2026, 0, 1)): ManualClock {
  let now = startAt;
  let next = 0;
  const timers = new Map<number, { at: number; callback: () => void }>();
  return {
    now: () => now,
    setTimeout(callback, delayMs) {
      next += 1;
      timers.set(next, { at: now + Math.max(0, delayMs), callback });
      return { id: next };
    },
    clearTimeout(timer) {
      timers.delete((timer as unknown as { id: number }).id);
    },
    async advance(ms) {
      const until = now + ms;
      await settle();
      for (;;) {
        const due = [...timers].filter(([, { at }]) => at <= until).sort((a, b) => a[1].at - b[1].at)[0];
        if (due === undefined) {
          break;
        }
        timers.delete(due[0]);
        now = Math.max(now, due[1].at);
        due[1].callback();
        await settle();
      }
      now = until;
      await settle();
    },
  };
}

/** Lets everything run that waits for nothing but promises. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
