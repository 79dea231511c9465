// Child processes that are measured, and the few numbers that are made of what they report.
import { type ChildProcess, fork, type Serializable } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A script of processes/ that answers one message at a time. */
export interface Part {
  readonly pid: number;
  /** What the script sent when it was ready. */
  readonly ready: Record<string, unknown>;
  ask(message: Serializable): Promise<Record<string, unknown>>;
  stop(): Promise<void>;
}

/** Starts processes/<name>.ts and waits for its first message. `secret` goes over descriptor 4. */
export async function startPart(name: string, args: readonly string[] = [], secret?: string): Promise<Part> {
  const script = fileURLToPath(new URL(`processes/${name}.ts`, import.meta.url));
  const child = fork(script, args, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc', 'pipe'],
    serialization: 'advanced',
  });
  (child.stdio[4] as NodeJS.WritableStream).end(secret ?? '');
  const ready = await answer(child, name);
  return {
    pid: child.pid ?? 0,
    ready,
    ask(message) {
      child.send(message);
      return answer(child, name);
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

async function answer(child: ChildProcess, name: string): Promise<Record<string, unknown>> {
  const waiting = new AbortController();
  const { signal } = waiting;
  try {
    return await Promise.race([
      once(child, 'message', { signal }).then(([message]) => message as Record<string, unknown>),
      once(child, 'exit', { signal }).then(([code, killedBy]) => {
        throw new Error(`processes/${name}.ts ended with ${String(code ?? killedBy)}`);
      }),
    ]);
  } finally {
    waiting.abort();
  }
}

/** CPU time of a process and all its threads so far, in ms; the kernel counts in steps of 10. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value that `share` of the values do not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export interface Table {
  readonly title: string;
  /** What was compared with what, one paragraph. */
  readonly about: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** The ratio and what it should be. */
  readonly verdict: string;
}

export function formatTable({ title, about, columns, rows, verdict }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const body = [line(columns), line(columns.map(() => '---')), ...rows.map(line)].join('\n');
  return `## ${title}\n\n${about}\n\n${body}\n\n${verdict}\n`;
}

/** Three significant digits, without an exponent. */
export function round(value: number): string {
  if (!Number.isFinite(value)) return '-';
  return value >= 100
    ? Math.round(value).toLocaleString('en-US').replaceAll(',', ' ')
    : String(Number(value.toPrecision(3)));
}
