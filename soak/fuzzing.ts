// Every reader of bytes that others send, fuzzed for a while. What is fuzzed and how is in fuzz/.
import { randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { FUZZ_TARGETS, type FuzzTargetName, runFuzz } from './fuzz/fuzz.ts';
import type { PartReport, Tell } from './part.ts';

export interface FuzzingOptions {
  /** For each target. */
  readonly runMs: number;
  /** Default: another one each time. It is among the figures, so that what was found can be repeated. */
  readonly seed?: number | undefined;
}

/** As many at a time as there are cores. */
export async function fuzzing(options: FuzzingOptions, tell: Tell): Promise<PartReport[]> {
  const seed = options.seed ?? randomInt(2 ** 31);
  const waiting = [...FUZZ_TARGETS];
  const reports: PartReport[] = [];
  const work = async (): Promise<void> => {
    for (let target = waiting.shift(); target !== undefined; target = waiting.shift()) {
      reports.push(await fuzzOne(target, options.runMs, seed, tell));
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return reports;
}

async function fuzzOne(
  target: FuzzTargetName,
  durationMs: number,
  seed: number,
  tell: Tell,
): Promise<PartReport> {
  const { inputs, findings } = await runFuzz({
    target,
    durationMs,
    seed,
    report: (progress) => {
      tell(`${target}: ${String(progress.inputs)} inputs, ${String(progress.findings)} findings`);
    },
  });
  return {
    name: `fuzz ${target}`,
    figures: { inputs: `${String(inputs)} (${(inputs / (durationMs / 1000)).toFixed(0)}/s)`, seed },
    problems: [
      ...(inputs > 0 ? [] : ['nothing was tried']),
      ...findings.map(
        ({ kind, reason, path }) => `${kind}${path === undefined ? '' : ` by ${path}`}: ${reason}`,
      ),
    ],
  };
}
