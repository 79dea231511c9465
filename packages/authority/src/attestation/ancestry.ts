import type { ProcessFacts } from './process-facts.ts';

const MAX_DEPTH = 4096;
const MAX_TRIES = 4;

/**
 * Whether a process descends from another by its chain of parents; undefined when the chain kept changing while it
 * was read. A process whose parent ended hangs below the nearest ancestor that adopts orphans, else below init.
 */
export function isDescendant(
  process: ProcessFacts,
  ancestorPid: number,
  read: (pid: number) => ProcessFacts | undefined,
): boolean | undefined {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const answer = walk(process, ancestorPid, read);
    if (answer !== undefined) return answer;
  }
  return undefined;
}

function walk(
  start: ProcessFacts,
  ancestorPid: number,
  read: (pid: number) => ProcessFacts | undefined,
): boolean | undefined {
  let current = read(start.pid);
  if (current?.startTime !== start.startTime) return undefined;
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const { parentPid } = current;
    if (parentPid === ancestorPid) return true;
    if (parentPid === 0) return false;
    const parent = read(parentPid);
    // Only if the child still has this parent was the pid not used anew between the two readings.
    const again = read(current.pid);
    if (parent === undefined || again?.startTime !== current.startTime || again.parentPid !== parentPid) {
      return undefined;
    }
    current = parent;
  }
  return undefined;
}
