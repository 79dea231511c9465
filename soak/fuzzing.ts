// Every reader of bytes that others send, fuzzed for a while. What is fuzzed and how is in fuzz/.
import { randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { FUZZ_TARGETS, type FuzzTargetName, measureMemory, runFuzz } from './fuzz/fuzz.ts';
import type { PartReport, Tell } from './part.ts';

export interface FuzzingOptions {
  /** Default: all. */
  readonly targets?: readonly FuzzTargetName[] | undefined;
  /** For each target. */
  readonly runMs: number;
  /** Default: another one each time. It is among the figures, so that what was found can be repeated. */
  readonly seed?: number | undefined;
}

/** As many at a time as there are cores. */
export async function fuzzing(options: FuzzingOptions, tell: Tell): Promise<PartReport[]> {
  const seed = options.seed ?? randomInt(2 ** 31);
  const targets = options.targets ?? FUZZ_TARGETS;
  const waiting = [...targets];
  const reports: PartReport[] = [];
  const work = async (): Promise<void> => {
    for (let target = waiting.shift(); target !== undefined; target = waiting.shift()) {
      reports.push(await fuzzOne(target, options.runMs, seed, tell));
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return [...reports, await measure(targets)];
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

/** Big inputs that were made to take much memory or time. */
async function measure(targets: readonly FuzzTargetName[]): Promise<PartReport> {
  const measures = (await measureMemory(targets)) ?? [];
  const share = Math.max(0, ...measures.map(({ peakBytes, allowedBytes }) => peakBytes / allowedBytes));
  const longestMs = Math.max(0, ...measures.map(({ milliseconds }) => milliseconds));
  const figures = {
    inputs: measures.length,
    'memory at most': `${(100 * share).toFixed(0)} % of what is allowed`,
    'longest read': `${longestMs.toFixed(0)} ms`,
  };
  const problems = measures
    .filter(({ peakBytes, allowedBytes }) => peakBytes > allowedBytes)
    .map((one) => {
      const name = `${one.target}, ${one.name}`;
      return `${name}: ${one.inputBytes} bytes took ${one.peakBytes} of ${one.allowedBytes}`;
    });
  return { name: 'fuzz, big inputs', figures, problems };
}
