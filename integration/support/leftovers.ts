import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive, processesThatName } from './processes.ts';
import type { ProcessInfo } from './processes.ts';
import { eventually } from './wait.ts';

export interface Expected {
  /** Folders that must be empty or gone, with no process that names them and no unix socket bound in them. */
  readonly folders: readonly string[];
  /** Processes seen before, all of which must be gone. */
  readonly processes?: readonly ProcessInfo[];
  /** TCP ports on which nobody may listen. */
  readonly ports?: readonly number[];
  /** How long leaving may take, default 5 s. */
  readonly timeoutMs?: number;
}

/** What is still there, one line each. */
export function leftovers({ folders, processes = [], ports = [] }: Expected): string[] {
  const listening = listeningPorts();
  const sockets = readFileSync('/proc/net/unix', 'utf8').split('\n');
  return [
    ...processes.filter(isAlive).map((info) => `process ${info.pid}: ${info.argv.join(' ')}`),
    ...folders.flatMap((folder) => [
      ...filesBelow(folder).map((file) => `file ${file}`),
      ...processesThatName(folder).map(
        ({ pid, argv }) => `process ${pid} names ${folder}: ${argv.join(' ')}`,
      ),
      ...sockets.filter((line) => line.includes(folder)).map((line) => `socket ${line}`),
    ]),
    ...ports.filter((port) => listening.has(port)).map((port) => `listener on port ${port}`),
  ];
}

/** Fails with the list of what is left when a lattice that ended has not left everything clean. */
export async function assertNothingLeft(expected: Expected): Promise<void> {
  await eventually(
    'nothing left',
    () => leftovers(expected).length === 0,
    expected.timeoutMs ?? 20_000,
  ).catch(() => {});
  assert.deepEqual(leftovers(expected), []);
}

/** Everything below a folder but folders; nothing when there is no such folder. */
export function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
}

const LISTEN = '0A';

function listeningPorts(): Set<number> {
  const lines = ['/proc/net/tcp', '/proc/net/tcp6']
    .filter((path) => existsSync(path))
    .flatMap((path) => readFileSync(path, 'utf8').split('\n').slice(1));
  const ports = new Set<number>();
  for (const line of lines) {
    const [, local, , state] = line.trim().split(/\s+/);
    if (state === LISTEN) ports.add(Number.parseInt(local?.split(':')[1] ?? '', 16));
  }
  return ports;
}
