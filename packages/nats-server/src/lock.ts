import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { NatsServerError } from './errors.ts';

/** Who holds a lock: the process, and when the kernel says it began (a pid alone may have been given to another one). */
export interface LockOwner {
  readonly pid: number;
  readonly startTicks: string;
}

/** A held lock. */
export interface Lock {
  /** Gives the lock back; harmless when called twice. */
  release(): Promise<void>;
}

export interface LockOptions {
  /** How long to wait for a living owner, in ms; 0 asks once. Default: until the signal aborts. */
  waitMs?: number;
  /** Told once, when somebody else holds the lock and waiting begins. */
  onWait?: (owner: LockOwner) => void;
  signal?: AbortSignal;
}

const POLL_MS = 100;

/**
 * Takes the lock file, waiting for a living owner; the file of a dead owner is taken over.
 * Throws ERR_LOCK_TIMEOUT when `waitMs` is over. The file holds the owner's pid and nothing else of interest.
 */
export async function acquireLock(file: string, options: LockOptions = {}): Promise<Lock> {
  const self: LockOwner = { pid: process.pid, startTicks: (await readStartTicks(process.pid)) ?? '' };
  const text = JSON.stringify({ ...self, nonce: randomUUID() });
  const until = options.waitMs === undefined ? Infinity : Date.now() + options.waitMs;
  let isWaiting = false;
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  for (;;) {
    options.signal?.throwIfAborted();
    if (await tryLink(file, text)) return { release: () => releaseLock(file, text) };
    const held = await readOwner(file);
    if (held === undefined) continue;
    if (!(await isAlive(held.owner))) {
      await removeStale(file, held.text);
      continue;
    }
    if (Date.now() >= until) {
      throw new NatsServerError(
        'ERR_LOCK_TIMEOUT',
        `Cannot take the lock "${file}": process ${String(held.owner.pid)} holds it`,
      );
    }
    if (!isWaiting) options.onWait?.(held.owner);
    isWaiting = true;
    await sleep(POLL_MS, undefined, options.signal === undefined ? {} : { signal: options.signal });
  }
}

/** The living owner of a lock file, or undefined when it is free (absent, unreadable as a lock, or its owner is dead). */
export async function readLockOwner(file: string): Promise<LockOwner | undefined> {
  const held = await readOwner(file);
  return held !== undefined && (await isAlive(held.owner)) ? held.owner : undefined;
}

/** The kernel's start time of a process in clock ticks, or undefined when there is no such process. */
export async function readStartTicks(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${String(pid)}/stat`, 'latin1');
    // The second field is a name in parentheses that may hold spaces and parentheses itself.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

async function isAlive(owner: LockOwner): Promise<boolean> {
  const ticks = await readStartTicks(owner.pid);
  return ticks !== undefined && ticks === owner.startTicks;
}

/** link() makes the lock appear with its whole content in one step. */
async function tryLink(file: string, text: string): Promise<boolean> {
  const candidate = `${file}.${randomUUID()}`;
  await writeFile(candidate, text, { mode: 0o600, flag: 'wx' });
  try {
    await link(candidate, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(candidate, { force: true });
  }
}

async function readOwner(file: string): Promise<{ owner: LockOwner; text: string } | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return { owner: parseOwner(text), text };
}

function parseOwner(text: string): LockOwner {
  try {
    const value = JSON.parse(text) as Partial<LockOwner> | null;
    if (typeof value?.pid === 'number' && typeof value.startTicks === 'string') {
      return { pid: value.pid, startTicks: value.startTicks };
    }
  } catch {
    // Not a lock of ours: nobody living owns it.
  }
  return { pid: 0, startTicks: '' };
}

/** Moves the stale file aside; when a new owner was quicker and its lock was moved, puts that one back. */
async function removeStale(file: string, staleText: string): Promise<void> {
  const aside = `${file}.stale-${randomUUID()}`;
  try {
    await rename(file, aside);
    if ((await readFile(aside, 'utf8')) !== staleText) await link(aside, file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'EEXIST') throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

async function releaseLock(file: string, text: string): Promise<void> {
  const held = await readOwner(file);
  if (held?.text === text) await rm(file, { force: true });
}
