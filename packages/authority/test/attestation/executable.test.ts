import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, copyFileSync, readFileSync, renameSync } from 'node:fs';
import { describe, it } from 'node:test';
import { ExecutableReader } from '../../src/attestation/executable.ts';
import { createFolder } from '../support/folder.ts';
import { hold, startScript } from '../support/processes.ts';

function digestOf(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

describe('ExecutableReader', () => {
  it('digests the file that runs, the same again when asked again', async () => {
    const reader = new ExecutableReader();
    const expected = digestOf(process.execPath);
    for (const executable of await Promise.all([
      reader.read(process.pid, true),
      reader.read(process.pid, true),
    ])) {
      assert.equal(executable?.path, process.execPath);
      assert.equal(executable.sha256, expected);
    }
    assert.equal((await reader.read(process.pid, true))?.sha256, expected);
    assert.equal((await reader.read(process.pid, false))?.sha256, undefined);
  });

  it('digests the running file, not the one that took its path', async () => {
    using folder = createFolder();
    const program = folder.join('program');
    copyFileSync('/bin/sleep', program);
    chmodSync(program, 0o700);
    await using sleeping = hold(program, ['60']);
    await once(sleeping.process, 'spawn');
    copyFileSync('/bin/cat', folder.join('other'));
    renameSync(folder.join('other'), program);
    const reader = new ExecutableReader();
    let executable = await reader.read(sleeping.pid, true);
    // Between fork and exec the child still runs this process's program.
    while (executable?.path === process.execPath) executable = await reader.read(sleeping.pid, true);
    assert.equal(executable?.sha256, digestOf('/bin/sleep'));
    assert.equal(executable.path, `${program} (deleted)`);
  });

  it('gives no digest of a file over the limit, and nothing of no process', async () => {
    const reader = new ExecutableReader(1024);
    assert.equal((await reader.read(process.pid, true))?.sha256, undefined);
    await using ended = startScript('0');
    await once(ended.process, 'exit');
    assert.equal(await reader.read(ended.pid, true), undefined);
  });
});
