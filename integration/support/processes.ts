import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** One process as /proc shows it; the start time tells it from a later one with the same pid. */
export interface ProcessInfo {
  readonly pid: number;
  readonly parent: number;
  /** In clock ticks since boot. */
  readonly startedAt: string;
  readonly state: string;
  readonly argv: readonly string[];
}

/** Every process that /proc shows now. */
export function listProcesses(): ProcessInfo[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map((pid) => readProcess(Number(pid))).filter((info) => info !== undefined);
}

/** Undefined when there is no such process. */
export function readProcess(pid: number): ProcessInfo | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything; the fields after it may not.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
    return { pid, parent: Number(fields[1]), startedAt: fields[19] ?? '', state: fields[0] ?? '', argv };
  } catch {
    return undefined;
  }
}

/** The children of a process and theirs, without the process itself. */
export function descendantsOf(pid: number): ProcessInfo[] {
  const all = listProcesses();
  const found: ProcessInfo[] = [];
  const parents = [pid];
  for (let parent = parents.pop(); parent !== undefined; parent = parents.pop()) {
    for (const info of all) {
      if (info.parent !== parent) continue;
      found.push(info);
      parents.push(info.pid);
    }
  }
  return found;
}

/** True while this very process lives; one that nobody has waited for does not. */
export function isAlive({ pid, startedAt }: ProcessInfo): boolean {
  const now = readProcess(pid);
  return now !== undefined && now.startedAt === startedAt && now.state !== 'Z';
}

/** Living processes, the own one aside, that name `text` in argv, environment, working folder or an open file. */
export function processesThatName(text: string): ProcessInfo[] {
  return listProcesses().filter(
    ({ pid, state }) => pid !== process.pid && state !== 'Z' && namesIt(pid, text),
  );
}

function namesIt(pid: number, text: string): boolean {
  for (const file of ['cmdline', 'environ']) {
    if (attempt(() => readFileSync(`/proc/${pid}/${file}`, 'latin1'))?.includes(text) === true) return true;
  }
  const links = [`/proc/${pid}/cwd`, ...descriptorsOf(pid)];
  return links.some((link) => attempt(() => readlinkSync(link))?.includes(text) === true);
}

/** Paths in /proc of the open descriptors of a process. */
export function descriptorsOf(pid: number): string[] {
  return (attempt(() => readdirSync(`/proc/${pid}/fd`)) ?? []).map((fd) => `/proc/${pid}/fd/${fd}`);
}

/** Processes and descriptors come and go while they are looked at. */
export function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
