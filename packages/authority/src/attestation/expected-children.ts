import { closeSync } from 'node:fs';
import { AuthorityError } from '../errors.ts';
import type { Libc } from './libc.ts';
import { readPidOfPidfd, readProcess, type ProcessFacts } from './process-facts.ts';

const NAME = /^[A-Za-z0-9._/-]{1,128}$/;

interface Child {
  readonly pid: number;
  readonly startTime: string;
  /** Undefined on kernels without pidfds. */
  readonly pidfd: number | undefined;
}

/** The children of this process by the name they were started under, each pinned so that a reused pid is a stranger. */
export class ExpectedChildren {
  readonly #libc: Libc;
  readonly #children = new Map<string, Child>();

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  /** Names a direct child of this process; a child that had the name before loses it. Throws ERR_CHILD_NOT_FOUND. */
  expect(name: string, pid: number): void {
    if (!NAME.test(name)) {
      throw new AuthorityError(
        'ERR_CONFIG_INVALID',
        `Cannot expect child ${JSON.stringify(name)}: letters, digits, ".", "_", "/" and "-" are allowed, at most 128`,
      );
    }
    const child = this.#pin(name, pid);
    this.forget(name);
    this.#children.set(name, child);
  }

  /** Forgets a name and lets go of its process. */
  forget(name: string): void {
    const child = this.#children.get(name);
    this.#children.delete(name);
    if (child?.pidfd !== undefined) closeSync(child.pidfd);
  }

  /** The names of a process that is pinned by the caller of this function; none for a stranger with a reused pid. */
  namesOf(process: ProcessFacts): readonly string[] {
    const names: string[] = [];
    for (const [name, child] of this.#children) {
      if (child.pid === process.pid && child.startTime === process.startTime && this.#isAlive(child)) {
        names.push(name);
      }
    }
    return names;
  }

  /** Forgets every name. */
  close(): void {
    for (const name of this.#children.keys()) this.forget(name);
  }

  #pin(name: string, pid: number): Child {
    const refuse = (reason: string, cause?: unknown): AuthorityError =>
      new AuthorityError('ERR_CHILD_NOT_FOUND', `Cannot expect child "${name}" with pid ${pid}: ${reason}`, {
        cause,
      });
    if (!Number.isSafeInteger(pid) || pid <= 0) throw refuse('a pid is wanted');
    let pidfd: number | undefined;
    try {
      pidfd = this.#libc.openPidfd(pid);
    } catch (error) {
      throw refuse('there is no such process', error);
    }
    try {
      const facts = readProcess(pid);
      if (facts === undefined) throw refuse('the process has ended');
      if (facts.parentPid !== process.pid) throw refuse('it is not a child of this process');
      if (pidfd !== undefined && (readPidOfPidfd(pidfd) !== pid || this.#libc.hasExited(pidfd))) {
        throw refuse('the process has ended');
      }
      return { pid, startTime: facts.startTime, pidfd };
    } catch (error) {
      if (pidfd !== undefined) closeSync(pidfd);
      throw error;
    }
  }

  #isAlive(child: Child): boolean {
    if (child.pidfd === undefined) return readProcess(child.pid)?.startTime === child.startTime;
    return !this.#libc.hasExited(child.pidfd);
  }
}
