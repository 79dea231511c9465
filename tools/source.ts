// What every check needs: the project's files, and a view of TypeScript in which comments or texts are blanked out.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that holds package.json, with a slash at its end. */
export const root: string = fileURLToPath(new URL('..', import.meta.url));

export interface SourceFile {
  /** From the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

export interface Problem {
  readonly path: string;
  readonly line?: number;
  readonly message: string;
}

const skipped = new Set(['node_modules', 'dist', '.git', '.work']);
const isText = /(?:\.(?:ts|js|mjs|json|md|wit|wat|txt|yaml|yml|sh)|\/run)$/;

/** Every text file below `folder` (from the root), sorted by path. */
export function readSources(folder: string): SourceFile[] {
  const found: SourceFile[] = [];
  for (const path of listFiles(folder)) {
    if (isText.test(path)) found.push({ path, text: readFileSync(join(root, path), 'utf8') });
  }
  return found;
}

/** Paths of all files below `folder`, in order, without installed and built ones. */
export function listFiles(folder: string): string[] {
  const entries = readdirSync(join(root, folder), { withFileTypes: true });
  const paths = entries.flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return skipped.has(entry.name) ? [] : listFiles(path);
    return entry.isFile() ? [path] : [];
  });
  return paths.toSorted();
}

const tokens =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\[\s\S])*`|(?<=[=(,:[!&|?{;\n]\s*)\/(?![*/])(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/g;

function blank(text: string): string {
  return text.replaceAll(/[^\n]/g, ' ');
}

/** The code with comments blanked out: lines and columns stay as they were. */
export function withoutComments(code: string): string {
  return code.replaceAll(tokens, (token) => (/^\/[*/]/.test(token) ? blank(token) : token));
}

/** The code with comments, texts and regular expressions blanked out. */
export function withoutText(code: string): string {
  return code.replaceAll(tokens, (token) => (token.startsWith('`') ? blankTemplate(token) : blank(token)));
}

/** What stands inside `${}` is code and stays. Templates inside such code are not looked into. */
function blankTemplate(token: string): string {
  let kept = '';
  let at = 0;
  for (const hole of token.matchAll(/\$\{[^{}]*\}/g)) {
    kept += blank(token.slice(at, hole.index)) + hole[0];
    at = hole.index + hole[0].length;
  }
  return kept + blank(token.slice(at));
}

export interface Import {
  readonly specifier: string;
  readonly line: number;
  /** `import()` rather than a declaration. */
  readonly isDynamic: boolean;
  /** `import type` or `export type`: erased before anything runs. */
  readonly isType: boolean;
}

const declaration = /^[ \t]*(?:import|export)(\s+type\b)?(?:[^;'"`=()]*?\bfrom)?\s*(['"])([^'"\n]+)\2/gm;
const call = /\bimport\(\s*(['"`])([^'"`\n]+)\1/g;

/** Every module that the code names in an import or re-export. */
export function importsOf(code: string): Import[] {
  const text = withoutComments(code);
  const declared = [...text.matchAll(declaration)].map((match) => ({
    specifier: match[3] ?? '',
    line: lineAt(text, match.index),
    isDynamic: false,
    isType: match[1] !== undefined,
  }));
  const called = [...text.matchAll(call)].map((match) => ({
    specifier: match[2] ?? '',
    line: lineAt(text, match.index),
    isDynamic: true,
    isType: /[:<|&,]\s*$/.test(text.slice(Math.max(0, match.index - 20), match.index)),
  }));
  return [...declared, ...called];
}

/** The number of the line that holds `index`, from 1. */
export function lineAt(text: string, index: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < index; at = text.indexOf('\n', at + 1)) line += 1;
  return line;
}

/** Prints the problems and sets the exit code. Says what was looked at where there are none. */
export function report(check: string, looked: string, problems: readonly Problem[]): void {
  for (const { path, line, message } of problems) {
    console.error(`${path}${line === undefined ? '' : `:${line}`}: ${message}`);
  }
  if (problems.length === 0) {
    console.log(`${check}: ${looked}, all in order`);
    return;
  }
  console.error(`${check}: ${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}`);
  process.exitCode = 1;
}
