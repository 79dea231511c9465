import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import type { Duplex, Readable } from 'node:stream';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('../../src/process/end-with-parent.ts', import.meta.url));

function start(code: string): ChildProcess {
  return spawn(process.execPath, [script, process.execPath, '--eval', code], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore', 'pipe'],
  });
}

test('ends with the exit code of the program', async () => {
  const [code] = (await once(start('process.exit(7)'), 'exit')) as [number];
  assert.equal(code, 7);
});

test('a program that a signal ended has failed', async () => {
  const [code] = (await once(start("process.kill(process.pid, 'SIGTERM')"), 'exit')) as [number];
  assert.equal(code, 1);
});

test('when the parent is gone, the program and what it started are killed', async () => {
  const child = start(
    "const { pid } = require('node:child_process').spawn('sleep', ['600']); console.log(pid); setInterval(() => {}, 1000)",
  );
  const [line] = (await once((child.stdout as Readable).setEncoding('utf8'), 'data')) as [string];
  const grandchild = Number(line);
  assert.equal(existsSync(`/proc/${grandchild}`), true);
  const ended = once(child, 'exit');
  (child.stdio[3] as Duplex).destroy();
  assert.deepEqual(await ended, [null, 'SIGKILL']);
  while (isAlive(grandchild)) await new Promise(setImmediate);
});

/** An orphan that nobody has reaped yet has no command line any more. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.getBuiltinModule('fs').readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== '';
  } catch {
    return false;
  }
}
