// node soak/fuzz/run.ts [target ...] [--minutes 10] [--seed 1]: some targets or all, without the rest of the soak.
import { parseArgs } from 'node:util';
import { fuzzing } from '../fuzzing.ts';
import { formatReports } from '../part.ts';
import { FUZZ_TARGETS, type FuzzTargetName } from './fuzz.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { minutes: { type: 'string', default: '10' }, seed: { type: 'string' } },
});
const unknown = positionals.filter((name) => !(FUZZ_TARGETS as readonly string[]).includes(name));
const runMs = Number(values.minutes) * 60_000;
if (unknown.length > 0 || !(runMs > 0)) {
  console.error(
    `There is no target "${unknown.join('", "')}" or no such time: targets are ${FUZZ_TARGETS.join(', ')}`,
  );
  process.exit(2);
}
const reports = await fuzzing(
  {
    targets: positionals.length === 0 ? undefined : (positionals as FuzzTargetName[]),
    runMs,
    seed: values.seed === undefined ? undefined : Number(values.seed),
  },
  () => {},
);
console.log(formatReports(reports));
process.exit(reports.some(({ problems }) => problems.length > 0) ? 1 : 0);
