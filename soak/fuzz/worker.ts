// The thread that reads: one input after the other, each written where the watching thread sees it.
import { createRandom } from '@muster/testing';
import { setImmediate } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { createInput, type FuzzTarget, tryInput } from './target.ts';
import { readers } from './targets.ts';
import { protobuf, startGrpcTarget } from './wire-targets.ts';

export interface WorkerSetup {
  readonly target: string;
  readonly seed: number;
  readonly durationMs: number;
  readonly shared: SharedArrayBuffer;
  /** Runs this one input and nothing else. */
  readonly only?: Uint8Array;
}

export type WorkerSays =
  | { readonly kind: 'ended' }
  | { readonly kind: 'crash'; readonly reason: string; readonly input: Uint8Array };

const setup = workerData as WorkerSetup;
const counters = new Int32Array(setup.shared, 0, 2);
const bytes = new Uint8Array(setup.shared, 8);
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- no window is at the other end
const say = (said: WorkerSays): void => parentPort?.postMessage(said);

async function findTarget(): Promise<FuzzTarget> {
  if (setup.target === 'grpc') return await startGrpcTarget();
  const found = [...readers, protobuf].find(({ name }) => name === setup.target);
  if (found === undefined) throw new Error(`There is no target "${setup.target}"`);
  return found;
}

async function runOne(target: FuzzTarget, input: Buffer): Promise<void> {
  bytes.set(input.subarray(0, bytes.length));
  Atomics.store(counters, 1, Math.min(input.length, bytes.length));
  Atomics.add(counters, 0, 1);
  const reason = await tryInput(target, input);
  if (reason !== undefined) say({ kind: 'crash', reason, input });
}

const target = await findTarget();
const endAt = performance.now() + setup.durationMs;
const random = createRandom(setup.seed);
if (setup.only === undefined) {
  for (const input of target.corpus) await runOne(target, Buffer.from(input));
  for (let count = 0; performance.now() < endAt; count += 1) {
    await runOne(target, createInput(target, random));
    // Errors that are thrown into nobody's hands show only when the loop turns.
    if (count % 256 === 0) await setImmediate();
  }
} else {
  await runOne(target, Buffer.from(setup.only));
}
await target.close?.();
say({ kind: 'ended' });
