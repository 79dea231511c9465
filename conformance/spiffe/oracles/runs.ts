// How long the property tests run: MUSTER_ORACLE_FACTOR=50 makes fifty times as many.
const factor = Number(process.env['MUSTER_ORACLE_FACTOR'] ?? '1');

/** fast-check prints the seed of what fails; MUSTER_ORACLE_SEED repeats it. */
export function runs(count: number): { numRuns: number; seed?: number; endOnFailure: boolean } {
  const seed = process.env['MUSTER_ORACLE_SEED'];
  return {
    numRuns: Math.ceil(count * factor),
    ...(seed === undefined ? {} : { seed: Number(seed) }),
    endOnFailure: false,
  };
}
