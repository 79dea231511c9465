import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { acquireLock, readLockOwner, readStartTicks } from '../src/lock.ts';
import { scratchDir } from './scratch.ts';

describe('acquireLock', () => {
  it('names this process, and leaves no file behind', async (t) => {
    const folder = await scratchDir(t);
    const lock = await acquireLock(join(folder, 'lock'));
    assert.equal((await readLockOwner(join(folder, 'lock')))?.pid, process.pid);
    await lock.release();
    await lock.release();
    assert.deepEqual(await readdir(folder), []);
  });

  it('makes a second one wait, and tells it who holds the lock', async (t) => {
    const file = join(await scratchDir(t), 'lock');
    const first = await acquireLock(file);
    let waitedFor = 0;
    const order: string[] = [];
    const second = acquireLock(file, { onWait: (owner) => (waitedFor = owner.pid) }).then((lock) => {
      order.push('second');
      return lock;
    });
    await assert.rejects(acquireLock(file, { waitMs: 0 }), { code: 'ERR_LOCK_TIMEOUT' });
    order.push('released');
    await first.release();
    await (await second).release();
    assert.equal(waitedFor, process.pid);
    assert.deepEqual(order, ['released', 'second']);
  });

  it('takes over from a dead process', async (t) => {
    const folder = await scratchDir(t);
    const child = spawn('sleep', ['60']);
    await once(child, 'spawn');
    const startTicks = await readStartTicks(child.pid ?? 0);
    assert.ok(startTicks);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await writeFile(join(folder, 'lock'), JSON.stringify({ pid: child.pid, startTicks }));
    assert.equal(await readLockOwner(join(folder, 'lock')), undefined);
    const lock = await acquireLock(join(folder, 'lock'), { waitMs: 0 });
    assert.deepEqual(await readdir(folder), ['lock']);
    await lock.release();
  });

  it('takes over when the pid belongs to another process by now', async (t) => {
    const file = join(await scratchDir(t), 'lock');
    await writeFile(file, JSON.stringify({ pid: process.pid, startTicks: '1' }));
    await (await acquireLock(file, { waitMs: 0 })).release();
  });

  it('takes over what is not a lock', async (t) => {
    const file = join(await scratchDir(t), 'lock');
    for (const text of ['', 'null', '{"pid":"1"}', '\u0000']) {
      await writeFile(file, text);
      await (await acquireLock(file, { waitMs: 0 })).release();
    }
  });

  it('lets exactly one of many have it at a time, stale file or not', async (t) => {
    const file = join(await scratchDir(t), 'lock');
    await writeFile(file, 'stale');
    let holders = 0;
    let rounds = 0;
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        const lock = await acquireLock(file);
        holders += 1;
        assert.equal(holders, 1);
        await readFile(file);
        holders -= 1;
        rounds += 1;
        await lock.release();
      }),
    );
    assert.equal(rounds, 8);
  });

  it('stops waiting when told to', async (t) => {
    const file = join(await scratchDir(t), 'lock');
    const lock = await acquireLock(file);
    const controller = new AbortController();
    const waiting = acquireLock(file, { signal: controller.signal, onWait: () => controller.abort() });
    await assert.rejects(waiting, { name: 'AbortError' });
    await lock.release();
  });
});
