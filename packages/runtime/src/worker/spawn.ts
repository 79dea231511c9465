import { Worker } from 'node:worker_threads';
import type { WorkerStart } from './protocol.ts';
import type { Limits } from './types.ts';

const entryUrl = new URL(import.meta.url.endsWith('.ts') ? './entry.ts' : './entry.js', import.meta.url);

/** Starts a worker that sees nothing of this process: no environment, no arguments, no standard streams. */
export function spawnWorker(name: string, limits: Limits, start: WorkerStart): Worker {
  return new Worker(entryUrl, {
    workerData: start,
    name,
    env: {},
    argv: [],
    execArgv: [],
    stdin: false,
    stdout: true,
    stderr: true,
    resourceLimits: {
      maxOldGenerationSizeMb: limits.heapMiB,
      maxYoungGenerationSizeMb: Math.max(8, Math.min(32, limits.heapMiB >> 2)),
      stackSizeMb: limits.stackMiB,
    },
  });
}
