import assert from 'node:assert/strict';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';

import { writeAtomically } from '../../src/files/atomic-writer.ts';
import { createDirectory, removeDirectory } from './support.ts';

const NOW = Date.UTC(2030, 0, 31, 23, 59, 58);
const DATA = /^\.\.\d{4}_/;
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

test('the group is the one that is asked for, and else that of the process', async (t) => {
  const own = process.getgid!();
  const groups =
    process.getuid!() === 0 ? [own + 4321] : process.getgroups!().filter((group) => group !== own);
  const [other] = groups;
  if (other === undefined) {
    t.skip('this user has no second group to give files to');
    return;
  }
  const file = { name: 'a', contents: 'x', mode: 0o640 };
  await writeAtomically(directory, [file], { now: NOW, groupId: other });
  assert.equal(statSync(join(directory, 'a')).gid, other);
  await writeAtomically(directory, [file], { now: NOW });
  assert.equal(statSync(join(directory, 'a')).gid, own);
});

test('files and directories are on the disk before the link is moved, the link before the rest is removed', async () => {
  const handle = await open(directory, 'r');
  const prototype = Object.getPrototypeOf(handle) as { sync(this: FileHandle): Promise<void> };
  await handle.close();
  const sync = prototype.sync;
  const steps: string[] = [];
  prototype.sync = async function () {
    const path = readlinkSync(`/proc/self/fd/${this.fd}`);
    const place =
      path === directory ? 'the directory' : path.slice(directory.length + 1).replace(/^[^/]+/, 'data');
    // Where the link leads says how far the writer is.
    const isMoved =
      existsSync(join(directory, '..data')) && readFileSync(join(directory, 'a'), 'utf8') === 'two';
    steps.push(
      `${place} ${isMoved ? 'after' : 'before'}, ${readdirSync(directory).filter((name) => DATA.test(name)).length}`,
    );
    await sync.call(this);
  };
  try {
    await write('one');
    steps.length = 0;
    await write('two');
  } finally {
    prototype.sync = sync;
  }
  assert.deepEqual(steps, [
    'data/a before, 2',
    'data/b before, 2',
    'data before, 2',
    'the directory after, 2',
  ]);
});

test('nothing that was opened stays open, also after a failure', async () => {
  const count = (): number => readdirSync('/proc/self/fd').length;
  await write('one');
  const before = count();
  for (let turn = 0; turn < 5; turn += 1) {
    await write(String(turn));
    await assert.rejects(
      writeAtomically(directory, [{ name: 'a', contents: 'x', mode: 0o644 }], { now: NOW, groupId: -5 }),
      { code: 'ERR_FILE_WRITE' },
    );
  }
  assert.equal(count(), before);
  assert.equal(readFileSync(join(directory, 'b'), 'utf8'), '4');
});
