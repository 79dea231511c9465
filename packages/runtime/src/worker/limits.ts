import { defaultCompileLimits, defaultInstanceLimits } from '../binary/limits.ts';
import type { Limits } from './types.ts';

export const defaultLimits: Limits = Object.freeze({
  ...defaultCompileLimits,
  ...defaultInstanceLimits,
  deadlineMs: 30_000,
  startMs: 30_000,
  instances: 16,
  queue: 1_024,
  handlesKept: 2_000,
  heapMiB: 128,
  stackMiB: 4,
  bodyBytes: 1_073_741_824,
  logLines: 200,
});
