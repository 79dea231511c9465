import { defaultCompileLimits, defaultInstanceLimits } from '../binary/limits.ts';
import type { Limits } from './types.ts';

export const defaultLimits: Limits = Object.freeze({
  ...defaultCompileLimits,
  ...defaultInstanceLimits,
  // A worker out of heap gets 16 MiB more to end in. One larger object than that ends the whole process instead, and
  // host code may make a string or list of twice the size of what was lifted.
  liftBytes: 4 * 1024 * 1024,
  deadlineMs: 30_000,
  graceMs: 100,
  startMs: 30_000,
  instances: 16,
  queue: 1_024,
  handlesKept: 2_000,
  heapMiB: 128,
  stackMiB: 4,
  bodyBytes: 1_073_741_824,
  logLines: 200,
});

const shortestWaitMs = 5_000;

/** How long a call may wait for its turn: as two calls before it may take, and never less than a new worker needs. */
export function waitMsOf(limits: Limits): number {
  return Math.max(2 * limits.deadlineMs, shortestWaitMs);
}
