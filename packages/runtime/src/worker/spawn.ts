import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import type { WorkerStart } from './protocol.ts';
import type { Limits } from './types.ts';

// V8 13.6 (Node 24.21) now and then ends the process over code that two threads use when it frees what a faster version has
// replaced ("Check failed: jit_page.has_value()"). Without this collection, code lives as long as its module does.
setFlagsFromString('--no-wasm-code-gc');

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
