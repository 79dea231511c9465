import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { test } from 'node:test';
import { startTiedProcess } from '../src/tied-process.ts';

const { env } = process;
const evaluate = (code: string, signal?: AbortSignal): ReturnType<typeof startTiedProcess> =>
  startTiedProcess(process.execPath, ['--eval', code], { env, ...(signal === undefined ? {} : { signal }) });

/** Starts a program of its own, prints its pid, and stays. */
const FAMILY = `console.log(require('node:child_process').spawn('sleep', ['600']).pid); setInterval(() => {}, 1000)`;

async function firstNumber(stream: Readable): Promise<number> {
  const [line] = (await once(stream.setEncoding('utf8'), 'data')) as [string];
  return Number(line);
}

/** An orphan that nobody has reaped yet has no command line any more. */
function isAlive(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== '';
  } catch {
    return false;
  }
}

async function gone(pid: number): Promise<void> {
  while (isAlive(pid)) await new Promise(setImmediate);
}

test('says how the program ended', async () => {
  assert.equal(await evaluate('').failure, undefined);
  assert.equal(await evaluate('process.exit(7)').failure, 'ended with exit code 7');
  assert.equal(await evaluate("process.kill(process.pid, 'SIGTERM')").failure, 'ended with exit code 1');
  assert.equal(await startTiedProcess('/nowhere/at-all', [], { env }).failure, 'ended with exit code 1');
});

test('an abort kills the program and what it started', async () => {
  const controller = new AbortController();
  const tied = evaluate(FAMILY, controller.signal);
  const grandchild = await firstNumber(tied.stdout);
  assert.equal(isAlive(grandchild), true);
  controller.abort();
  assert.equal(await tied.failure, 'ended with SIGKILL');
  await gone(grandchild);
});

test('SIGKILL of the parent kills the program and what it started', async () => {
  const module = JSON.stringify(new URL('../src/tied-process.ts', import.meta.url).href);
  const parent = spawn(
    process.execPath,
    [
      '--input-type=module',
      '--eval',
      `import { startTiedProcess } from ${module};
       startTiedProcess(process.execPath, ['--eval', ${JSON.stringify(FAMILY)}], { env: process.env }).stdout.pipe(process.stdout);`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const grandchild = await firstNumber(parent.stdout);
  assert.equal(isAlive(grandchild), true);
  parent.kill('SIGKILL');
  await gone(grandchild);
});
