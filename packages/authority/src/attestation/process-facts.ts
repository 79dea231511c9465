import { readFileSync } from 'node:fs';

/** What /proc says about a process. Ids are the effective ones, as SPIRE uses them. */
export interface ProcessFacts {
  readonly pid: number;
  readonly parentPid: number;
  /** Clock ticks between boot and the start of the process; with the pid it names a process. */
  readonly startTime: string;
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

/** Reads a process, or undefined when there is none (any more), or it is a zombie. Takes about 50 µs. */
export function readProcess(pid: number): ProcessFacts | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    return parseProcess(pid, stat, status);
  } catch {
    return undefined;
  }
}

/** Reads the two texts of proc_pid_stat(5) and proc_pid_status(5). */
export function parseProcess(pid: number, stat: string, status: string): ProcessFacts | undefined {
  // The second field is the name in brackets, and the name may hold brackets and spaces itself.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, parent] = fields;
  const startTime = fields[19];
  const uid = numbers(status, 'Uid')?.[1];
  const gid = numbers(status, 'Gid')?.[1];
  const groups = numbers(status, 'Groups');
  if (state === undefined || 'ZXx'.includes(state)) return undefined;
  if (parent === undefined || !/^\d+$/.test(parent) || startTime === undefined || !/^\d+$/.test(startTime)) {
    return undefined;
  }
  if (uid === undefined || gid === undefined || groups === undefined) return undefined;
  return { pid, parentPid: Number(parent), startTime, uid, gid, groups };
}

function numbers(status: string, key: string): readonly number[] | undefined {
  const line = new RegExp(`^${key}:([\\d\\s]*)$`, 'm').exec(status)?.[1];
  if (line === undefined) return undefined;
  return line
    .split(/\s+/)
    .filter((word) => word !== '')
    .map(Number);
}

/** The pid that a pidfd pins, seen from here; undefined when the process is gone or hidden in another namespace. */
export function readPidOfPidfd(pidfd: number): number | undefined {
  const text = readFileSync(`/proc/self/fdinfo/${pidfd}`, 'latin1');
  const pid = Number(/^Pid:\s*(-?\d+)$/m.exec(text)?.[1] ?? 0);
  return pid > 0 ? pid : undefined;
}
