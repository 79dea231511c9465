import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HostError } from './errors.ts';

/** The bytes of a component and what names them. */
export interface Artifact {
  readonly bytes: Uint8Array;
  /** `sha256:<hex>` of exactly these bytes. */
  readonly digest: string;
}

/** From where and how much may be loaded. */
export interface ArtifactRules {
  readonly allowFileFrom: readonly string[];
  readonly maxArtifactBytes: number;
}

/**
 * Reads the artifact behind a `file://` reference. The file's real path, with every symbolic link followed, must lie in
 * an allowed folder. Throws HostError `ERR_ARTIFACT_*`.
 */
export async function fetchArtifact(reference: string, rules: ArtifactRules): Promise<Artifact> {
  const path = await realFile(pathOf(reference), reference, rules.allowFileFrom);
  if (!(await isAllowed(path, rules.allowFileFrom))) {
    throw notAllowed(reference);
  }
  let file: FileHandle;
  try {
    // The path was resolved already: a link that appears now is an attempt to swap the file after the check.
    // Without O_NONBLOCK a named pipe would block this thread for ever.
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    throw failed('ERR_ARTIFACT_NOT_FOUND', reference, 'it must be a readable file', cause);
  }
  try {
    return await read(file, reference, rules);
  } finally {
    await file.close();
  }
}

async function read(file: FileHandle, reference: string, rules: ArtifactRules): Promise<Artifact> {
  const opened = await realpath(`/proc/self/fd/${file.fd}`).catch(() => undefined);
  if (opened !== undefined && !(await isAllowed(opened, rules.allowFileFrom))) {
    throw notAllowed(reference);
  }
  const info = await file.stat();
  if (!info.isFile()) {
    throw failed('ERR_ARTIFACT_NOT_FOUND', reference, 'it must be a regular file');
  }
  const limit = rules.maxArtifactBytes;
  // One byte more than allowed: a file that grows while it is read is noticed without reading all of it.
  const buffer = new Uint8Array(Math.min(info.size, limit) + 1);
  let length = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, length, buffer.byteLength - length, length);
    length += bytesRead;
    if (bytesRead === 0 || length === buffer.byteLength) {
      break;
    }
  }
  if (length > limit) {
    throw failed('ERR_ARTIFACT_TOO_LARGE', reference, `it must not be larger than ${limit} bytes`);
  }
  if (length > info.size) {
    throw failed('ERR_ARTIFACT_NOT_FOUND', reference, 'it must not change while it is read');
  }
  const bytes = buffer.slice(0, length);
  return { bytes, digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}` };
}

function pathOf(reference: string): string {
  if (!reference.startsWith('file://')) {
    throw failed('ERR_ARTIFACT_SCHEME', reference, 'the reference must start with "file://"');
  }
  try {
    const path = fileURLToPath(reference);
    if (path.includes('\0')) {
      throw new Error('NUL in path');
    }
    return path;
  } catch (cause) {
    throw failed('ERR_ARTIFACT_SCHEME', reference, 'the reference must be "file:///absolute/path"', cause);
  }
}

async function realFile(path: string, reference: string, folders: readonly string[]): Promise<string> {
  try {
    return await realpath(path);
  } catch (cause) {
    // The answer must not tell whether a file elsewhere exists.
    if (!(await isAllowed(join(await nearestFolder(path), 'missing'), folders))) {
      throw notAllowed(reference);
    }
    throw failed('ERR_ARTIFACT_NOT_FOUND', reference, 'it must be a readable file', cause);
  }
}

/** The real path of the deepest folder above `path` that is there. */
async function nearestFolder(path: string): Promise<string> {
  const folder = dirname(path);
  try {
    return await realpath(folder);
  } catch {
    return folder === path ? folder : nearestFolder(folder);
  }
}

async function isAllowed(path: string, folders: readonly string[]): Promise<boolean> {
  for (const folder of folders) {
    const real = await realpath(folder).catch(() => undefined);
    if (real !== undefined) {
      const rest = relative(real, path);
      if (rest !== '' && rest !== '..' && !rest.startsWith(`..${sep}`) && !isAbsolute(rest)) {
        return true;
      }
    }
  }
  return false;
}

function notAllowed(reference: string): HostError {
  return failed('ERR_ARTIFACT_NOT_ALLOWED', reference, 'it must lie in a folder this host may load from');
}

function failed(
  code:
    | 'ERR_ARTIFACT_SCHEME'
    | 'ERR_ARTIFACT_NOT_ALLOWED'
    | 'ERR_ARTIFACT_NOT_FOUND'
    | 'ERR_ARTIFACT_TOO_LARGE',
  reference: string,
  wanted: string,
  cause?: unknown,
): HostError {
  return new HostError(code, `Cannot load component ${JSON.stringify(reference)}: ${wanted}`, { cause });
}
