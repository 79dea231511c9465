// Runs a target in a process of its own, with bounds on its memory, so that what is found ends neither us nor the machine.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const FUZZ_TARGETS = [
  'der',
  'certificate',
  'chain',
  'pem',
  'jwt',
  'bundle',
  'id',
  'protobuf',
  'grpc',
] as const;
/** Faults made on purpose, for the tests of this. */
export const BROKEN_TARGETS = ['broken-crash', 'broken-hang', 'broken-memory'] as const;
export type FuzzTargetName = (typeof FUZZ_TARGETS)[number] | (typeof BROKEN_TARGETS)[number];

/** What went wrong with one input. */
export interface FuzzFinding {
  readonly target: string;
  /** `crash`: another error than ours was thrown. */
  readonly kind: 'crash' | 'hang' | 'memory';
  readonly reason: string;
  /** A file with the input. */
  readonly path?: string;
}

export interface FuzzOutcome {
  readonly target: string;
  readonly seed: number;
  readonly inputs: number;
  readonly findings: readonly FuzzFinding[];
}

export interface FuzzOptions {
  readonly target: FuzzTargetName;
  readonly durationMs: number;
  /** The same seed gives the same inputs in the same order. */
  readonly seed: number;
  /** How long one input may take, in ms; five times as long when it is read alone. Default 2000. */
  readonly hangMs?: number;
  /** Told now and then how far it is. */
  readonly report?: (progress: {
    readonly target: string;
    readonly inputs: number;
    readonly findings: number;
  }) => void;
}

const HEAP_MB = 256;
// Node reserves 10 GB of address space for two threads. This only stops what would take the machine down.
const ADDRESS_SPACE_KB = 16 * 1024 * 1024;

/** Fuzzes a target for a while. What is found is in the outcome, not thrown. */
export async function runFuzz(options: FuzzOptions): Promise<FuzzOutcome> {
  const { target, durationMs, seed, report, hangMs = 2000 } = options;
  const findings: FuzzFinding[] = [];
  let inputs = 0;
  const last = await runChild(
    'child.ts',
    [target, String(durationMs), String(seed), String(hangMs)],
    (line) => {
      if (line['event'] === 'finding') findings.push(toFinding(target, line));
      if (typeof line['inputs'] === 'number') inputs = line['inputs'];
      report?.({ target, inputs, findings: findings.length });
    },
  );
  if (last !== undefined) findings.push({ target, kind: 'crash', reason: last });
  return { target, seed, inputs, findings };
}

/** What one amplification attempt took, in bytes above what there was before. */
export interface MemoryMeasure {
  readonly target: string;
  readonly name: string;
  readonly inputBytes: number;
  readonly peakBytes: number;
  readonly allowedBytes: number;
  readonly milliseconds: number;
}

/** Measures what reading big inputs takes that were made to take much. Undefined where the system cannot tell. */
export async function measureMemory(
  targets: readonly FuzzTargetName[],
  sizes: readonly number[] = [64 * 1024, 1024 * 1024, 4 * 1024 * 1024],
): Promise<readonly MemoryMeasure[] | undefined> {
  const measures: MemoryMeasure[] = [];
  let isUnknown = false;
  const last = await runChild('memory-child.ts', [targets.join(','), sizes.join(',')], (line) => {
    if (line['event'] === 'measure') measures.push(line as unknown as MemoryMeasure);
    if (line['event'] === 'unknown') isUnknown = true;
  });
  if (last !== undefined) throw new Error(`Cannot measure ${targets.join(', ')}: ${last}`);
  return isUnknown ? undefined : measures;
}

type Line = Readonly<Record<string, unknown>>;

const children = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

/** Returns what the process said at its end where that was not a good one. */
async function runChild(
  file: string,
  words: readonly string[],
  onLine: (line: Line) => void,
): Promise<string | undefined> {
  const node = [
    process.execPath,
    '--conditions=@muster/source',
    '--disable-warning=ExperimentalWarning',
    '--expose-gc',
    // Types are stripped by WebAssembly, which would reserve more address space than there may be.
    '--disable-wasm-trap-handler',
    `--max-old-space-size=${HEAP_MB}`,
    '--max-semi-space-size=2',
    fileURLToPath(new URL(file, import.meta.url)),
    ...words,
  ];
  const limited =
    process.platform === 'win32'
      ? node
      : ['sh', '-c', `ulimit -v ${ADDRESS_SPACE_KB}; exec "$@"`, 'sh', ...node];
  const [command, ...rest] = limited as [string, ...string[]];
  const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-4000)));
  createInterface({ input: child.stdout }).on('line', (line) => onLine(JSON.parse(line) as Line));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  children.delete(child);
  return code === 0 ? undefined : `ended with ${String(code ?? signal)}: ${said.trim()}`;
}

function toFinding(target: string, line: Line): FuzzFinding {
  const { kind, reason, path } = line;
  return {
    target,
    kind: kind as FuzzFinding['kind'],
    reason: String(reason),
    ...(typeof path === 'string' ? { path } : {}),
  };
}
