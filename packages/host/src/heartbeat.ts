import type { Clock } from '@muster/lattice';

/** Calls `beat` every `intervalMs`, the first time one interval from now, until the returned function is called. */
export function startHeartbeat(clock: Clock, intervalMs: number, beat: () => void): () => void {
  let timer = clock.setTimeout(tick, intervalMs);
  function tick(): void {
    timer = clock.setTimeout(tick, intervalMs);
    beat();
  }
  return () => clock.clearTimeout(timer);
}
