// Writes the documents that are made from code: docs/errors.md from the table in each package's src/errors.ts,
// docs/configuration.md from options, variables and interfaces, docs/events.md from the catalogues of events and audit
// records, and docs/api/<package>.md from what the package exports.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { defaultRules } from '@muster/callout';
import { AUTHORITY_AUDIT } from '../packages/authority/src/audit-records.ts';
import { CALLOUT_AUDIT } from '../packages/callout/src/audit-records.ts';
import { commands } from '../packages/cli/src/commands/index.ts';
import { ENVIRONMENT } from '../packages/cli/src/environment.ts';
import { HOST_AUDIT } from '../packages/host/src/audit-records.ts';
import { type PackageApi, apiPage, readApis } from './api-page.ts';
import { configurationPage } from './configuration-page.ts';
import { eventsPage, type PublishedExamples } from './events-page.ts';
import { listFiles, root } from './source.ts';

export interface ErrorTable {
  readonly package: string;
  readonly errors: Readonly<Record<string, string>>;
}

/** Path from the root to the text that should stand there. */
export async function generateDocs(): Promise<Map<string, string>> {
  return new Map([
    ['docs/errors.md', errorsPage(await readErrorTables())],
    ['docs/configuration.md', await readConfigurationPage()],
    ['docs/events.md', readEventsPage()],
  ]);
}

async function readConfigurationPage(): Promise<string> {
  const loaded = await Promise.all(commands.map(async (entry) => [entry, await entry.load()] as const));
  const names = { trustDomain: 'muster.internal', lattice: 'default' };
  return configurationPage({
    commands: loaded,
    environment: ENVIRONMENT,
    defaultRules: defaultRules(names),
  });
}

function readEventsPage(): string {
  const examples = readFileSync(join(root, 'packages/lattice/test/vectors/published.json'), 'utf8');
  return eventsPage(JSON.parse(examples) as PublishedExamples, {
    callout: CALLOUT_AUDIT,
    host: HOST_AUDIT,
    authority: AUTHORITY_AUDIT,
  });
}

/** As `generateDocs`, for the pages that need code which compiles. */
export function generateApiDocs(apis: readonly PackageApi[]): Map<string, string> {
  return new Map(apis.map((api) => [`docs/api/${api.folder}.md`, apiPage(api)]));
}

/** The `<PACKAGE>_ERRORS` tables of all packages that have one. */
export async function readErrorTables(): Promise<ErrorTable[]> {
  const tables: ErrorTable[] = [];
  for (const name of readdirSync(join(root, 'packages')).toSorted()) {
    const path = `packages/${name}/src/errors.ts`;
    if (!listFiles(`packages/${name}/src`).includes(path)) continue;
    const exported = (await import(pathToFileURL(join(root, path)).href)) as Record<string, unknown>;
    for (const [key, errors] of Object.entries(exported)) {
      if (key.endsWith('_ERRORS')) tables.push({ package: name, errors: errors as Record<string, string> });
    }
  }
  return tables;
}

/** One table per package, codes in order, so that a code can be found by looking and by searching. */
export function errorsPage(tables: readonly ErrorTable[]): string {
  const count = tables.reduce((sum, { errors }) => sum + Object.keys(errors).length, 0);
  const head = `# Errors

Generated from \`packages/*/src/errors.ts\` by \`npm run generate:docs\`; do not edit.

Every error of a package is of one class with a \`code\` from its table here. Branch on the code: it is stable, while messages are
for people and change. A peer that is refused hears only that it is denied; the code and the reason stand in the log and in the
audit record under the same request id. ${count} codes.
`;
  const sections = tables.map(({ package: name, errors }) => {
    const rows = Object.entries(errors)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([code, meaning]) => `| \`${code}\` | ${meaning.replaceAll('|', '\\|')} |`);
    return `\n## ${name}\n\n| code | meaning |\n|---|---|\n${rows.join('\n')}\n`;
  });
  return head + sections.join('');
}

function write(pages: ReadonlyMap<string, string>): void {
  for (const [path, text] of pages) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
    console.log(path);
  }
}

if (import.meta.main) {
  write(await generateDocs());
  write(generateApiDocs(readApis()));
}
