/** A clock that stands still until it is told to move. Fits the `clock` option of every package. */
export interface TestClock {
  now(): number;
  setTimeout(run: () => void, delayMs: number): number;
  clearTimeout(timer: unknown): void;
  /** Moves the time forward and runs what falls due, in order; timers that those set are run too. */
  advance(byMs: number): void;
  /** Sets the time without running anything, as when the system's clock is changed. */
  jump(toAt: number): void;
  /** How many timers are waiting. */
  readonly pendingTimers: number;
}

/** Creates a clock that shows `startAt` in ms since the epoch. */
export function createTestClock(startAt: number = Date.UTC(2030, 0, 1)): TestClock {
  let at = startAt;
  let elapsed = 0;
  let nextTimer = 1;
  const timers = new Map<number, { readonly dueAt: number; readonly run: () => void }>();

  function findDue(until: number): number | undefined {
    let due: number | undefined;
    for (const [timer, { dueAt }] of timers) {
      if (dueAt <= until && (due === undefined || dueAt < timers.get(due)!.dueAt)) {
        due = timer;
      }
    }
    return due;
  }

  return {
    now: () => at,
    setTimeout(run, delayMs) {
      const timer = nextTimer;
      nextTimer += 1;
      timers.set(timer, { dueAt: elapsed + Math.max(0, delayMs), run });
      return timer;
    },
    clearTimeout(timer) {
      timers.delete(timer as number);
    },
    advance(byMs) {
      const until = elapsed + byMs;
      for (let due = findDue(until); due !== undefined; due = findDue(until)) {
        const { dueAt, run } = timers.get(due)!;
        timers.delete(due);
        at += dueAt - elapsed;
        elapsed = dueAt;
        run();
      }
      at += until - elapsed;
      elapsed = until;
    },
    jump(toAt) {
      at = toAt;
    },
    get pendingTimers() {
      return timers.size;
    },
  };
}
