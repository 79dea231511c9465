import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { NatsServerError } from './errors.ts';
import { findTarFile } from './tar.ts';

/** Where the project publishes its releases; the version's folder `v<version>/` follows. */
export const DEFAULT_RELEASES_URL = 'https://github.com/nats-io/nats-server/releases/download/';

export interface ArchiveInstallOptions {
  version: string;
  /** Base URL of the releases, ending in `/`; default {@link DEFAULT_RELEASES_URL}. */
  releasesUrl?: string;
  binDir: string;
  platform?: NodeJS.Platform;
  arch?: string;
  onLine?: (line: string) => void;
  signal?: AbortSignal;
}

const MAX_SUMS_BYTES = 65_536;
const MAX_ARCHIVE_BYTES = 64 * 1024 * 1024;
const MAX_UNPACKED_BYTES = 256 * 1024 * 1024;

/**
 * Downloads a release archive, compares it with the SHA256SUMS published beside it and unpacks the binary.
 * Returns the binary's path. Throws ERR_NATS_SERVER_CHECKSUM, ERR_NATS_SERVER_PLATFORM or ERR_NATS_SERVER_INSTALL.
 */
export async function archiveInstall(options: ArchiveInstallOptions): Promise<string> {
  const name = `${archiveName(options.version, options.platform ?? process.platform, options.arch ?? process.arch)}.tar.gz`;
  const base = new URL(`v${options.version}/`, options.releasesUrl ?? DEFAULT_RELEASES_URL);
  const sums = await download(new URL('SHA256SUMS', base), MAX_SUMS_BYTES, options.signal);
  const wanted = findChecksum(sums.toString('latin1'), name);
  if (wanted === undefined) {
    throw new NatsServerError(
      'ERR_NATS_SERVER_CHECKSUM',
      `Cannot install nats-server: "${name}" is not listed in ${String(base)}SHA256SUMS`,
    );
  }
  options.onLine?.(`downloading ${name}`);
  const archive = await download(new URL(name, base), MAX_ARCHIVE_BYTES, options.signal);
  const found = createHash('sha256').update(archive).digest('hex');
  if (found !== wanted) {
    throw new NatsServerError(
      'ERR_NATS_SERVER_CHECKSUM',
      `Cannot install nats-server: the SHA-256 of "${name}" is ${found}, wanted is ${wanted}`,
    );
  }
  const binary = unpack(archive);
  if (binary === undefined)
    throw new NatsServerError(
      'ERR_NATS_SERVER_INSTALL',
      `Cannot install nats-server: "${name}" holds no nats-server`,
    );
  const path = join(options.binDir, 'nats-server');
  await writeFile(path, binary, { mode: 0o755, flag: 'wx' });
  return path;
}

/** `nats-server-v2.15.1-linux-amd64`; throws ERR_NATS_SERVER_PLATFORM where the project publishes none. */
export function archiveName(version: string, platform: NodeJS.Platform, arch: string): string {
  const cpu = { x64: 'amd64', arm64: 'arm64', arm: 'arm7', ia32: '386' }[arch];
  if (cpu === undefined || (platform !== 'linux' && platform !== 'darwin')) {
    throw new NatsServerError(
      'ERR_NATS_SERVER_PLATFORM',
      `Cannot install nats-server for ${platform}-${arch}: name one in MUSTER_NATS_SERVER`,
    );
  }
  return `nats-server-v${version}-${platform}-${cpu}`;
}

/** The SHA-256 (lower-case hex) that a `sha256sum` list gives for a file, or undefined. */
export function findChecksum(sums: string, name: string): string | undefined {
  for (const line of sums.split('\n')) {
    const match = /^([0-9a-fA-F]{64}) [ *](.+?)\r?$/.exec(line);
    if (match?.[2] === name) return match[1]?.toLowerCase();
  }
  return undefined;
}

function unpack(archive: Uint8Array): Uint8Array | undefined {
  try {
    return findTarFile(gunzipSync(archive, { maxOutputLength: MAX_UNPACKED_BYTES }), 'nats-server');
  } catch (error) {
    throw new NatsServerError(
      'ERR_NATS_SERVER_INSTALL',
      'Cannot install nats-server: the archive cannot be unpacked',
      { cause: error },
    );
  }
}

async function download(url: URL, maxBytes: number, signal: AbortSignal | undefined): Promise<Buffer> {
  try {
    const response = await fetch(url, signal === undefined ? {} : { signal });
    if (!response.ok || response.body === null)
      throw new Error(`the server answered ${String(response.status)}`);
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of response.body) {
      length += chunk.length;
      if (length > maxBytes) throw new Error(`it is larger than ${String(maxBytes)} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } catch (error) {
    signal?.throwIfAborted();
    const cause = (error as Error).cause as Error | undefined;
    const reason = cause === undefined ? (error as Error).message : cause.message;
    throw new NatsServerError(
      'ERR_NATS_SERVER_INSTALL',
      `Cannot download ${String(url)}: ${reason}. Put a nats-server on PATH, name one in MUSTER_NATS_SERVER, or install Go`,
      { cause: error },
    );
  }
}
