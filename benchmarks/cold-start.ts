// (c) Cold start of a component whose file is there: from reading it to the first answer, beside an empty worker.
import { startComponentPool } from '@muster/runtime';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { type Table, median, quantile, round } from './measure.ts';

export interface ColdStartOptions {
  readonly rounds: number;
  readonly wat: string;
  readonly typescript: string;
}

const request = {
  method: 'GET',
  scheme: 'http',
  authority: '127.0.0.1',
  pathWithQuery: '/',
  headers: [],
  body: undefined,
} as const;

export async function coldStart({ rounds, wat, typescript }: ColdStartOptions): Promise<Table> {
  const runs: [name: string, run: () => Promise<number[]>][] = [
    ['empty worker, first message', async () => [await emptyWorker()]],
    ['WAT component, 7 KB', async () => [await firstAnswer(wat)]],
    ['TypeScript component, 13 MB', async () => [await firstAnswer(typescript)]],
    ['WAT, new instance and call in a running worker', () => freshCalls(wat, 20)],
    ['TypeScript, new instance and call in a running worker', () => freshCalls(typescript, 5)],
  ];
  const samples = runs.map((): number[] => []);
  for (let at = 0; at < rounds; at += 1) {
    for (const [index, [, run]] of runs.entries()) samples[index]?.push(...(await run()));
  }
  const middle = (index: number): number => median(samples[index] ?? []);
  return {
    title: '(c) Cold start',
    about: `Time from reading the file to the first whole answer: compile, plan, a worker of its own, instance, call. The runtime runs from source here, so most of a small component's start is Node stripping the types of its files. The last two rows are what one request costs when every request gets a new instance. ${rounds} interleaved rounds.`,
    columns: ['what', 'best ms', 'median ms', 'p90 ms', 'ratio'],
    rows: runs.map(([name], index) => {
      const values = samples[index] ?? [];
      const ratio = (middle(index) / middle(0)).toFixed(2);
      return [name, round(Math.min(...values)), round(middle(index)), round(quantile(values, 0.9)), ratio];
    }),
    verdict: `**WAT component to an empty worker: ${(middle(1) / middle(0)).toFixed(2)}; TypeScript component: ${(middle(2) / middle(0)).toFixed(2)}.**`,
  };
}

/** The least that a thread of its own costs. */
async function emptyWorker(): Promise<number> {
  const startedAt = performance.now();
  const source = 'data:text/javascript,import{parentPort}from"node:worker_threads";parentPort.postMessage(0)';
  const worker = new Worker(new URL(source), { env: {} });
  await once(worker, 'message');
  const took = performance.now() - startedAt;
  await worker.terminate();
  return took;
}

async function start(file: string, instancePolicy: 'reuse' | 'fresh'): ReturnType<typeof startComponentPool> {
  return startComponentPool({
    name: 'hello',
    bytes: await readFile(file),
    grants: { interfaces: ['wasmcloud:identity/store'] },
    config: {},
    identity: { getJwt: () => Promise.resolve(undefined) },
    instancePolicy,
  });
}

async function firstAnswer(file: string): Promise<number> {
  const startedAt = performance.now();
  const pool = await start(file, 'reuse');
  await ask(pool);
  const took = performance.now() - startedAt;
  await pool.stop();
  return took;
}

async function freshCalls(file: string, calls: number): Promise<number[]> {
  const pool = await start(file, 'fresh');
  const took: number[] = [];
  await ask(pool);
  for (let at = 0; at < calls; at += 1) {
    const startedAt = performance.now();
    await ask(pool);
    took.push(performance.now() - startedAt);
  }
  await pool.stop();
  return took;
}

async function ask(pool: Awaited<ReturnType<typeof startComponentPool>>): Promise<void> {
  const { status, body } = await pool.handleHttp(request);
  if (status !== 200) throw new Error(`answered ${status}`);
  if (body instanceof Uint8Array || body === undefined) return;
  for await (const chunk of body) void chunk;
}
