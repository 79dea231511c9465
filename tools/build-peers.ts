// Builds the real programs that interoperability tests speak to, once, into a cache outside of the repository. `npm ci` never does.
import { acquireLock, defaultCacheDir } from '@muster/nats-server';
import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { accessSync, constants, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { styleText } from 'node:util';
import { root } from './source.ts';

/** A Go module in `peers/<name>` that pins a version of a program, or holds a small program of ours. */
export interface Peer {
  readonly name: string;
  /** The module whose required version names the cache folder. */
  readonly module: string;
  /** What is built, and the name of its binary. */
  readonly programs: Readonly<Record<string, string>>;
  /** Names the C compiler where one is needed. */
  readonly isCgo?: boolean;
}

export const peers: readonly Peer[] = [
  {
    name: 'spire',
    module: 'github.com/spiffe/spire',
    programs: {
      'spire-server': 'github.com/spiffe/spire/cmd/spire-server',
      'spire-agent': 'github.com/spiffe/spire/cmd/spire-agent',
    },
    isCgo: true,
  },
  {
    name: 'go-spiffe',
    module: 'github.com/spiffe/go-spiffe/v2',
    programs: { 'go-spiffe-peer': '.' },
  },
];

/** The cache folder of a peer: its version there changes with the pinned version and with our own Go files. */
export function peerFolder(peer: Peer, cacheDir: string = defaultCacheDir()): string {
  return join(cacheDir, 'peers', peer.name, peerVersion(peer));
}

export function peerVersion(peer: Peer): string {
  const source = join(root, 'peers', peer.name);
  const text = readFileSync(join(source, 'go.mod'), 'utf8');
  const version = new RegExp(`\\b${peer.module} v(\\S+)`).exec(text)?.[1];
  if (version === undefined) throw new Error(`peers/${peer.name}/go.mod does not require ${peer.module}`);
  const own = readdirSync(source).filter((file) => file.endsWith('.go'));
  if (own.length === 0) return version;
  const hash = createHash('sha256').update(text);
  for (const file of own.toSorted()) hash.update(`\0${file}\0`).update(readFileSync(join(source, file)));
  return `${version}-${hash.digest('hex').slice(0, 12)}`;
}

/** Paths of the peer's binaries by name, or undefined where one is missing. */
export function findPeer(
  peer: Peer,
  cacheDir: string = defaultCacheDir(),
): Record<string, string> | undefined {
  const folder = peerFolder(peer, cacheDir);
  const paths = Object.keys(peer.programs).map((program) => [program, join(folder, program)] as const);
  return paths.every(([, path]) => isExecutable(path)) ? Object.fromEntries(paths) : undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Builds a peer unless it is there. Two that ask at the same time build once. Throws with the last lines of `go`. */
export async function buildPeer(
  peer: Peer,
  onLine: (line: string) => void,
  cacheDir: string = defaultCacheDir(),
): Promise<Record<string, string>> {
  const folder = peerFolder(peer, cacheDir);
  const lock = await acquireLock(`${folder}.lock`, {
    onWait: ({ pid }) => onLine(`waiting for process ${String(pid)}, which builds it`),
  });
  try {
    const found = findPeer(peer, cacheDir);
    if (found !== undefined) return found;
    const building = `${folder}.building-${randomUUID()}`;
    mkdirSync(building, { recursive: true, mode: 0o700 });
    try {
      for (const [program, target] of Object.entries(peer.programs)) {
        onLine(`building ${program} ${peerVersion(peer)}`);
        await build(peer, target, join(building, program), onLine);
      }
      rmSync(folder, { recursive: true, force: true });
      renameSync(building, folder);
    } finally {
      rmSync(building, { recursive: true, force: true });
    }
  } finally {
    await lock.release();
  }
  const built = findPeer(peer, cacheDir);
  if (built === undefined) throw new Error(`${peer.name} was built but cannot be run`);
  return built;
}

async function build(
  peer: Peer,
  target: string,
  output: string,
  onLine: (line: string) => void,
): Promise<void> {
  // go.sum names the bytes of every module: nothing else can be built.
  const words = ['build', '-mod=readonly', '-buildvcs=false', '-o', output, target];
  const { GOOS: _os, GOARCH: _arch, GO111MODULE: _modules, GOFLAGS: _flags, ...env } = process.env;
  const child = spawn('go', words, {
    cwd: join(root, 'peers', peer.name),
    env: { ...env, GOWORK: 'off', ...(peer.isCgo === true ? {} : { CGO_ENABLED: '0' }) },
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  const last: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    onLine(line);
    last.push(line);
    if (last.length > 5) last.shift();
  });
  const failure = await new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code) =>
      resolve(code === 0 ? undefined : `go build ended with ${String(code)}: ${last.join('; ')}`),
    );
  });
  if (failure !== undefined) throw new Error(`Cannot build ${target}: ${failure}`);
}

if (import.meta.main) {
  for (const peer of peers) {
    const startedAt = Date.now();
    const wasThere = findPeer(peer) !== undefined;
    await buildPeer(peer, (line) => process.stderr.write(`${styleText('dim', peer.name)} ${line}\n`));
    const how = wasThere ? 'was there' : `built in ${((Date.now() - startedAt) / 1_000).toFixed(0)} s`;
    process.stdout.write(`${peer.name} ${peerVersion(peer)}: ${how}, ${peerFolder(peer)}\n`);
  }
}
