// Every environment variable that the packages read must be in the table of the command line's package, and every one
// there must be read.
import type { Variable } from '../packages/cli/src/environment.ts';
import { type Problem, type SourceFile, lineAt, withoutComments } from './source.ts';

export interface EnvironmentRead {
  readonly name: string;
  readonly path: string;
  readonly line: number;
}

const table = 'packages/cli/src/environment.ts';
const byText = /\benv(?:\?\.)?\[\s*(['"`])([A-Z]\w*)\1\s*\]/g;
const byName = /\benv\??\.([A-Z][A-Z0-9_]*)\b/g;
const byConstant = /\benv(?:\?\.)?\[\s*([A-Za-z_$][\w$.]*)\s*\]/g;
const taken = /\{([^{}]*)\}\s*=\s*(?:[\w.]+\.)?env\b/g;

/** The variables that files read, and the reads of which it cannot be told what they read. */
export function environmentReads(files: readonly SourceFile[]): {
  readonly reads: readonly EnvironmentRead[];
  readonly problems: readonly Problem[];
} {
  const codes = files.map(({ path, text }) => ({ path, text: withoutComments(text) }));
  const constants = new Map<string, string>();
  for (const { text } of codes) {
    for (const [, name = '', value = ''] of text.matchAll(/\bconst (\w+)(?:: string)? = '([A-Z][^'\n]*)'/g))
      constants.set(name, value);
  }
  const reads: EnvironmentRead[] = [];
  const problems: Problem[] = [];
  for (const { path, text } of codes) {
    const note = (name: string, index: number): void => {
      reads.push({ name, path, line: lineAt(text, index) });
    };
    for (const match of text.matchAll(byText)) note(match[2] ?? '', match.index);
    for (const match of text.matchAll(byName)) note(match[1] ?? '', match.index);
    for (const match of text.matchAll(taken)) {
      for (const [, name = ''] of (match[1] ?? '').matchAll(/(?:^|,)\s*([A-Z][A-Z0-9_]*)\b/g))
        note(name, match.index);
    }
    for (const match of text.matchAll(byConstant)) {
      const value = constants.get(match[1] ?? '');
      if (value !== undefined) note(value, match.index);
      // Whoever goes by the table reads nothing that it does not hold.
      else if (!/\bfrom '[^'\n]*\/environment\.ts'/.test(text)) {
        const line = lineAt(text, match.index);
        problems.push({
          path,
          line,
          message: `reads the environment by "${match[1] ?? ''}": name the variable`,
        });
      }
    }
  }
  return { reads, problems };
}

/** Variables that are read but not in the table, and those in the table that nobody reads. */
export function environmentProblems(
  listed: Readonly<Record<string, Variable>>,
  files: readonly SourceFile[],
): Problem[] {
  const { reads, problems } = environmentReads(files);
  const unlisted = reads
    .filter(({ name }) => !Object.hasOwn(listed, name))
    .map(({ name, path, line }) => ({ path, line, message: `reads ${name}, which ${table} does not list` }));
  const read = new Set(reads.map(({ name }) => name));
  const unread = Object.entries(listed)
    .filter(([name, { reader }]) => reader === undefined && !read.has(name))
    .map(([name]) => ({ path: table, message: `lists ${name}, which no package reads` }));
  return [...problems, ...unlisted, ...unread];
}
