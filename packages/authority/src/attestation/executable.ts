import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { readlinkSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { AuthorityError } from '../errors.ts';

const CHUNK_BYTES = 1024 * 1024;
const MAX_CACHED = 256;
/** A file changed this recently may change again within the same time stamp, so its digest is not kept. */
const SETTLED_MS = 2000;

/** The program file of a process. */
export interface Executable {
  readonly path: string;
  /** Which file it is, whatever its path says. */
  readonly identity: string;
  /** Hex SHA-256 of its bytes, when it was asked for and the file is not too large. */
  readonly sha256?: string;
}

/** Reads which program a process runs, and digests it. Digests are kept per file, never per process. */
export class ExecutableReader {
  readonly #sizeLimit: bigint;
  readonly #digests = new Map<string, string>();
  readonly #pending = new Map<string, Promise<string>>();

  /** Files over `sizeLimitBytes` (default 1 GiB) get no digest. */
  constructor(sizeLimitBytes: number = 1024 ** 3) {
    this.#sizeLimit = BigInt(sizeLimitBytes);
  }

  /** Undefined when the process may not be inspected or has no program (a kernel thread). */
  async read(pid: number, isDigestWanted: boolean): Promise<Executable | undefined> {
    let handle: FileHandle;
    let path: string;
    try {
      // The link leads to the file itself even where the path is in another mount namespace or deleted.
      handle = await open(`/proc/${pid}/exe`, 'r');
      path = readlinkSync(`/proc/${pid}/exe`);
    } catch {
      return undefined;
    }
    try {
      const stat = await handle.stat({ bigint: true });
      const identity = fileIdentity(stat);
      if (!isDigestWanted || stat.size > this.#sizeLimit) return { path, identity };
      return { path, identity, sha256: await this.#digest(handle, stat) };
    } finally {
      await handle.close();
    }
  }

  async #digest(handle: FileHandle, stat: BigIntStats): Promise<string> {
    const version = fileVersion(stat);
    const known = this.#digests.get(version);
    if (known !== undefined) return known;
    const pending = this.#pending.get(version) ?? this.#compute(handle, stat, version);
    this.#pending.set(version, pending);
    try {
      return await pending;
    } finally {
      this.#pending.delete(version);
    }
  }

  async #compute(handle: FileHandle, stat: BigIntStats, version: string): Promise<string> {
    const hash = createHash('sha256');
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let position = 0; ;) {
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, position);
      if (bytesRead === 0) break;
      hash.update(chunk.subarray(0, bytesRead));
      position += bytesRead;
    }
    const digest = hash.digest('hex');
    if (fileVersion(await handle.stat({ bigint: true })) !== version) {
      throw new AuthorityError(
        'ERR_ATTESTATION_FAILED',
        'Cannot digest a program: the file changed meanwhile',
      );
    }
    const changedAt = Number((stat.ctimeNs > stat.mtimeNs ? stat.ctimeNs : stat.mtimeNs) / 1_000_000n);
    if (Date.now() - changedAt > SETTLED_MS) {
      if (this.#digests.size >= MAX_CACHED) this.#digests.clear();
      this.#digests.set(version, digest);
    }
    return digest;
  }
}

function fileIdentity(stat: BigIntStats): string {
  return `${stat.dev}:${stat.ino}`;
}

function fileVersion(stat: BigIntStats): string {
  return [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(':');
}
