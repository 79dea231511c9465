// npm run benchmark -- [--only a|b|c] [--rounds 3] [--seconds 3] [--rust hello_rust.wasm] [--no-write]
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  build as buildIdentity,
  sourceDigest as digestOfIdentity,
} from '../examples/hello-identity/build.ts';
import { build as buildWat, sourceDigest as digestOfWat } from '../examples/hello-wat/build.ts';
import { authentications } from './authentications.ts';
import { coldStart } from './cold-start.ts';
import { httpHello } from './http-hello.ts';
import { type Table, formatTable } from './measure.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    rust: { type: 'string' },
    'no-write': { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
const here = fileURLToPath(new URL('.', import.meta.url));

/** Built once per digest of its sources. */
async function example(
  name: string,
  digest: Promise<string>,
  build: (outDir: string) => Promise<string>,
): Promise<string> {
  const folder = join(here, '.work', name, (await digest).slice(7, 23));
  const path = join(folder, `${name}.wasm`);
  const isThere = await readFile(path).then(
    () => true,
    () => false,
  );
  if (!isThere) {
    console.error(`building ${name}`);
    await mkdir(folder, { recursive: true });
    await build(folder);
  }
  return path;
}

const wat = await example('hello-wat', digestOfWat(), buildWat);
const typescript = await example('hello-identity', digestOfIdentity(), buildIdentity);
const benchmarks: Record<string, () => Promise<Table>> = {
  a: () => httpHello({ rounds, roundMs: Number(values.seconds) * 1000, wat, typescript, rust: values.rust }),
  b: () => authentications({ rounds, plainCount: 3000, calloutCount: 1500 }),
  c: () => coldStart({ rounds: rounds * 3, wat, typescript }),
};

const texts: string[] = [];
for (const [name, benchmark] of Object.entries(benchmarks)) {
  if (values.only !== undefined && values.only !== name) continue;
  const text = formatTable(await benchmark());
  console.log(text);
  texts.push(text);
}
if (!values['no-write'] && values.only === undefined) {
  const { model = 'unknown' } = cpus()[0] ?? {};
  const head = `# Results

Written by \`npm run benchmark\` on ${new Date().toISOString().slice(0, 10)}: Node ${process.version.slice(1)}, ${process.platform} ${process.arch},
${cpus().length} x ${model}. Server, service and load generator share the cores, so rates depend on the machine and on what else
runs on it; ratios are of two things measured in turn in one run.
`;
  await writeFile(join(here, 'results.md'), [head, ...texts].join('\n'));
}
