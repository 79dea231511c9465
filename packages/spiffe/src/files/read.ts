import { constants } from 'node:fs';
import { open, readlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { isSpiffeError, SpiffeError } from '../errors.ts';
import { quote } from '../internal/quote.ts';
import { DATA_LINK } from './layout.ts';
import type { SvidFileNames } from './layout.ts';

const MAX_FILE_BYTES = 1024 * 1024;
const MAX_TRIES = 10;
const GROWN = Symbol('grown');

/** The contents of the three files, all of the same moment. */
export interface SvidFiles {
  readonly certificate: Buffer;
  readonly key: Buffer;
  readonly bundle: Buffer;
}

/**
 * Reads the three files so that they belong together. Where `..data` leads to a directory, as csi-driver-spiffe and all
 * of Kubernetes' volumes have it, the link is read once and all files are taken from that directory, which is never
 * changed after the link leads there. Where it is missing, as with spiffe-helper, the files are read until two readings
 * in a row are the same. Throws SpiffeError `ERR_FILE_READ`.
 */
export async function readSvidFiles(directory: string, names: SvidFileNames): Promise<SvidFiles> {
  for (let attempt = 1; ; attempt += 1) {
    const target = await findTarget(directory);
    try {
      const files = await readAll(resolve(directory, target ?? ''), names);
      if (target !== undefined || isSame(files, await readAll(directory, names))) {
        return files;
      }
    } catch (error) {
      // Files may vanish because the link has been moved on in the meantime, and may be written to. Any other failure is one.
      const isMoving = (error as Error).cause === GROWN || (await findTarget(directory)) !== target;
      if (attempt >= MAX_TRIES || !isMoving) {
        throw error;
      }
    }
    if (attempt >= MAX_TRIES) {
      throw new SpiffeError(
        'ERR_FILE_READ',
        `Cannot read the SVID in ${quote(directory)}: the files must stay the same for the time of two readings`,
      );
    }
  }
}

async function findTarget(directory: string): Promise<string | undefined> {
  try {
    return await readlink(join(directory, DATA_LINK));
  } catch {
    return undefined;
  }
}

async function readAll(directory: string, names: SvidFileNames): Promise<SvidFiles> {
  return {
    certificate: await readFile(directory, names.certificate),
    key: await readFile(directory, names.key),
    bundle: await readFile(directory, names.bundle),
  };
}

/** Reads an ordinary file of at most 1 MiB. Throws SpiffeError `ERR_FILE_READ`. */
export async function readFile(directory: string, name: string): Promise<Buffer> {
  const path = resolve(directory, name);
  try {
    // Not blocking, so that a pipe in place of a file is found out instead of waited for.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const status = await handle.stat();
      if (!status.isFile() || status.size > MAX_FILE_BYTES) {
        throw new SpiffeError(
          'ERR_FILE_READ',
          `Cannot read ${quote(path)}: it must be an ordinary file of at most ${MAX_FILE_BYTES} bytes`,
        );
      }
      // One byte more than there was, to see whether it has grown.
      const buffer = Buffer.alloc(status.size + 1);
      let length = 0;
      for (;;) {
        const { bytesRead } = await handle.read(buffer, length, buffer.length - length, null);
        length += bytesRead;
        if (length === buffer.length) {
          throw new SpiffeError('ERR_FILE_READ', `Cannot read ${quote(path)}: it must not grow meanwhile`, {
            cause: GROWN,
          });
        }
        if (bytesRead === 0) {
          return buffer.subarray(0, length);
        }
      }
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (isSpiffeError(error)) {
      throw error;
    }
    const reason = (error as { code?: unknown }).code === 'ENOENT' ? 'it is missing' : 'it is not readable';
    throw new SpiffeError('ERR_FILE_READ', `Cannot read ${quote(path)}: ${reason}`, { cause: error });
  }
}

function isSame(one: SvidFiles, other: SvidFiles): boolean {
  return (
    one.certificate.equals(other.certificate) && one.key.equals(other.key) && one.bundle.equals(other.bundle)
  );
}
