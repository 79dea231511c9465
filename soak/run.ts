// npm run soak -- [rotation] [stops] [spire] [fuzz] [--minutes 10] [--requests 200] [--handshakes 20] [--ttl 20]
//   [--rotate 120] [--seed 1] [-o json]
import { parseArgs } from 'node:util';
import { fuzzing } from './fuzzing.ts';
import { formatReports, type PartReport, type Tell } from './part.ts';
import { rotation } from './rotation.ts';
import { onSpire } from './spire.ts';
import { stopClient, stopProvider } from './stops.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string', default: '10' },
    requests: { type: 'string', default: '200' },
    handshakes: { type: 'string', default: '20' },
    ttl: { type: 'string', default: '20' },
    rotate: { type: 'string', default: '120' },
    seed: { type: 'string' },
    output: { type: 'string', short: 'o', default: 'text' },
  },
});
const rates = {
  requestsPerSecond: readPositive('requests'),
  handshakesPerSecond: readPositive('handshakes'),
};
const runMs = readPositive('minutes') * 60_000;
const svidTtlMs = readPositive('ttl') * 1000;
const rotateEveryMs = readPositive('rotate') * 1000;

const parts: Readonly<Record<string, (tell: Tell) => Promise<PartReport[]>>> = {
  async rotation(tell) {
    const overlapMs = rotateEveryMs / 4;
    return [
      await rotation({ ...rates, runMs, svidTtlMs, rotateEveryMs, overlapMs, lagMs: overlapMs / 5 }, tell),
    ];
  },
  async stops(tell) {
    const options = {
      requestsPerSecond: rates.requestsPerSecond / 4,
      handshakesPerSecond: rates.handshakesPerSecond / 4,
    };
    // The second stop of the provider lasts until every back-off is at its longest.
    return await Promise.all([
      stopProvider({ ...options, svidTtlMs, stopMs: svidTtlMs * 1.5 }, () => {}),
      stopProvider({ ...options, svidTtlMs, stopMs: svidTtlMs * 5 }, tell),
      stopClient({ ...options, svidTtlMs, stopMs: svidTtlMs * 1.5 }, () => {}),
    ]);
  },
  spire: async (tell) => await onSpire({ ...rates, runMs, stopMs: 90_000 }, tell),
  fuzz: async (tell) =>
    await fuzzing({ runMs, seed: values.seed === undefined ? undefined : Number(values.seed) }, tell),
};

function readPositive(name: 'minutes' | 'requests' | 'handshakes' | 'ttl' | 'rotate'): number {
  const value = Number(values[name]);
  if (!(value > 0)) throw new Error(`--${name} must be a positive number, not "${values[name]}"`);
  return value;
}

/** On a terminal one line that changes; elsewhere a line every half minute. */
function progressOf(part: string): Tell {
  let lastAt = 0;
  return (line) => {
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[2K${part}: ${line}`);
    else if (performance.now() - lastAt > 30_000) {
      lastAt = performance.now();
      console.error(`${part}: ${line}`);
    }
  };
}

async function runPart(name: string): Promise<PartReport[]> {
  try {
    return (await parts[name]?.(progressOf(name))) ?? [];
  } catch (error) {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return [{ name, figures: {}, problems: [reason] }];
  } finally {
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[2K');
  }
}

const wanted = positionals.length === 0 ? Object.keys(parts) : positionals;
const unknown = wanted.filter((name) => parts[name] === undefined);
if (unknown.length > 0) {
  console.error(`There is no part "${unknown.join('", "')}": parts are ${Object.keys(parts).join(', ')}`);
  process.exit(2);
}
if (!['text', 'json'].includes(values.output)) {
  console.error(`Cannot write "${values.output}": outputs are text and json`);
  process.exit(2);
}
const reports: PartReport[] = [];
for (const name of wanted) {
  const found = await runPart(name);
  reports.push(...found);
  if (values.output === 'text') console.log(`${formatReports(found)}\n`);
}
const failed = reports.filter(({ problems }) => problems.length > 0);
if (values.output === 'json')
  console.log(JSON.stringify({ isPassed: failed.length === 0, reports }, undefined, 2));
else console.log(`${String(reports.length - failed.length)} of ${String(reports.length)} passed`);
process.exit(failed.length === 0 ? 0 : 1);
