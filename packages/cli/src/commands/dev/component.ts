import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { CliError } from '../../errors.ts';
import type { Io } from '../../io.ts';
import type { Progress } from '../../terminal/progress.ts';

/** A component file that is ready to be started. */
export interface PreparedComponent {
  readonly id: string;
  /** Value of the annotation `wasmcloud.dev/appspec`. */
  readonly application: string;
  readonly file: string;
  /** `sha256:<hex>` of the file. */
  readonly digest: string;
  readonly source: 'file' | 'cache' | 'built';
}

const STAGE = 'build-';

/** What an example's build script exports. */
interface ExampleBuild {
  sourceDigest(): Promise<string>;
}

const examplesDir = new URL('../../../../../examples/', import.meta.url);

/**
 * Takes a `.wasm` file as it is; an example from the cache, keyed by the digest of its sources, or builds it.
 * A cache entry that does not have the digest it was stored under is built again. Throws ERR_COMPONENT_BUILD.
 */
export async function prepareComponent(spec: string, io: Io, progress: Progress): Promise<PreparedComponent> {
  if (extname(spec) === '.wasm') return describeFile(await realFile(spec), 'file');
  const script = new URL(`${spec}/build.ts`, examplesDir);
  if (!/^[a-z0-9-]+$/.test(spec) || !existsSync(script)) {
    throw new CliError(
      'ERR_COMPONENT_BUILD',
      `There is no example "${spec}". Name a .wasm file: --component FILE.wasm`,
    );
  }
  const { defaultCacheDir, acquireLock } = await import('@muster/nats-server');
  const example = (await import(script.href)) as ExampleBuild;
  const directory = join(
    defaultCacheDir(io.env),
    'components',
    (await example.sourceDigest()).replace(':', '-'),
  );
  const lock = await acquireLock(join(directory, 'lock'), {
    signal: io.signal,
    onWait: ({ pid }) => progress.detail(`process ${String(pid)} is building it`),
  });
  try {
    return (
      (await fromCache(directory, spec, progress)) ?? (await build(script, directory, spec, io, progress))
    );
  } finally {
    await lock.release();
  }
}

async function realFile(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (cause) {
    throw new CliError('ERR_COMPONENT_BUILD', `Cannot read the component "${path}": there is no such file`, {
      cause,
    });
  }
}

async function describeFile(file: string, source: PreparedComponent['source']): Promise<PreparedComponent> {
  const id = basename(file, '.wasm').replaceAll(/[^A-Za-z0-9-]/g, '-');
  return { id, application: id.split('-')[0] || id, file, digest: await digestFile(file), source };
}

async function digestFile(file: string): Promise<string> {
  return `sha256:${createHash('sha256')
    .update(await readFile(file))
    .digest('hex')}`;
}

async function fromCache(
  directory: string,
  name: string,
  progress: Progress,
): Promise<PreparedComponent | undefined> {
  const file = join(directory, `${name}.wasm`);
  if (!existsSync(file)) return undefined;
  const stored = await readFile(`${file}.digest`, 'utf8').catch(() => '');
  const component = await describeFile(file, 'cache');
  if (stored === component.digest) return component;
  progress.note(`The cached component ${file} is damaged; it is built again.`);
  return undefined;
}

async function build(
  script: URL,
  directory: string,
  name: string,
  io: Io,
  progress: Progress,
): Promise<PreparedComponent> {
  progress.detail('building it from source');
  // The lock is ours, so whatever an earlier build left was cut off.
  for (const left of await readdir(directory)) {
    if (left.startsWith(STAGE)) await rm(join(directory, left), { recursive: true, force: true });
  }
  const stage = join(directory, `${STAGE}${randomUUID()}`);
  await mkdir(stage, { mode: 0o700 });
  try {
    await runBuild(fileURLToPath(script), stage, io);
    const file = join(directory, `${name}.wasm`);
    const built = join(stage, `${name}.wasm`);
    // The digest first: a file without its digest is never taken.
    await writeFile(`${file}.digest`, await digestFile(built));
    await rename(built, file);
    return await describeFile(file, 'built');
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
}

/** The tools start programs themselves, which must end with the build, and all of it with us. */
async function runBuild(script: string, outDir: string, io: Io): Promise<void> {
  io.signal.throwIfAborted();
  const { startTiedProcess } = await import('@muster/nats-server');
  const child = startTiedProcess(process.execPath, [script, outDir], { env: io.env, signal: io.signal });
  child.stdout.resume();
  const errors: string[] = [];
  child.stderr.setEncoding('utf8').on('data', (text: string) => errors.push(text));
  const failure = await child.failure;
  io.signal.throwIfAborted();
  if (failure === undefined) return;
  const said = errors.join('').trim().split('\n').slice(-3).join('; ').slice(0, 400);
  throw new CliError(
    'ERR_COMPONENT_BUILD',
    `Cannot build the example (${basename(dirname(script))}): it ${failure}${said === '' ? '' : `: ${said}`}`,
  );
}

/** The `file://` reference of a prepared component. */
export function referenceOf(component: PreparedComponent): string {
  return pathToFileURL(component.file).href;
}
