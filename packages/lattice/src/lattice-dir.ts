import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import type { Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import { LatticeError } from './errors.ts';
import { JsonReader } from './json.ts';
import { assertToken } from './subjects.ts';

/*
 * The folder in which a running lattice tells this user's other programs where it is. No secret is ever in it.
 */

/** Content of `lattice.json`. */
export interface LatticeInfo {
  /** Of the form of the document. */
  readonly schema: 'muster.lattice.v1';
  /** Name of the lattice. */
  readonly lattice: string;
  /** Name of the trust domain. */
  readonly trustDomain: string;
  /** Process that runs the lattice. */
  readonly pid: number;
  /** When it was started, in milliseconds since the epoch. */
  readonly startedAt: number;
  /** Addresses for `connectLattice`, `tls://host:port`. */
  readonly natsServers: readonly string[];
  /** `unix:///...` of the SPIFFE Workload API. */
  readonly workloadApi: string;
  /** Audience of JWT-SVIDs for NATS: the callout's SPIFFE ID. */
  readonly audience: string;
  /** Where HTTP is served, when it is. */
  readonly httpUrl?: string;
}

/** Paths inside one lattice directory, and its two documents. */
export interface LatticeDir {
  readonly path: string;
  /** Socket paths; their folders exist once the directory was created. */
  readonly workloadApiSocket: string;
  readonly delegatedSocket: string;
  auditFile(service: string): string;
  /** Undefined when no lattice has written it. Throws ERR_MESSAGE_MALFORMED, or ERR_LATTICE_DIR when it cannot be read. */
  readInfo(): LatticeInfo | undefined;
  writeInfo(info: Omit<LatticeInfo, 'schema'>): void;
  /** The SPIFFE bundle document; undefined when not written. */
  readBundle(): string | undefined;
  writeBundle(document: string): void;
  /** Removes everything this module knows of, and the directory (and its parent) when then empty. */
  remove(): void;
}

export interface LatticeDirOptions {
  readonly lattice: string;
  /** Default `process.env`. `MUSTER_LATTICE_DIR` wins, then `XDG_RUNTIME_DIR`, then `/tmp`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default: the user of this process. */
  readonly uid?: number;
}

const PARTS = ['workload-api', 'delegated', 'audit'] as const;

/** `${XDG_RUNTIME_DIR:-/tmp}/muster-<uid>/<lattice>`; touches nothing. */
export function resolveLatticeDir(options: LatticeDirOptions): string {
  const { lattice, env = process.env, uid = ownUid() } = options;
  assertToken('lattice', lattice);
  const explicit = env['MUSTER_LATTICE_DIR'];
  if (explicit !== undefined && explicit !== '') return explicit;
  const runtimeDir = env['XDG_RUNTIME_DIR'];
  return join(runtimeDir === undefined || runtimeDir === '' ? '/tmp' : runtimeDir, `muster-${uid}`, lattice);
}

/** Makes the directory (0700) and its parts. Throws ERR_LATTICE_DIR when something there is not private to this user. */
export function createLatticeDir(path: string): LatticeDir {
  makePrivate(dirname(path), { isChecked: isOurs(dirname(path)) });
  makePrivate(path, { isChecked: true });
  for (const part of PARTS) makePrivate(join(path, part), { isChecked: true });
  return describe(path);
}

/** Opens an existing directory. Throws ERR_LATTICE_DIR when it is missing or not private to this user. */
export function openLatticeDir(path: string): LatticeDir {
  // In a folder of somebody else, this one could be exchanged after it was looked at.
  if (isOurs(dirname(path))) assertPrivate(dirname(path));
  assertPrivate(path);
  return describe(path);
}

/** The parent is ours as well (`muster-<uid>`), unless the path was chosen by hand and its parent exists. */
function isOurs(parent: string): boolean {
  return /\/muster-\d+$/.test(parent);
}

function describe(path: string): LatticeDir {
  const infoFile = join(path, 'lattice.json');
  const bundleFile = join(path, 'bundle.json');
  return {
    path,
    workloadApiSocket: join(path, 'workload-api', 'api.sock'),
    delegatedSocket: join(path, 'delegated', 'api.sock'),
    auditFile: (service) => join(path, 'audit', `${assertToken('service', service)}.jsonl`),
    readInfo: () => (existsSync(infoFile) ? parseInfo(readText(infoFile)) : undefined),
    writeInfo: (info) =>
      replaceFile(infoFile, `${JSON.stringify({ schema: 'muster.lattice.v1', ...info }, null, 2)}\n`),
    readBundle: () => (existsSync(bundleFile) ? readFileSync(bundleFile, 'utf8') : undefined),
    writeBundle: (document) => replaceFile(bundleFile, document),
    remove() {
      for (const name of ['lattice.json', 'bundle.json', ...PARTS]) {
        rmSync(join(path, name), { recursive: true, force: true });
      }
      for (const folder of [path, dirname(path)]) {
        try {
          rmdirSync(folder);
        } catch {
          return; // Not empty, or not ours to remove.
        }
      }
    },
  };
}

function parseInfo(text: string): LatticeInfo {
  const json = JsonReader.decode('lattice.json', text);
  if (json.string('schema') !== 'muster.lattice.v1') {
    throw new LatticeError(
      'ERR_MESSAGE_MALFORMED',
      'Cannot parse lattice.json: "schema" must be "muster.lattice.v1"',
    );
  }
  return {
    schema: 'muster.lattice.v1',
    lattice: json.string('lattice'),
    trustDomain: json.string('trustDomain'),
    pid: json.integer('pid', { min: 1 }),
    startedAt: json.integer('startedAt'),
    natsServers: json.strings('natsServers'),
    workloadApi: json.string('workloadApi'),
    audience: json.string('audience'),
    ...(json.has('httpUrl') ? { httpUrl: json.string('httpUrl') } : {}),
  };
}

function makePrivate(path: string, options: { isChecked: boolean }): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code !== 'EEXIST')
      throw new LatticeError('ERR_LATTICE_DIR', `Cannot create directory "${path}"`, { cause });
  }
  if (options.isChecked) assertPrivate(path);
}

function assertPrivate(path: string): void {
  const state = look(path);
  const problem =
    state === undefined
      ? 'it does not exist'
      : !state.isDirectory()
        ? 'it is not a directory'
        : state.uid !== ownUid()
          ? 'another user owns it'
          : (state.mode & 0o077) === 0
            ? undefined
            : 'others may enter it; its mode must be 0700';
  if (problem !== undefined)
    throw new LatticeError('ERR_LATTICE_DIR', `Cannot use directory "${path}": ${problem}`);
}

/** Undefined where there is nothing. */
function look(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    throw new LatticeError(
      'ERR_LATTICE_DIR',
      `Cannot use directory "${path}": it cannot be reached (${code})`,
      {
        cause,
      },
    );
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    throw new LatticeError('ERR_LATTICE_DIR', `Cannot use directory: "${file}" cannot be read (${code})`, {
      cause,
    });
  }
}

function replaceFile(file: string, text: string): void {
  const fresh = `${file}.${process.pid}.tmp`;
  writeFileSync(fresh, text, { mode: 0o600 });
  renameSync(fresh, file);
}

function ownUid(): number {
  return process.getuid?.() ?? 0;
}
