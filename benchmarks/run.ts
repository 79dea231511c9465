// npm run benchmark -- [--only a|b|c|d] [--rounds 3] [--seconds 3] [--rust hello_rust.wasm] [--no-write]
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
import { spiffe } from './spiffe.ts';

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

async function components(): Promise<{ readonly wat: string; readonly typescript: string }> {
  return {
    wat: await example('hello-wat', digestOfWat(), buildWat),
    typescript: await example('hello-identity', digestOfIdentity(), buildIdentity),
  };
}

const benchmarks: Record<string, () => Promise<Table>> = {
  a: async () =>
    httpHello({
      rounds,
      roundMs: Number(values.seconds) * 1000,
      ...(await components()),
      rust: values.rust,
    }),
  b: () => authentications({ rounds, plainCount: 3000, calloutCount: 1500 }),
  c: async () => coldStart({ rounds: rounds * 3, ...(await components()) }),
  d: () => spiffe({ rounds, handshakes: 500 }),
};

const texts: string[] = [];
for (const [name, benchmark] of Object.entries(benchmarks)) {
  if (values.only !== undefined && values.only !== name) continue;
  const text = formatTable(await benchmark());
  console.log(text);
  texts.push(text);
}
const date = new Date().toISOString().slice(0, 10);
const resultsFile = join(here, 'results.md');
if (!values['no-write'] && values.only !== undefined) {
  const about = `Run on its own on ${date} with Node ${process.version.slice(1)}.\n`;
  const old = await readFile(resultsFile, 'utf8');
  await writeFile(resultsFile, replaceSection(old, `${texts.join('')}\n${about}`));
}
if (!values['no-write'] && values.only === undefined) {
  const { model = 'unknown' } = cpus()[0] ?? {};
  const head = `# Results

Written by \`npm run benchmark\` on ${date}: Node ${process.version.slice(1)}, ${process.platform} ${process.arch},
${cpus().length} x ${model}. Server, service and load generator share the cores, so rates depend on the machine and on what else
runs on it; ratios are of two things measured in turn in one run.
`;
  await writeFile(resultsFile, [head, ...texts].join('\n'));
}

/** Puts a section in the place of the one with the same title, or at the end. */
function replaceSection(results: string, section: string): string {
  const parts = results.trimEnd().split(/\n\n(?=## )/);
  const title = section.slice(0, section.indexOf('\n'));
  const at = parts.findIndex((part) => part.startsWith(title));
  parts.splice(at < 0 ? parts.length : at, 1, section.trimEnd());
  return `${parts.join('\n\n')}\n`;
}
