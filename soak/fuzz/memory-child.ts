// Measures what a reader takes at its peak: the resident memory of this process, whose high-water mark Linux resets on demand.
import { readFileSync, writeFileSync } from 'node:fs';
import { amplifiers } from './amplifiers.ts';
import type { FuzzTargetName, MemoryMeasure } from './fuzz.ts';
import { type FuzzTarget, tryInput, tryReader } from './target.ts';
import { readers } from './targets.ts';
import { protobuf } from './wire-targets.ts';

const ALLOWED_FACTOR = 10;
const ALLOWED_BYTES = 16 * 1024 * 1024;

const [names = '', sizes = ''] = process.argv.slice(2);
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

interface Peak {
  readonly bytes: number;
  readonly milliseconds: number;
}

/** What the readers take together: what the garbage collector has not taken away is counted, too. */
async function measureOnce(what: string, readers: readonly (() => unknown)[]): Promise<Peak> {
  let milliseconds = 0;
  globalThis.gc?.();
  globalThis.gc?.();
  resetPeak();
  const before = readStatus('VmRSS');
  for (const read of readers) {
    const startedAt = performance.now();
    const fault = await tryReader(read);
    milliseconds = Math.max(milliseconds, performance.now() - startedAt);
    if (fault !== undefined) throw new Error(`${what}: ${fault}`);
  }
  return { bytes: Math.max(0, readStatus('VmHWM') - before), milliseconds };
}

async function measure(target: FuzzTarget, what: string, input: Buffer): Promise<MemoryMeasure> {
  const allowedBytes = ALLOWED_FACTOR * input.length + ALLOWED_BYTES;
  const readers = target.readers(input);
  let peak = await measureOnce(what, readers);
  // Only then each by itself, which takes much longer.
  if (peak.bytes > allowedBytes) {
    peak = { ...peak, bytes: 0 };
    for (const read of readers) {
      const { bytes } = await measureOnce(what, [read]);
      peak = { ...peak, bytes: Math.max(peak.bytes, bytes) };
    }
  }
  const { bytes: peakBytes, milliseconds } = peak;
  return { target: target.name, name: what, inputBytes: input.length, peakBytes, allowedBytes, milliseconds };
}

if (!resetPeak()) {
  say({ event: 'unknown' });
  process.exit(0);
}
for (const target of [...readers, protobuf].filter(({ name }) => names.split(',').includes(name))) {
  // What is loaded and compiled at first use is not what an input takes.
  for (const input of target.corpus.slice(0, 50)) await tryInput(target, input);
  for (const { name: what, build } of amplifiers[target.name as FuzzTargetName]) {
    for (const size of sizes.split(',').map(Number)) {
      say({ event: 'measure', ...(await measure(target, what, build(size))) });
    }
  }
}
process.exit(0);
