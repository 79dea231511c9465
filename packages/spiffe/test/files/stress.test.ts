import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';

import { createTestCa } from '@muster/testing';

import { parseSvidFiles } from '../../src/files/identity.ts';
import { CSI_DRIVER_FILES } from '../../src/files/layout.ts';
import { readSvidFiles } from '../../src/files/read.ts';
import { createFileSource, isSpiffeError } from '../../src/index.ts';
import { createDirectory, createIdentity, ID, removeDirectory, writeMount } from './support.ts';

// Each has an authority of its own, so that all three files tell whose they are.
const notBeforeAt = Date.now() - 60_000;
const identities = Array.from({ length: 4 }, () =>
  createIdentity({ notBeforeAt }, ID, createTestCa('example.org')),
);
const WRITER = new URL('writer.ts', import.meta.url).pathname;
const STRESS_MS = 700;

let directory: string;
let list: string;
let writer: ChildProcess | undefined;

beforeEach(() => {
  directory = createDirectory();
  list = join(createDirectory(), 'identities.json');
  writeFileSync(
    list,
    JSON.stringify(identities.map(({ certificate, key, ca }) => ({ certificate, key, ca }))),
  );
});

afterEach(async () => {
  await kill();
  removeDirectory(directory);
  removeDirectory(join(list, '..'));
});

/** Resolves when the first files are there. */
async function startWriter(style: 'mount' | 'plain' | 'single'): Promise<void> {
  const args = ['--conditions=@muster/source', '--disable-warning=ExperimentalWarning', WRITER];
  writer = spawn(process.execPath, [...args, directory, style, list], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(writer.stdout!, 'data');
}

async function kill(): Promise<void> {
  if (writer?.exitCode === null && writer.signalCode === null) {
    const ended = once(writer, 'exit');
    writer.kill('SIGKILL');
    await ended;
  }
}

/** Which identity certificate, key and authority are of, each by itself. */
function recognize(certificate: string, key: string, ca: string): number[] {
  return [
    identities.findIndex((each) => each.certificate === certificate),
    identities.findIndex((each) => each.key === key),
    identities.findIndex((each) => each.ca === ca),
  ];
}

async function readWhole(): Promise<number[]> {
  const files = await readSvidFiles(directory, CSI_DRIVER_FILES);
  return recognize(files.certificate.toString(), files.key.toString(), files.bundle.toString());
}

/** Reads again and again; what cannot be read in peace is a failure that is said, and nothing else. */
async function readFor(durationMs: number, check: () => Promise<number>): Promise<Set<number>> {
  const seen = new Set<number>();
  const endAt = performance.now() + durationMs;
  while (performance.now() < endAt || seen.size < 2) {
    try {
      seen.add(await check());
    } catch (error) {
      assert.ok(isSpiffeError(error), String(error));
    }
  }
  return seen;
}

test('M53: while another process swaps ..data in a tight loop, three readers see three files of one set', async () => {
  await startWriter('mount');
  const check = async (): Promise<number> => {
    const [certificate, key, ca] = await readWhole();
    assert.deepEqual([key, ca], [certificate, certificate]);
    assert.notEqual(certificate, -1);
    return certificate!;
  };
  const seen = await Promise.all([1, 2, 3].map(async () => await readFor(STRESS_MS, check)));
  assert.ok(seen.every(({ size }) => size > 1));
});

test('M53: while another process writes plain files in a tight loop, no reader takes a mismatched pair', async () => {
  await startWriter('plain');
  const anything = { id: undefined, trustDomain: undefined };
  const check = async (): Promise<number> => {
    const files = await readSvidFiles(directory, CSI_DRIVER_FILES);
    const { svid } = parseSvidFiles(files, CSI_DRIVER_FILES, anything);
    const [certificate, key] = recognize(files.certificate.toString(), files.key.toString(), '');
    assert.equal(certificate, key);
    assert.ok(svid.privateKey.equals(identities[key!]!.svid.privateKey));
    return certificate!;
  };
  await Promise.all([1, 2].map(async () => await readFor(STRESS_MS, check)));
});

test('M53: sources over files that another process writes hold only pairs, whatever the style', async () => {
  for (const style of ['mount', 'plain'] as const) {
    await startWriter(style);
    await using source = await createFileSource({ directory });
    const held = new Set<number>();
    const endAt = performance.now() + STRESS_MS / 2;
    while (performance.now() < endAt || held.size < 2) {
      await source.waitForChange();
      const { svid, bundles } = source.getX509Identity();
      const of = identities.findIndex(
        (each) => Buffer.compare(each.svid.certificates[0]!, svid.certificates[0]!) === 0,
      );
      assert.ok(identities[of]?.svid.privateKey.equals(svid.privateKey));
      if (style === 'mount') {
        assert.ok([...bundles][0]?.equals(identities[of]!.bundle), 'the bundle is of the same set');
      }
      held.add(of);
    }
    await kill();
    removeDirectory(directory);
    mkdirSync(directory);
  }
});

test('I7 a writer that is killed at any moment leaves the old set or the new one, and the next one clears up', async () => {
  for (const delayMs of [0, 3, 11]) {
    await startWriter('mount');
    const endAt = performance.now() + delayMs;
    while (performance.now() < endAt) {
      await readWhole().catch(() => {});
    }
    await kill();
    const [certificate, key, ca] = await readWhole();
    assert.deepEqual([key, ca], [certificate, certificate]);
    assert.notEqual(certificate, -1);
  }
  await writeMount(directory, identities[1]!);
  assert.deepEqual(await readWhole(), [1, 1, 1]);
  assert.equal(readdirSync(directory).length, 5, 'three names, the link and one directory');
});

test('I7 a single file that is replaced is at every moment all of the old or all of the new one', async () => {
  await startWriter('single');
  const path = join(directory, 'token');
  const check = async (): Promise<number> => {
    await Promise.resolve();
    const contents = readFileSync(path, 'utf8');
    const of = identities.findIndex(({ certificate }) => certificate === contents);
    assert.notEqual(of, -1);
    return of;
  };
  await readFor(STRESS_MS / 2, check);
  await kill();
  await check();
});
