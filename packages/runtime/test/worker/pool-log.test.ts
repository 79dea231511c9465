import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import type { LogEntry } from '../../src/worker/types.ts';
import { get, startMany } from './pool-support.ts';

test('log lines and stdout come out, each with its context', async (context) => {
  const entries: LogEntry[] = [];
  const pool = await startMany(context, { onLog: (entry) => entries.push(entry) });
  assert.equal(await get(pool, '/l'), '1');
  assert.deepEqual(entries, [
    { level: 'warn', context: 'greeting', message: 'a log line' },
    { level: 'info', context: 'stdout', message: 'a log line' },
  ]);
});

test('a flood of log lines is cut and counted', async (context) => {
  let lines = 0;
  const pool = await startMany(context, { onLog: () => (lines += 1), limits: { logLines: 10 } });
  await get(pool, '/L');
  // The flood may reach into the next seconds, and so may what was dropped before.
  assert.ok(lines >= 10 && lines <= 60, String(lines));
});

test('nothing is left after stop: the process ends by itself', async () => {
  const script = `
    import { startComponentPool } from ${JSON.stringify(new URL('../../src/worker/pool.ts', import.meta.url).href)};
    import { buildGuest } from ${JSON.stringify(new URL('./guests.ts', import.meta.url).href)};
    const pool = await startComponentPool({
      name: 'x', bytes: await buildGuest('many'), grants: { interfaces: [] }, config: {}, workers: 2,
      limits: { deadlineMs: 60000 },
    });
    const request = { method: 'GET', scheme: 'http', authority: 'x', pathWithQuery: '/v', headers: [], body: undefined };
    const { body } = await pool.handleHttp(request);
    await pool.stop();
    process.stdout.write(Buffer.from(body).toString() + ' ' + process.getActiveResourcesInfo().filter((name) => /Timeout|Worker|MessagePort/.test(name)).join());
  `;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
    env: { SECRET: 'x', PATH: process.env['PATH'] ?? '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  assert.equal(code, 0);
  assert.equal(out, '0 ');
});
