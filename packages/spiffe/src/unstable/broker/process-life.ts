import { readFileSync } from 'node:fs';

// Of /proc/<pid>/stat, behind the name of the program: the state, and when the process was started.
const STATE = 0;
const START_TIME = 19;
const ENDED = 'ended';
const ENDED_STATES = new Set(['Z', 'X', 'x']);

/**
 * Remembers the process that has an ID now, and returns how to ask whether it still runs: another one that is given the ID
 * later is not it. Where the process cannot be seen, as in another PID namespace, nothing is known and the answer is always yes.
 */
export function followProcess(pid: number): () => boolean {
  const startTime = readStartTime(pid);
  if (startTime === ENDED) {
    return () => false;
  }
  return startTime === undefined ? () => true : () => readStartTime(pid) === startTime;
}

/** In ticks since the machine was started; `ENDED` where the process waits for its parent only, undefined where there is none. */
function readStartTime(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // The name may hold spaces and brackets itself.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ENDED_STATES.has(fields[STATE] ?? '') ? ENDED : fields[START_TIME];
}
