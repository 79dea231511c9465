import { chmod, lstat, mkdir, mkdtemp, open, readdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { isSpiffeError, SpiffeError } from '../errors.ts';
import { quote } from '../internal/quote.ts';
import { DATA_LINK } from './layout.ts';

const TEMPORARY_LINK = '..data_tmp';
const DATA_DIRECTORY = /^\.\.\d{4}(?:_\d\d){5}\.[A-Za-z0-9]{6}$/;
/** Mode of directories that are made. */
export const DIRECTORY_MODE = 0o755;

export interface FileToWrite {
  readonly name: string;
  readonly contents: string;
  readonly mode: number;
}

export interface WriteOptions {
  /** Group of the files. Default: that of the process. */
  readonly groupId?: number | undefined;
  /** Ms since the epoch, for the name of the directory. */
  readonly now: number;
}

/**
 * Writes files as Kubernetes' AtomicWriter does: into a directory of their own, to which the link `..data` is then moved
 * by one rename, so that whoever reads through the link finds either all the old files or all the new ones. The names in
 * the directory are links through `..data`. Says whether there were files before. There must be one writer per directory.
 * Throws SpiffeError `ERR_FILE_WRITE`; the files are then all the earlier or all the new ones.
 */
export async function writeAtomically(
  directory: string,
  files: readonly FileToWrite[],
  options: WriteOptions,
): Promise<boolean> {
  let data: string | undefined;
  try {
    await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE });
    await checkNames(directory, files);
    const hadFiles = await exists(join(directory, DATA_LINK));
    data = await mkdtemp(join(directory, `..${formatTime(options.now)}.`));
    for (const file of files) {
      await writeFile(join(data, file.name), file, options.groupId);
    }
    await chmod(data, DIRECTORY_MODE);
    await syncDirectory(data);
    const temporary = join(directory, TEMPORARY_LINK);
    await rm(temporary, { force: true });
    await symlink(basename(data), temporary);
    await rename(temporary, join(directory, DATA_LINK));
    const current = basename(data);
    // From here on the new files are in place.
    data = undefined;
    await linkNames(directory, files);
    await syncDirectory(directory);
    await removeOthers(directory, current);
    return hadFiles;
  } catch (error) {
    if (data !== undefined) {
      await rm(data, { recursive: true, force: true });
    }
    throw isSpiffeError(error)
      ? error
      : new SpiffeError('ERR_FILE_WRITE', `Cannot write files to ${quote(directory)}`, { cause: error });
  }
}

/** A file that was put there by somebody else is not overwritten. */
async function checkNames(directory: string, files: readonly FileToWrite[]): Promise<void> {
  for (const { name } of files) {
    if ((await exists(join(directory, name))) && (await findLink(directory, name)) !== linkText(name)) {
      throw new SpiffeError(
        'ERR_FILE_WRITE',
        `Cannot write files to ${quote(directory)}: ${quote(name)} must not be there, or be a link to "${linkText(name)}"`,
      );
    }
  }
}

/** Writes a new file that is readable by nobody else until group and mode are right. */
export async function writeFile(path: string, file: FileToWrite, groupId: number | undefined): Promise<void> {
  // Readable by nobody else until group and mode are right.
  const handle = await open(path, 'wx', 0o600);
  try {
    await handle.writeFile(file.contents);
    if (groupId !== undefined) {
      await handle.chown(-1, groupId);
    }
    await handle.chmod(file.mode);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function linkNames(directory: string, files: readonly FileToWrite[]): Promise<void> {
  for (const { name } of files) {
    if ((await findLink(directory, name)) === undefined) {
      await symlink(linkText(name), join(directory, name));
    }
  }
}

async function removeOthers(directory: string, current: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (DATA_DIRECTORY.test(name) && name !== current) {
      await rm(join(directory, name), { recursive: true, force: true });
    }
  }
}

/** Makes sure that a rename in it survives a power cut. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function linkText(name: string): string {
  return `${DATA_LINK}/${name}`;
}

async function findLink(directory: string, name: string): Promise<string | undefined> {
  try {
    return await readlink(join(directory, name));
  } catch {
    return undefined;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch {
    return false;
  }
}

/** As `2030_01_31_23_59_59`, in UTC. */
function formatTime(now: number): string {
  return new Date(now).toISOString().slice(0, 19).replaceAll(/[-T:]/g, '_');
}
