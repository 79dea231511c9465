// The process of a target: this thread watches, a worker reads. Arguments: target, duration in ms, seed,
// and how long one input may take in ms.
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { WorkerSays, WorkerSetup } from './worker.ts';

const MOST_FINDINGS = 5;
const MOST_RESIDENT_BYTES = 1024 * 1024 * 1024;
const MAX_INPUT_BYTES = 1024 * 1024;

const [target = '', duration = '0', firstSeed = '1', hang = '2000'] = process.argv.slice(2);
const HANG_MS = Number(hang);
/** Again and alone: a busy machine is not a hang. */
const SURE_HANG_MS = 5 * HANG_MS;
const endAt = performance.now() + Number(duration);
let inputs = 0;
let findings = 0;

const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

function find(kind: 'crash' | 'hang' | 'memory', reason: string, input: Uint8Array): void {
  findings += 1;
  const path = join(tmpdir(), `muster-fuzz-${target}-${kind}-${randomUUID()}`);
  writeFileSync(path, input);
  say({ event: 'finding', kind, reason, path, inputs });
}

/** One worker, until its time is over, it finds something, or stands still. Says whether it ended by itself. */
async function runWorker(
  setup: Omit<WorkerSetup, 'shared'>,
  hangMs: number,
): Promise<'ended' | 'crashed' | Uint8Array> {
  // The number of inputs begun, the length of the current one, and its bytes.
  const shared = new SharedArrayBuffer(8 + MAX_INPUT_BYTES);
  const [counters, bytes] = [new Int32Array(shared, 0, 2), new Uint8Array(shared, 8)];
  const current = (): Uint8Array => Uint8Array.from(bytes.subarray(0, Atomics.load(counters, 1)));
  const before = inputs;
  const worker = new Worker(new URL('worker.ts', import.meta.url), {
    workerData: { ...setup, shared } satisfies WorkerSetup,
  });
  return await new Promise((resolve) => {
    let seen = -1;
    let seenAt = performance.now();
    const timer = setInterval(() => {
      const count = Atomics.load(counters, 0);
      inputs = before + count;
      say({ event: 'progress', inputs });
      if (count !== seen || count === 0) {
        seen = count;
        seenAt = performance.now();
      } else if (performance.now() - seenAt > hangMs) {
        end(current());
      }
      const resident = process.memoryUsage.rss();
      if (resident > MOST_RESIDENT_BYTES) {
        find('memory', `the process has grown to ${resident} bytes`, current());
        end('crashed');
      }
    }, 200);
    const end = (how: 'ended' | 'crashed' | Uint8Array): void => {
      clearInterval(timer);
      inputs = before + Atomics.load(counters, 0);
      void worker.terminate().then(() => resolve(how));
    };
    worker.on('message', (said: WorkerSays) => {
      if (said.kind === 'ended') {
        end('ended');
        return;
      }
      find('crash', said.reason, said.input);
      if (findings >= MOST_FINDINGS) end('crashed');
    });
    worker.on('error', (error: unknown) => {
      // Before the first input it is ourselves who failed.
      if (Atomics.load(counters, 0) === 0) throw error;
      find('crash', error instanceof Error ? (error.stack ?? error.message) : String(error), current());
      end('crashed');
    });
  });
}

let seed = Number(firstSeed);
while (performance.now() < endAt && findings < MOST_FINDINGS) {
  const how = await runWorker({ target, seed, durationMs: endAt - performance.now() }, HANG_MS);
  if (how instanceof Uint8Array) {
    const again = await runWorker({ target, seed, durationMs: 0, only: how }, SURE_HANG_MS);
    if (again instanceof Uint8Array) find('hang', `took longer than ${SURE_HANG_MS} ms`, how);
  }
  seed += 1;
}
say({ event: 'done', inputs });
process.exit(0);
