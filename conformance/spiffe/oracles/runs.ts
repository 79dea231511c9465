// How long the property tests run: MUSTER_ORACLE_FACTOR=50 makes fifty times as many.
import type * as fc from 'fast-check';

const factor = Number(process.env['MUSTER_ORACLE_FACTOR'] ?? '1');

/** fast-check prints the seed of what fails; MUSTER_ORACLE_SEED repeats it. */
export function runs(count: number): Parameters<typeof fc.assert>[1] {
  const seed = process.env['MUSTER_ORACLE_SEED'];
  return {
    numRuns: Math.ceil(count * factor),
    ...(seed === undefined ? {} : { seed: Number(seed) }),
    // A slow machine does fewer.
    interruptAfterTimeLimit: 20_000 * factor,
    markInterruptAsFailure: false,
  };
}
