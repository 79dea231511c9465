import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { open, writeFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';

import fc from 'fast-check';

import { parseSvidFiles } from '../../src/files/identity.ts';
import { CSI_DRIVER_FILES, resolveFileNames, SPIFFE_HELPER_FILES } from '../../src/files/layout.ts';
import { readSvidFiles } from '../../src/files/read.ts';
import type { SvidFiles } from '../../src/files/read.ts';
import { isSpiffeError } from '../../src/index.ts';
import { createDirectory, createIdentity, removeDirectory, writeMount, writePlain } from './support.ts';
import type { TestIdentity } from './support.ts';

const identities = [createIdentity(), createIdentity(), createIdentity()];
const anything = { id: undefined, trustDomain: undefined };
let directory: string;

beforeEach(() => {
  directory = createDirectory();
});

afterEach(() => {
  removeDirectory(directory);
});

/** Which identity the files are of, each by itself. */
function recognize(files: SvidFiles): number[] {
  return [
    identities.findIndex(({ certificate }) => certificate === files.certificate.toString()),
    identities.findIndex(({ key }) => key === files.key.toString()),
  ];
}

test('M52: reads both layouts, under whatever names', async () => {
  const [identity] = identities;
  for (const names of [CSI_DRIVER_FILES, SPIFFE_HELPER_FILES, { certificate: 'a', key: 'b', bundle: 'c' }]) {
    const mount = join(directory, 'mount', names.key);
    const plain = join(directory, 'plain', names.key);
    await writeMount(mount, identity!, names);
    writePlain(plain, identity!, names);
    for (const each of [mount, plain]) {
      const files = await readSvidFiles(each, names);
      assert.deepEqual(recognize(files), [0, 0]);
      assert.equal(files.bundle.toString(), identity!.ca);
    }
  }
});

test('the bundle may be a file elsewhere', async () => {
  const elsewhere = createDirectory();
  try {
    await writeMount(directory, identities[0]!);
    writeFileSync(join(elsewhere, 'roots.pem'), 'elsewhere');
    const names = resolveFileNames({ bundle: join(elsewhere, 'roots.pem') }, { isPathAllowed: true });
    assert.equal((await readSvidFiles(directory, names)).bundle.toString(), 'elsewhere');
  } finally {
    removeDirectory(elsewhere);
  }
});

test('M53: swaps of ..data in a tight loop never show files of two sets', async () => {
  await writeMount(directory, identities[0]!);
  const progress = { isWriting: true };
  const writing = (async () => {
    for (let turn = 0; turn < 90; turn += 1) {
      await writeMount(directory, identities[turn % 3]!);
    }
    progress.isWriting = false;
  })();
  const seen = new Set<number>();
  let reads = 0;
  while (progress.isWriting) {
    try {
      const [certificate, key] = recognize(await readSvidFiles(directory, CSI_DRIVER_FILES));
      assert.equal(certificate, key);
      assert.notEqual(certificate, -1);
      seen.add(certificate!);
      reads += 1;
    } catch (error) {
      // The writer may be faster ten times in a row.
      assert.ok(isSpiffeError(error) && error.code === 'ERR_FILE_READ', String(error));
    }
  }
  await writing;
  assert.ok(reads > 10, `${reads} reads`);
  assert.equal(seen.size, 3);
});

test('M53: plain files rewritten in a tight loop never give a mismatched pair', async () => {
  writePlain(directory, identities[0]!);
  const progress = { isWriting: true };
  const writing = (async () => {
    for (let turn = 0; turn < 300; turn += 1) {
      const { certificate, key, ca } = identities[turn % 3]!;
      await writeFile(join(directory, 'tls.crt'), certificate);
      await writeFile(join(directory, 'tls.key'), key);
      await writeFile(join(directory, 'ca.crt'), ca);
    }
    progress.isWriting = false;
  })();
  let accepted = 0;
  let refused = 0;
  while (progress.isWriting) {
    try {
      const files = await readSvidFiles(directory, CSI_DRIVER_FILES);
      parseSvidFiles(files, CSI_DRIVER_FILES, anything);
      const [certificate, key] = recognize(files);
      assert.equal(certificate, key);
      accepted += 1;
    } catch (error) {
      assert.ok(isSpiffeError(error), String(error));
      refused += 1;
    }
  }
  await writing;
  assert.ok(accepted + refused > 10);
  assert.deepEqual(recognize(await readSvidFiles(directory, CSI_DRIVER_FILES)), [2, 2]);
});

test('of files in any combination only those that belong together are taken', () => {
  const index = fc.nat({ max: 2 });
  fc.assert(
    fc.property(index, index, fc.nat({ max: 3 }), (certificate, key, cut) => {
      const files = {
        certificate: Buffer.from(identities[certificate]!.certificate),
        key: Buffer.from(identities[key]!.key),
        bundle: Buffer.from(identities[0]!.ca.slice(0, cut === 3 ? undefined : cut * 50)),
      };
      const parse = (): number => parseSvidFiles(files, CSI_DRIVER_FILES, anything).svid.expiresAt;
      if (cut !== 3) {
        assert.throws(parse, { code: certificate === key ? 'ERR_FILE_MALFORMED' : 'ERR_SVID_KEY_MISMATCH' });
      } else if (certificate === key) {
        assert.equal(parse(), identities[key]!.svid.expiresAt);
      } else {
        assert.throws(parse, { code: 'ERR_SVID_KEY_MISMATCH' });
      }
    }),
  );
});

test('a key file with two keys, or one of another format, is refused without showing it', () => {
  const { certificate, key, ca } = identities[0]!;
  const sec1 = identities[0]!.svid.privateKey.export({ format: 'pem', type: 'sec1' }) as string;
  for (const [text, code] of [
    [key + key, 'ERR_FILE_MALFORMED'],
    [sec1, 'ERR_FILE_MALFORMED'],
    [certificate, 'ERR_FILE_MALFORMED'],
    [key.replace(/\n[^-]{10}/, '\nAAAAAAAAAA'), 'ERR_SVID_KEY_MALFORMED'],
  ] as const) {
    const files = { certificate: Buffer.from(certificate), key: Buffer.from(text), bundle: Buffer.from(ca) };
    assert.throws(
      () => parseSvidFiles(files, CSI_DRIVER_FILES, anything),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, code);
        assert.ok(!error.message.includes(text.slice(40, 60)));
        return true;
      },
    );
  }
});

test('M61: what is missing, or is no file, is named', async () => {
  const path = join(directory, 'ca.crt');
  const attempts: (readonly [() => void, RegExp])[] = [
    [() => {}, /ca\.crt".*missing/],
    [() => mkdirSync(path), /ca\.crt".*ordinary file/],
    [() => spawnSync('mkfifo', [path]), /ca\.crt".*ordinary file/],
    [
      () => {
        writeFileSync(path, Buffer.alloc(1024 * 1024 + 1));
      },
      /ca\.crt".*at most 1048576/,
    ],
    [
      () => {
        symlinkSync('ca.crt', path);
      },
      /ca\.crt".*not readable/,
    ],
  ];
  writePlain(directory, identities[0]!);
  for (const [prepare, message] of attempts) {
    rmSync(path, { recursive: true, force: true });
    prepare();
    await assert.rejects(readSvidFiles(directory, CSI_DRIVER_FILES), { code: 'ERR_FILE_READ', message });
  }
  await assert.rejects(readSvidFiles(join(directory, 'nowhere'), CSI_DRIVER_FILES), {
    code: 'ERR_FILE_READ',
  });
});

test('a ..data link that leads nowhere is a failure and not a reason to look beside it', async () => {
  writePlain(directory, identities[0]!);
  symlinkSync('..gone', join(directory, '..data'));
  await assert.rejects(readSvidFiles(directory, CSI_DRIVER_FILES), { code: 'ERR_FILE_READ' });
});

test('file names are names within the directory', () => {
  for (const names of [
    { key: '' },
    { key: '.' },
    { key: '..' },
    { key: '..data' },
    { key: '../tls.key' },
    { key: 'a/b' },
    { key: 'a\0b' },
    { key: '/etc/key' },
    { key: 'tls.crt' },
    { bundle: '/etc/ca.crt' },
  ]) {
    assert.throws(() => resolveFileNames(names), { code: 'ERR_FILE_OPTIONS' }, JSON.stringify(names));
  }
  assert.equal(resolveFileNames({ bundle: '/a/b' }, { isPathAllowed: true }).bundle, '/a/b');
  for (const bundle of ['/a/../b', 'a/b', '../b']) {
    assert.throws(() => resolveFileNames({ bundle }, { isPathAllowed: true }), { code: 'ERR_FILE_OPTIONS' });
  }
  assert.throws(() => resolveFileNames({ key: '/a/b' }, { isPathAllowed: true }), {
    code: 'ERR_FILE_OPTIONS',
  });
});

test('files that are replaced between the reading of one and of the next are read anew, in both layouts', async () => {
  const [one, two] = identities as [TestIdentity, TestIdentity];
  const handle = await open(directory, 'r');
  const prototype = Object.getPrototypeOf(handle) as {
    read(this: FileHandle, ...rest: unknown[]): Promise<unknown>;
  };
  await handle.close();
  const { read } = prototype;
  for (const [style, write] of [
    ['mount', writeMount],
    ['plain', writePlain],
  ] as const) {
    const at = join(directory, style);
    await write(at, one);
    // Shorter than what takes its place after its length was asked for.
    writeFileSync(join(at, 'tls.crt'), 'short');
    let isReplaced = false;
    prototype.read = async function (...rest) {
      const result = await read.apply(this, rest);
      if (!isReplaced && readlinkSync(`/proc/self/fd/${this.fd}`).endsWith('tls.crt')) {
        isReplaced = true;
        await write(at, two);
      }
      return result;
    };
    try {
      assert.deepEqual(recognize(await readSvidFiles(at, CSI_DRIVER_FILES)), [1, 1], style);
    } finally {
      prototype.read = read;
    }
    assert.ok(isReplaced);
  }
});

test('a file that grows while it is read is not taken, and one that comes in pieces is taken whole', async () => {
  await writeMount(directory, identities[0]!);
  const handle = await open(directory, 'r');
  const prototype = Object.getPrototypeOf(handle) as {
    stat(this: FileHandle): Promise<Stats>;
    read(this: FileHandle, buffer: Buffer, offset: number, length: number, at: null): Promise<unknown>;
  };
  await handle.close();
  const { stat, read } = prototype;
  try {
    prototype.stat = async function () {
      const status = await stat.call(this);
      appendFileSync(readlinkSync(`/proc/self/fd/${this.fd}`), '\n');
      return status;
    };
    await assert.rejects(readSvidFiles(directory, CSI_DRIVER_FILES), {
      code: 'ERR_FILE_READ',
      message: /grow/,
    });
    prototype.stat = stat;
    prototype.read = async function (buffer, offset, length, at) {
      return await read.call(this, buffer, offset, Math.min(length, 100), at);
    };
    await writeMount(directory, identities[1]!);
    assert.deepEqual(recognize(await readSvidFiles(directory, CSI_DRIVER_FILES)), [1, 1]);
  } finally {
    prototype.stat = stat;
    prototype.read = read;
  }
});

test('A54 a file may have 1 MiB and not a byte more', async () => {
  writePlain(directory, identities[0]!);
  writeFileSync(join(directory, 'ca.crt'), Buffer.alloc(1024 * 1024));
  assert.equal((await readSvidFiles(directory, CSI_DRIVER_FILES)).bundle.length, 1024 * 1024);
  writeFileSync(join(directory, 'ca.crt'), Buffer.alloc(1024 * 1024 + 1));
  await assert.rejects(readSvidFiles(directory, CSI_DRIVER_FILES), {
    code: 'ERR_FILE_READ',
    message: /at most/,
  });
});
