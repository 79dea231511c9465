import { readdirSync, readlinkSync } from 'node:fs';

/** How many pidfds this process holds. */
export function countPidfds(): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return /pidfd/.test(readlinkSync(`/proc/self/fd/${fd}`));
    } catch {
      return false;
    }
  }).length;
}
