// A Node of another version than the one that comes with the project, in a cache outside of the repository.
import { acquireLock, defaultCacheDir } from '@muster/nats-server';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** The newest line of Node that the library is tested on, beside that of the project. */
export const NEWEST_NODE = '26.10.0';

/** The path of `node`, installed once, or why it cannot be had. With `CI` set that throws. */
export async function findNode(
  version: string,
): Promise<{ path: string; skip: false } | { path: ''; skip: string }> {
  try {
    return { path: await installNode(version), skip: false };
  } catch (error) {
    if ((process.env['CI'] ?? '') !== '') throw error;
    const skip = `Node ${version} cannot be had: ${error instanceof Error ? error.message : String(error)}`;
    console.error(`# TESTS ON NODE ${version} ARE SKIPPED: ${skip}`);
    return { path: '', skip };
  }
}

async function installNode(version: string): Promise<string> {
  if (process.platform !== 'linux') throw new Error(`there is no package of it for ${process.platform}`);
  const name = `node-linux-${process.arch}`;
  const folder = join(defaultCacheDir(), 'node', version);
  const path = join(folder, 'node_modules', name, 'bin', 'node');
  const lock = await acquireLock(`${folder}.lock`);
  try {
    if (existsSync(path)) return path;
    const building = `${folder}.building-${randomUUID()}`;
    mkdirSync(building, { recursive: true, mode: 0o700 });
    try {
      const words = [
        'install',
        '--ignore-scripts',
        '--no-audit',
        '--no-fund',
        '--prefix',
        building,
        `${name}@${version}`,
      ];
      await promisify(execFile)('npm', words, { timeout: 300_000 });
      rmSync(folder, { recursive: true, force: true });
      renameSync(building, folder);
    } finally {
      rmSync(building, { recursive: true, force: true });
    }
  } finally {
    await lock.release();
  }
  return path;
}
