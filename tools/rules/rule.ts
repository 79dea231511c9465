import { type Problem, type SourceFile, lineAt } from '../source.ts';

/** One rule of the house: what it looks for, and why anybody should care. */
export interface Rule {
  readonly name: string;
  readonly reason: string;
  check(files: readonly SourceFile[]): Problem[];
}

export const isSource = (path: string): boolean =>
  /^packages\/[^/]+\/src\/.*\.ts$/.test(path) && !path.endsWith('.d.ts');
export const isTest = (path: string): boolean =>
  /^(?:packages\/[^/]+|tools)\/test\/|^(?:integration|conformance)\//.test(path);
export const isCode = (path: string): boolean => /\.[jt]s$/.test(path) && !path.endsWith('.d.ts');

export function countLines(text: string): number {
  return text.split('\n').length - 1;
}

/** The names of the packages that hold at least one file. */
export function packagesOf(files: readonly SourceFile[]): string[] {
  const names = files.map(({ path }) => /^packages\/([^/]+)\//.exec(path)?.[1]);
  return [...new Set(names.filter((name) => name !== undefined))];
}

export interface Search {
  readonly pattern: RegExp;
  readonly message: (match: RegExpExecArray) => string;
  /** Which files. */
  readonly within: (path: string) => boolean;
  /** What of a file is looked at; all of it where nothing is said. */
  readonly view?: (text: string) => string;
}

/** One problem for each place where the pattern stands. */
export function search(files: readonly SourceFile[], { pattern, message, within, view }: Search): Problem[] {
  return files
    .filter(({ path }) => within(path))
    .flatMap(({ path, text }) => {
      const seen = view === undefined ? text : view(text);
      return [...seen.matchAll(pattern)].map((match) => ({
        path,
        line: lineAt(seen, match.index),
        message: message(match),
      }));
    });
}
