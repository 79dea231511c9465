// Measures what a reader takes at its peak: the resident memory of this process, whose high-water mark Linux resets on demand.
import { readFileSync, writeFileSync } from 'node:fs';
import { amplifiers } from './amplifiers.ts';
import type { FuzzTargetName, MemoryMeasure } from './fuzz.ts';
import { type FuzzTarget, tryInput, tryReader } from './target.ts';
import { readers } from './targets.ts';
import { protobuf } from './wire-targets.ts';

const SIZES = [64 * 1024, 1024 * 1024, 4 * 1024 * 1024];
const ALLOWED_FACTOR = 10;
const ALLOWED_BYTES = 16 * 1024 * 1024;

const [name = ''] = process.argv.slice(2);
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

function readStatus(what: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync('/proc/self/status', 'latin1');
  return Number(new RegExp(`^${what}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024;
}

function resetPeak(): boolean {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
    return readStatus('VmHWM') > 0;
  } catch {
    return false;
  }
}

/** The most that any of the readers takes. */
async function measure(target: FuzzTarget, what: string, input: Buffer): Promise<MemoryMeasure> {
  let peakBytes = 0;
  let milliseconds = 0;
  for (const read of target.readers(input)) {
    globalThis.gc?.();
    globalThis.gc?.();
    resetPeak();
    const before = readStatus('VmRSS');
    const startedAt = performance.now();
    const fault = await tryReader(read);
    milliseconds = Math.max(milliseconds, performance.now() - startedAt);
    peakBytes = Math.max(peakBytes, readStatus('VmHWM') - before);
    if (fault !== undefined) throw new Error(`${what}: ${fault}`);
  }
  const allowedBytes = ALLOWED_FACTOR * input.length + ALLOWED_BYTES;
  return { target: name, name: what, inputBytes: input.length, peakBytes, allowedBytes, milliseconds };
}

const target = [...readers, protobuf].find((one) => one.name === name);
if (target === undefined || !resetPeak()) {
  say({ event: 'unknown' });
} else {
  // What is loaded and compiled at first use is not what an input takes.
  for (const input of target.corpus.slice(0, 50)) await tryInput(target, input);
  for (const { name: what, build } of amplifiers[name as FuzzTargetName]) {
    for (const size of SIZES) say({ event: 'measure', ...(await measure(target, what, build(size))) });
  }
}
process.exit(0);
