import { constants, fchmodSync, openSync, statfsSync, unlinkSync, writeSync, closeSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { NatsServerError } from './errors.ts';

const TMPFS_MAGIC = 0x0102_1994;
// Linux's O_TMPFILE, which node:fs has no name for: a file that never has one.
const O_TMPFILE = 0o20_000_000 | constants.O_DIRECTORY;

/**
 * Puts a secret text into a file without a name on a memory file system and returns its open descriptor (close-on-exec).
 * A child reads it as `/proc/self/fd/<n>`; it is gone with the last descriptor. Throws ERR_NATS_SERVER_NO_MEMORY_FILE.
 */
export function createKeyFile(text: string, folders: readonly string[] = memoryFolders()): number {
  for (const folder of folders) {
    const descriptor = isMemoryFolder(folder) ? openNameless(folder) : undefined;
    if (descriptor === undefined) continue;
    try {
      fchmodSync(descriptor, 0o600);
      writeSync(descriptor, text);
      return descriptor;
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  }
  throw new NatsServerError(
    'ERR_NATS_SERVER_NO_MEMORY_FILE',
    `Cannot hold the private key in memory: none of ${folders.join(', ')} is a writable tmpfs. Mount one on /dev/shm`,
  );
}

function memoryFolders(): string[] {
  const runtime = process.env['XDG_RUNTIME_DIR'];
  return ['/dev/shm', ...(runtime === undefined || runtime === '' ? [] : [runtime]), '/run', '/tmp'];
}

function isMemoryFolder(folder: string): boolean {
  try {
    return statfsSync(folder).type === TMPFS_MAGIC;
  } catch {
    return false;
  }
}

function openNameless(folder: string): number | undefined {
  try {
    return openSync(folder, O_TMPFILE | constants.O_RDWR, 0o600);
  } catch {
    // Old kernels and some container file systems: a name that lives for two system calls.
  }
  try {
    const path = join(folder, `.muster-${randomUUID()}`);
    const descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
    unlinkSync(path);
    return descriptor;
  } catch {
    return undefined;
  }
}
