// Leaves of the declarations what somebody who imports the entry points can get to see. The rest only takes place.
import { dirname, join, normalize } from 'node:path';
import { readReexports, type Statement, statementsOf } from './api-declarations.ts';
import { withoutText } from './source.ts';

interface DeclarationFile {
  readonly statements: readonly Statement[];
  /** Local names of what is imported from other files, and what they are called there. */
  readonly imports: ReadonlyMap<string, { readonly path: string; readonly name: string }>;
  readonly reexports: ReadonlyMap<string, string>;
}

const declared =
  /^(?:export )?(?:declare )?(?:abstract )?(?:class|interface|type|function|const|let|var|enum) ([\w$]+)/;
const named = /^import (?:type )?\{([^}]*)\} from '([^']+)'$/;
const whole = /^import (?:type )?(?:\* as )?([\w$]+) from '[^']+'$/;

/**
 * The declarations by their path, without those that no entry point exports and that nothing in what they export names.
 * Files of which nothing is left are left out. Throws for a name that is exported, but not there.
 */
export function neededDeclarations(
  entries: Iterable<string>,
  declarations: ReadonlyMap<string, string>,
): Map<string, string> {
  const files = new Map([...declarations].map(([path, text]) => [path, readFile(path, text)]));
  const needed = new Map<string, Set<string>>();
  const waiting = [...entries].flatMap((path) =>
    readReexports(declarations.get(path) ?? '').map(({ name }) => ({ path, name })),
  );
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { path, name } = next;
    const names = needed.get(path) ?? new Set<string>();
    needed.set(path, names);
    if (names.has(name)) continue;
    names.add(name);
    const file = files.get(path);
    const from = file?.reexports.get(name);
    const own = file?.statements.filter(({ code }) => declared.exec(code)?.[1] === name) ?? [];
    if (from !== undefined) waiting.push({ path: from, name });
    else if (own.length === 0) throw new Error(`Cannot build: ${name} is not declared in ${path}`);
    for (const { code } of own) waiting.push(...namedBy(code, path, file));
  }
  return new Map([...needed].map(([path, names]) => [path, write(files.get(path), names)] as const));
}

function readFile(path: string, text: string): DeclarationFile {
  const statements = statementsOf(text);
  const imports = new Map<string, { path: string; name: string }>();
  for (const { code } of statements) {
    const [, list = '', from = ''] = named.exec(code) ?? [];
    if (!from.startsWith('.')) continue;
    for (const { name, local } of specifiersOf(list)) imports.set(local, { path: resolve(path, from), name });
  }
  const reexports = new Map(readReexports(text).map(({ name, from }) => [name, resolve(path, from)]));
  return { statements, imports, reexports };
}

function specifiersOf(list: string): { text: string; name: string; local: string }[] {
  return list
    .split(',')
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .map((text) => {
      const [name = '', local = name] = text.replace(/^type /, '').split(' as ');
      return { text, name, local };
    });
}

function resolve(path: string, from: string): string {
  return normalize(join(dirname(path), from.replace(/\.js$/, '.d.ts')));
}

function identifiersOf(code: string): Set<string> {
  return new Set([...withoutText(code).matchAll(/[A-Za-z_$][\w$]*/g)].map(([word]) => word));
}

/** What of this file and of others a declaration names. */
function namedBy(
  code: string,
  path: string,
  file: DeclarationFile | undefined,
): { path: string; name: string }[] {
  const words = identifiersOf(code);
  const own = (file?.statements ?? [])
    .map((statement) => declared.exec(statement.code)?.[1])
    .filter((name) => name !== undefined && words.has(name))
    .map((name) => ({ path, name: name ?? '' }));
  const imported = [...(file?.imports ?? [])]
    .filter(([local]) => words.has(local))
    .map(([, target]) => target);
  const inline = [...code.matchAll(/\bimport\(['"](\.[^'"]+)['"]\)\.([\w$]+)/g)].map((match) => ({
    path: resolve(path, match[1] ?? ''),
    name: match[2] ?? '',
  }));
  return [...own, ...imported, ...inline];
}

/** The file with the statements of these names, and of its imports those that they name. */
function write(file: DeclarationFile | undefined, names: ReadonlySet<string>): string {
  const statements = file?.statements ?? [];
  const kept = statements.filter(({ code }) => names.has(declared.exec(code)?.[1] ?? ''));
  const words = identifiersOf(kept.map(({ code }) => code).join('\n'));
  const lines: string[] = [];
  for (const statement of statements) {
    const { code } = statement;
    const [, list, from = ''] = named.exec(code) ?? [];
    const [, local = ''] = whole.exec(code) ?? [];
    const [reexport] = readReexports(code);
    if (kept.includes(statement)) lines.push(statement.text);
    else if (list !== undefined) {
      const left = specifiersOf(list).filter((one) => words.has(one.local));
      const type = code.startsWith('import type') ? 'type ' : '';
      if (left.length > 0)
        lines.push(`import ${type}{ ${left.map(({ text }) => text).join(', ')} } from '${from}';`);
    } else if (words.has(local)) lines.push(`${code};`);
    else if (reexport !== undefined) {
      const left = readReexports(code).filter(({ name }) => names.has(name));
      const type = code.startsWith('export type') ? 'type ' : '';
      if (left.length > 0)
        lines.push(`export ${type}{ ${left.map(({ name }) => name).join(', ')} } from '${reexport.from}';`);
    }
  }
  // Without an export of its own a file would show everything that it declares.
  lines.push('export {};');
  return `${lines.join('\n')}\n`;
}
