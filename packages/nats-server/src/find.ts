import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdir, rename, rm } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import { cachedServerDir, defaultCacheDir } from './cache.ts';
import { NatsServerError } from './errors.ts';
import { archiveInstall } from './install-archive.ts';
import { goInstall } from './install-go.ts';
import { acquireLock } from './lock.ts';
import { isAtLeast, MINIMUM_VERSION, PINNED_VERSION, readVersion } from './version.ts';

/** A usable nats-server and where it came from. */
export interface FoundNatsServer {
  readonly path: string;
  readonly version: string;
  readonly source: 'variable' | 'path' | 'cache' | 'installed';
}

/** What is being done now; `detail` is a line of the tool that does it, or a reason. */
export interface FindProgress {
  readonly step: 'waiting' | 'replacing' | 'installing' | 'skipping';
  readonly detail: string;
}

export interface FindOptions {
  /** Read: MUSTER_NATS_SERVER, MUSTER_NATS_SERVER_RELEASES, XDG_CACHE_HOME, HOME and what `go` wants. Default `process.env`. */
  env?: NodeJS.ProcessEnv;
  /** The search path; default `env.PATH`. */
  path?: string;
  /** Default `${XDG_CACHE_HOME:-~/.cache}/muster`. */
  cacheDir?: string;
  onProgress?: (progress: FindProgress) => void;
  signal?: AbortSignal;
}

/**
 * Finds a nats-server >= 2.15.1: MUSTER_NATS_SERVER, PATH, the cache, else installs the pinned version into the cache.
 * Throws ERR_NATS_SERVER_UNUSABLE when the named one is not usable, else what the installation throws.
 */
export async function findNatsServer(options: FindOptions = {}): Promise<FoundNatsServer> {
  const env = options.env ?? process.env;
  const named = env['MUSTER_NATS_SERVER'];
  if (named !== undefined && named !== '') return useNamed(named, options.signal);
  const searchPath = options.path ?? env['PATH'] ?? '';
  return (
    (await findOnPath(searchPath, options)) ??
    (await findInCache(options.cacheDir ?? defaultCacheDir(env), options)) ??
    (await install(env, searchPath, options))
  );
}

async function useNamed(path: string, signal: AbortSignal | undefined): Promise<FoundNatsServer> {
  const report = await readVersion(path, signal);
  const problem = 'problem' in report ? report.problem : tooOld(report.version);
  if (problem !== undefined) {
    throw new NatsServerError(
      'ERR_NATS_SERVER_UNUSABLE',
      `Cannot use the nats-server "${path}" of MUSTER_NATS_SERVER: ${problem}. Name another one, or unset the variable`,
    );
  }
  return { path, version: (report as { version: string }).version, source: 'variable' };
}

function tooOld(version: string): string | undefined {
  return isAtLeast(version, MINIMUM_VERSION)
    ? undefined
    : `its version is ${version}, wanted is >= ${MINIMUM_VERSION}`;
}

async function findOnPath(searchPath: string, options: FindOptions): Promise<FoundNatsServer | undefined> {
  for (const path of await listExecutables(searchPath, 'nats-server')) {
    const report = await readVersion(path, options.signal);
    const problem = 'problem' in report ? report.problem : tooOld(report.version);
    if (problem === undefined)
      return { path, version: (report as { version: string }).version, source: 'path' };
    options.onProgress?.({ step: 'skipping', detail: `${path}: ${problem}` });
  }
  return undefined;
}

async function listExecutables(searchPath: string, name: string): Promise<string[]> {
  const found: string[] = [];
  for (const folder of new Set(searchPath.split(delimiter))) {
    if (!isAbsolute(folder)) continue;
    const path = join(folder, name);
    await access(path, constants.X_OK).then(
      () => found.push(path),
      () => undefined,
    );
  }
  return found;
}

async function findInCache(cacheDir: string, options: FindOptions): Promise<FoundNatsServer | undefined> {
  const path = join(cachedServerDir(cacheDir, PINNED_VERSION), 'nats-server');
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  if (!isThere) return undefined;
  const report = await readVersion(path, options.signal);
  if ('version' in report && report.version === PINNED_VERSION)
    return { path, version: report.version, source: 'cache' };
  const problem = 'problem' in report ? report.problem : `its version is ${report.version}`;
  options.onProgress?.({ step: 'replacing', detail: `${path}: ${problem}` });
  return undefined;
}

async function install(
  env: NodeJS.ProcessEnv,
  searchPath: string,
  options: FindOptions,
): Promise<FoundNatsServer> {
  const cacheDir = options.cacheDir ?? defaultCacheDir(env);
  const directory = cachedServerDir(cacheDir, PINNED_VERSION);
  const signal = options.signal === undefined ? {} : { signal: options.signal };
  await using lock = await lockFor(directory, options);
  // Whoever held the lock may have installed it meanwhile.
  const cached = lock.hasWaited ? await findInCache(cacheDir, options) : undefined;
  if (cached !== undefined) return cached;
  const binDir = join(directory, `install-${randomUUID()}`);
  await mkdir(binDir, { recursive: true, mode: 0o700 });
  try {
    const onLine = (detail: string): void => options.onProgress?.({ step: 'installing', detail });
    const [go] = await listExecutables(searchPath, 'go');
    const releasesUrl = env['MUSTER_NATS_SERVER_RELEASES'] || undefined;
    onLine(`nats-server ${PINNED_VERSION}`);
    const common = { version: PINNED_VERSION, binDir, onLine, ...signal };
    const built =
      go === undefined
        ? await archiveInstall({ ...common, ...(releasesUrl === undefined ? {} : { releasesUrl }) })
        : await goInstall({ ...common, go, env });
    await checkInstalled(built, options.signal);
    const path = join(directory, 'nats-server');
    await rename(built, path);
    return { path, version: PINNED_VERSION, source: 'installed' };
  } finally {
    await rm(binDir, { recursive: true, force: true });
  }
}

async function checkInstalled(path: string, signal: AbortSignal | undefined): Promise<void> {
  const report = await readVersion(path, signal);
  if ('version' in report && report.version === PINNED_VERSION) return;
  const problem = 'problem' in report ? report.problem : `its version is ${report.version}`;
  throw new NatsServerError(
    'ERR_NATS_SERVER_INSTALL',
    `Cannot use the nats-server that was just installed: ${problem}`,
  );
}

async function lockFor(
  directory: string,
  options: FindOptions,
): Promise<AsyncDisposable & { hasWaited: boolean }> {
  let hasWaited = false;
  const lock = await acquireLock(join(directory, 'lock'), {
    onWait: (owner) => {
      hasWaited = true;
      options.onProgress?.({
        step: 'waiting',
        detail: `process ${String(owner.pid)} is installing nats-server`,
      });
    },
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  return { hasWaited, [Symbol.asyncDispose]: () => lock.release() };
}
