import { closeSync, constants, fstatSync, lstatSync, openSync, unlinkSync } from 'node:fs';
import net from 'node:net';
import { dirname, isAbsolute } from 'node:path';
import type { Libc } from '../attestation/libc.ts';
import { AuthorityError } from '../errors.ts';

/** sun_path of sockaddr_un less its final zero. */
const MAX_PATH_BYTES = 107;

/** Holds the directory of a socket, so that no second authority can serve there. Survives nothing: the kernel lets go of it. */
export interface SocketGuard {
  /** Makes room for listening: removes a socket that nobody listens on. Throws ERR_SOCKET_IN_USE, ERR_SOCKET_PATH. */
  clear(): Promise<void>;
  release(): void;
}

/**
 * Checks that a directory belongs to this user alone and is no symbolic link, and locks it.
 * Throws ERR_SOCKET_PATH, or ERR_SOCKET_IN_USE when another authority has it.
 */
export function guardSocket(path: string, libc: Libc): SocketGuard {
  if (!isAbsolute(path) || path.includes('\0')) throw unusable(path, 'an absolute path is wanted');
  if (Buffer.byteLength(path) > MAX_PATH_BYTES)
    throw unusable(path, `it is longer than ${MAX_PATH_BYTES} bytes`);
  const fd = openDirectory(path);
  try {
    const stat = fstatSync(fd);
    if (stat.uid !== process.geteuid?.()) throw unusable(path, 'its directory belongs to another user');
    if ((stat.mode & 0o077) !== 0)
      throw unusable(path, 'its directory is open to others; mode 0700 is wanted');
    if (!libc.lock(fd)) throw inUse(path, 'another authority has its directory');
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return { clear: () => clearStaleSocket(path), release: () => closeSync(fd) };
}

function openDirectory(path: string): number {
  try {
    return openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (cause) {
    throw unusable(path, 'its directory is missing, a symbolic link, or not a directory', cause);
  }
}

async function clearStaleSocket(path: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isSocket()) throw unusable(path, 'something that is no socket is there');
  if (await isAnswered(path)) throw inUse(path, 'another server listens there');
  unlinkSync(path);
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = net.connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => {
      probe.destroy();
      if (error.code === 'ECONNREFUSED') resolve(false);
      // A full backlog means that somebody is there.
      else if (error.code === 'EAGAIN') resolve(true);
      else reject(unusable(path, 'the socket there cannot be tried', error));
    });
  });
}

function unusable(path: string, reason: string, cause?: unknown): AuthorityError {
  return new AuthorityError('ERR_SOCKET_PATH', `Cannot serve on ${JSON.stringify(path)}: ${reason}`, {
    cause,
  });
}

function inUse(path: string, reason: string): AuthorityError {
  return new AuthorityError('ERR_SOCKET_IN_USE', `Cannot serve on ${JSON.stringify(path)}: ${reason}`);
}
