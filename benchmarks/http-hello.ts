// (a) HTTP hello: a component through the host's HTTP server and a killable worker, beside bare node:http.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type Part, type Table, cpuMs, median, round, startPart } from './measure.ts';

export interface HttpHelloOptions {
  readonly rounds: number;
  readonly roundMs: number;
  readonly wat: string;
  readonly typescript: string;
  /** The Rust example, where somebody has built it. */
  readonly rust: string | undefined;
}

interface Sample {
  readonly perSecond: number;
  readonly cpuUs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

type Load = (
  port: number,
  durationMs: number,
) => Promise<{ count: number; perSecond: number; p50Ms: number; p99Ms: number }>;

const connections = 32;

export async function httpHello(options: HttpHelloOptions): Promise<Table> {
  const { rounds, roundMs, wat, typescript, rust } = options;
  const names = [
    'bare node:http',
    'WAT component',
    'WAT, fresh instance per request',
    'TypeScript component',
    ...(rust === undefined ? [] : ['Rust component']),
  ];
  const parts: Part[] = [];
  try {
    parts.push(await startPart('bare-http'));
    parts.push(await startPart('component-http', [wat, 'reuse']));
    parts.push(await startPart('component-http', [wat, 'fresh']));
    parts.push(await startPart('component-http', [typescript, 'reuse']));
    if (rust !== undefined) parts.push(await startPart('component-http', [rust, 'reuse']));
    const { load, tool } = await findLoad(parts);
    const samples = names.map((): Sample[] => []);
    for (const part of parts.slice(0, names.length)) await load(Number(part.ready['port']), roundMs / 2);
    for (let at = 0; at < rounds; at += 1) {
      for (const index of names.keys()) {
        const part = parts[index];
        if (part !== undefined) samples[index]?.push(await sample(part, load, roundMs));
      }
    }
    return table(
      names,
      samples,
      `${rounds} interleaved rounds of ${roundMs / 1000} s, ${connections} connections, ${tool}`,
    );
  } finally {
    await Promise.all(parts.map((part) => part.stop()));
  }
}

async function sample(part: Part, load: Load, durationMs: number): Promise<Sample> {
  const before = cpuMs(part.pid);
  const { count, perSecond, p50Ms, p99Ms } = await load(Number(part.ready['port']), durationMs);
  return { perSecond, cpuUs: ((cpuMs(part.pid) - before) * 1000) / count, p50Ms, p99Ms };
}

/** wrk where it is installed, because it takes less of the cores than anything written here. */
async function findLoad(parts: Part[]): Promise<{ load: Load; tool: string }> {
  const run = promisify(execFile);
  try {
    await run('wrk', ['-v']).catch((error: { code?: unknown }) => {
      if (error.code === 'ENOENT') throw error;
    });
    return { tool: 'load by wrk', load: wrk };
  } catch {
    const generator = await startPart('http-load');
    parts.push(generator);
    const load: Load = async (port, durationMs) =>
      (await generator.ask({ port, connections, durationMs })) as unknown as Awaited<ReturnType<Load>>;
    return { tool: 'load by processes/http-load.ts', load };
  }
}

const wrk: Load = async (port, durationMs) => {
  const args = ['-t1', `-c${connections}`, `-d${Math.max(1, Math.round(durationMs / 1000))}s`, '--latency'];
  const { stdout } = await promisify(execFile)('wrk', [...args, `http://127.0.0.1:${port}/`]);
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(stdout);
  const find = (pattern: RegExp): string => pattern.exec(stdout)?.[1] ?? 'NaN';
  const ms = (share: number): number => {
    const [, value, unit] = new RegExp(`${share}%\\s+([\\d.]+)(us|ms|s)\\b`).exec(stdout) ?? [];
    return Number(value) * (unit === 'us' ? 0.001 : unit === 's' ? 1000 : 1);
  };
  return {
    count: Number(find(/(\d+) requests in/)),
    perSecond: Number(find(/Requests\/sec:\s+([\d.]+)/)),
    p50Ms: ms(50),
    p99Ms: ms(99),
  };
};

function table(names: readonly string[], samples: readonly Sample[][], how: string): Table {
  const ratio = (index: number): number =>
    median(
      (samples[index] ?? []).map(
        ({ perSecond }, at) => perSecond / (samples[0]?.[at]?.perSecond ?? Number.NaN),
      ),
    );
  const rows = names.map((name, index) => {
    const of = (key: keyof Sample): string => round(median((samples[index] ?? []).map((one) => one[key])));
    return [name, of('perSecond'), ratio(index).toFixed(2), of('cpuUs'), of('p50Ms'), of('p99Ms')];
  });
  return {
    title: '(a) HTTP hello',
    about: `The same short answer from a bare node:http server and from components through the host's HTTP server, each in a worker that can be killed. ${how}; medians, ratios per round. CPU is the whole server process.`,
    columns: ['server', 'requests/s', 'ratio', 'CPU us/request', 'p50 ms', 'p99 ms'],
    rows,
    verdict: `**WAT component to bare node:http: ${ratio(1).toFixed(2)}** (aim 0.6).`,
  };
}
