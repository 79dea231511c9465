import assert from 'node:assert/strict';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';

import { writeAtomically } from '../../src/files/atomic-writer.ts';
import { createDirectory, removeDirectory } from './support.ts';

const NOW = Date.UTC(2030, 0, 31, 23, 59, 58);
let directory: string;

beforeEach(() => {
  directory = createDirectory();
});

afterEach(() => {
  removeDirectory(directory);
});

async function write(contents: string, now: number = NOW, to: string = directory): Promise<boolean> {
  return await writeAtomically(
    to,
    [
      { name: 'a', contents, mode: 0o644 },
      { name: 'b', contents, mode: 0o640 },
    ],
    { now, groupId: process.getgid?.() },
  );
}

test('the layout is that of AtomicWriter', async () => {
  assert.equal(await write('one'), false);
  const data = readlinkSync(join(directory, '..data'));
  assert.match(data, /^\.\.2030_01_31_23_59_58\.[A-Za-z0-9]{6}$/);
  assert.deepEqual(readdirSync(directory).toSorted(), [data, '..data', 'a', 'b'].toSorted());
  assert.equal(readlinkSync(join(directory, 'a')), '..data/a');
  assert.equal(readFileSync(join(directory, 'b'), 'utf8'), 'one');
  assert.equal(statSync(join(directory, data)).mode & 0o777, 0o755);
  assert.deepEqual(
    ['a', 'b'].map((name) => statSync(join(directory, name)).mode & 0o777),
    [0o644, 0o640],
  );
});

test('modes do not depend on the umask', async () => {
  const before = process.umask(0o077);
  try {
    await write('one');
    assert.equal(statSync(join(directory, 'a')).mode & 0o777, 0o644);
  } finally {
    process.umask(before);
  }
});

test('a second write replaces the directory and keeps the names', async () => {
  await write('one');
  const inode = lstatSync(join(directory, 'a')).ino;
  const old = readlinkSync(join(directory, '..data'));
  assert.equal(await write('two'), true);
  assert.equal(readFileSync(join(directory, 'a'), 'utf8'), 'two');
  assert.equal(lstatSync(join(directory, 'a')).ino, inode);
  assert.ok(!readdirSync(directory).includes(old));
  assert.equal(readdirSync(directory).length, 4);
});

test('what a writer left behind that was killed is cleared away, and nothing else is', async () => {
  mkdirSync(join(directory, '..2029_01_01_00_00_00.abcDEF'));
  mkdirSync(join(directory, '..not-ours'));
  symlinkSync('..2029_01_01_00_00_00.abcDEF', join(directory, '..data_tmp'));
  writeFileSync(join(directory, 'other'), 'kept');
  assert.equal(await write('one'), false);
  const data = readlinkSync(join(directory, '..data'));
  assert.deepEqual(
    readdirSync(directory).toSorted(),
    [data, '..data', '..not-ours', 'a', 'b', 'other'].toSorted(),
  );
});

test('a file of somebody else is not overwritten, and then nothing is', async () => {
  writeFileSync(join(directory, 'b'), 'theirs');
  await assert.rejects(write('one'), { code: 'ERR_FILE_WRITE', message: /"b" must not be there/ });
  assert.deepEqual(readdirSync(directory), ['b']);
  assert.equal(readFileSync(join(directory, 'b'), 'utf8'), 'theirs');
});

test('a write that fails leaves the earlier files and nothing half done', async () => {
  await write('one');
  const before = readdirSync(directory).toSorted();
  const failing = writeAtomically(
    directory,
    [
      { name: 'a', contents: 'two', mode: 0o644 },
      { name: 'missing/b', contents: 'two', mode: 0o644 },
    ],
    { now: NOW },
  );
  await assert.rejects(failing, { code: 'ERR_FILE_WRITE' });
  assert.deepEqual(readdirSync(directory).toSorted(), before);
  assert.equal(readFileSync(join(directory, 'a'), 'utf8'), 'one');
});

test('a directory that is missing is made, one that is a file is a failure', async () => {
  const nested = join(directory, 'x/y');
  assert.equal(await write('one', NOW, nested), false);
  assert.equal(readFileSync(join(nested, 'a'), 'utf8'), 'one');
  await assert.rejects(write('one', NOW, join(nested, 'a')), { code: 'ERR_FILE_WRITE' });
});
