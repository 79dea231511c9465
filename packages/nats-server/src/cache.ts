import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** The cache folder of this program: `${XDG_CACHE_HOME:-~/.cache}/muster`. A relative XDG_CACHE_HOME is ignored, as its specification says. */
export function defaultCacheDir(env: NodeJS.ProcessEnv = process.env): string {
  const base = env['XDG_CACHE_HOME'];
  const home = env['HOME'] || homedir();
  return join(base !== undefined && isAbsolute(base) ? base : join(home, '.cache'), 'muster');
}

/** The folder of one version of nats-server in the cache. */
export function cachedServerDir(cacheDir: string, version: string): string {
  return join(cacheDir, 'nats-server', version);
}
