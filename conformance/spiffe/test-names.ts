import { existsSync, readdirSync, readFileSync } from 'node:fs';

const root = new URL('../../', import.meta.url);
const LITERAL = String.raw`'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|\`(?:[^\`\\]|\\.)*\``;
const TEST = new RegExp(String.raw`\b(?:test|suite|it|describe)\(\s*(${LITERAL}|[a-z]\w*(?=\s*,))`, 'g');
// An element of a row or the key of one in a table, which a test may put into its name.
const LABEL = new RegExp(
  String.raw`(?<=[\[,]\s*)(${LITERAL})(?=\s*[,\]])|(?<=[{,]\s*)(${LITERAL})(?=:\s*\[)`,
  'g',
);

/** What a file of tests calls its tests. */
export interface TestNames {
  /** As the source spells them, `${...}` included. */
  readonly spelled: ReadonlySet<string>;
  /** What may stand for a `${...}`: the texts in rows. */
  readonly labels: ReadonlySet<string>;
}

const known = new Map<string, TestNames>();

/** Reads the names of the tests in a file, by its path from the root. None for a file that is not there. */
export function readTestNames(path: string): TestNames {
  let names = known.get(path);
  if (names === undefined) {
    const file = new URL(path, root);
    const source = existsSync(file) ? readFileSync(file, 'utf8') : '';
    names = { spelled: collect(source, TEST), labels: collect(source, LABEL) };
    known.set(path, names);
  }
  return names;
}

/**
 * Says whether `<path from the root>: <name>` is a test: its name as the source spells it, or with a label of the same file
 * in place of each `${...}`. Text elsewhere in the file is not one.
 */
export function isTest(named: string): boolean {
  const [, path = '', name = ''] = /^(\S+\.test\.ts): (.+)$/.exec(named) ?? [];
  const { spelled, labels } = readTestNames(path);
  return spelled.has(name) || [...spelled].some((template) => isMadeOf(name, template, labels));
}

/** The test files below the folders, as paths from the root. */
export function listTestFiles(...folders: readonly string[]): string[] {
  return folders.flatMap((folder) =>
    readdirSync(new URL(`${folder}/`, root), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.test.ts') && !file.includes('node_modules'))
      .map((file) => `${folder}/${file}`),
  );
}

function isMadeOf(name: string, template: string, labels: ReadonlySet<string>): boolean {
  const fixed = template.split(/\$\{[^}]*\}/);
  if (fixed.length < 2) {
    return false;
  }
  const pattern = fixed.map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)).join('(.+)');
  const found = new RegExp(`^${pattern}$`).exec(name);
  return found?.slice(1).every((label) => labels.has(label)) ?? false;
}

function collect(source: string, pattern: RegExp): Set<string> {
  return new Set(
    [...source.matchAll(pattern)].map(([, first, second]) => {
      const found = first ?? second ?? '';
      // A name that is a variable is a template with nothing around it.
      return /^['"`]/.test(found) ? found.slice(1, -1).replaceAll(/\\(['"`\\])/g, '$1') : `\${${found}}`;
    }),
  );
}
