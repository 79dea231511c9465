import { setTimeout as sleep } from 'node:timers/promises';

/** Resolves when `isDone` says so; rejects after `timeoutMs`. */
export async function eventually(
  what: string,
  isDone: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
): Promise<void> {
  const until = Date.now() + timeoutMs;
  while (!(await isDone())) {
    if (Date.now() > until) throw new Error(`did not happen within ${timeoutMs} ms: ${what}`);
    await sleep(20);
  }
}
