import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { before, describe, it } from 'node:test';
import { loadLibc, type Libc } from '../../src/attestation/libc.ts';
import { guardSocket } from '../../src/endpoints/socket-guard.ts';
import { createFolder } from '../support/folder.ts';

const BAD_PATH = { code: 'ERR_SOCKET_PATH' };
const IN_USE = { code: 'ERR_SOCKET_IN_USE' };

describe('guardSocket', () => {
  let libc: Libc;

  before(async () => {
    libc = await loadLibc();
  });

  it('accepts a private directory and leaves nothing in it', async () => {
    using folder = createFolder();
    const guard = guardSocket(folder.join('api.sock'), libc);
    await guard.clear();
    guard.release();
    assert.equal(existsSync(folder.join('api.sock')), false);
  });

  it('refuses a directory that is open to others', () => {
    using folder = createFolder();
    for (const mode of [0o710, 0o701, 0o750, 0o777]) {
      chmodSync(folder.path, mode);
      assert.throws(() => guardSocket(folder.join('api.sock'), libc), BAD_PATH, mode.toString(8));
    }
    chmodSync(folder.path, 0o700);
  });

  it('refuses a symbolic link in place of the directory', () => {
    using folder = createFolder();
    mkdirSync(folder.join('real'), { mode: 0o700 });
    symlinkSync(folder.join('real'), folder.join('link'));
    assert.throws(() => guardSocket(folder.join('link/api.sock'), libc), BAD_PATH);
  });

  it('refuses a missing directory, a relative path and one that is too long', () => {
    using folder = createFolder();
    assert.throws(() => guardSocket(folder.join('none/api.sock'), libc), BAD_PATH);
    assert.throws(() => guardSocket('api.sock', libc), BAD_PATH);
    assert.throws(() => guardSocket(`${folder.path}/a\0b`, libc), BAD_PATH);
    assert.throws(() => guardSocket(folder.join('x'.repeat(108)), libc), BAD_PATH);
  });

  it('refuses what is no socket and does not remove it', async () => {
    using folder = createFolder();
    writeFileSync(folder.join('api.sock'), 'precious');
    const guard = guardSocket(folder.join('api.sock'), libc);
    await assert.rejects(guard.clear(), BAD_PATH);
    guard.release();
    assert.ok(existsSync(folder.join('api.sock')));
  });

  it('refuses a symbolic link in place of the socket', async () => {
    using folder = createFolder();
    symlinkSync('/dev/null', folder.join('api.sock'));
    const guard = guardSocket(folder.join('api.sock'), libc);
    await assert.rejects(guard.clear(), BAD_PATH);
    guard.release();
  });

  it('refuses where a live server listens', async () => {
    using folder = createFolder();
    const path = folder.join('api.sock');
    const server = net.createServer().listen(path);
    await once(server, 'listening');
    const guard = guardSocket(path, libc);
    await assert.rejects(guard.clear(), IN_USE);
    guard.release();
    server.close();
  });

  it('removes the socket of a server that was killed', async () => {
    using folder = createFolder();
    const path = folder.join('api.sock');
    const script = `require('node:net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', script, path]);
    assert.ok(existsSync(path));
    const guard = guardSocket(path, libc);
    await guard.clear();
    guard.release();
    assert.equal(existsSync(path), false);
  });

  it('gives a directory to one holder at a time', () => {
    using folder = createFolder();
    const first = guardSocket(folder.join('api.sock'), libc);
    assert.throws(() => guardSocket(folder.join('api.sock'), libc), IN_USE);
    first.release();
    guardSocket(folder.join('api.sock'), libc).release();
  });
});
