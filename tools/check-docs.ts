// Documents say what is: generated ones are up to date and list every variable that is read, links lead somewhere, code blocks name their language,
// TypeScript in them compiles, and comments of what a package exports say what its users need.
import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { exampleProblems } from './page-examples.ts';
import { commentProblems, hiddenTypeProblems } from './api-comments.ts';
import { type PackageApi, readApis } from './api-page.ts';
import { ENVIRONMENT } from '../packages/cli/src/environment.ts';
import { environmentProblems } from './environment-reads.ts';
import { type ErrorTable, generateApiDocs, generateDocs, readErrorTables } from './generate-docs.ts';
import { goSpiffePage, ourNameProblems } from './go-spiffe-page.ts';
import { type Problem, type SourceFile, lineAt, readSources, report, root } from './source.ts';

const mostLines: Readonly<Record<string, number>> = { 'README.md': 150, 'AGENTS.md': 120 };

/** Relative links that lead nowhere, also to headings, and code blocks without a language. */
export function pageProblems(pages: readonly SourceFile[], exists: (path: string) => boolean): Problem[] {
  const headings = new Map(pages.map(({ path, text }) => [path, anchorsOf(text)]));
  return pages.flatMap(({ path, text }) => {
    const problems: Problem[] = fenceProblems(path, text);
    for (const match of withoutFences(text).matchAll(/\[[^\]\n]*\]\(([^)\s]+)\)/g)) {
      const target = match[1] ?? '';
      if (/^[a-z]+:/.test(target)) continue;
      const [file = '', anchor] = target.split('#');
      const found = file === '' ? path : normalize(join(dirname(path), decodeURIComponent(file)));
      const line = lineAt(text, match.index);
      if (!exists(found)) problems.push({ path, line, message: `links to ${target}, which is not there` });
      else if (anchor !== undefined && headings.get(found)?.has(anchor) === false) {
        problems.push({ path, line, message: `links to ${target}, which has no such heading` });
      }
    }
    for (const match of path === 'AGENTS.md'
      ? text.matchAll(/`((?:packages|tools|docs|examples|benchmarks|integration)\/[^`<*]*)`/g)
      : []) {
      const named = match[1] ?? '';
      if (!exists(named))
        problems.push({
          path,
          line: lineAt(text, match.index),
          message: `names ${named}, which is not there`,
        });
    }
    const most = mostLines[path];
    const lines = text.split('\n').length - 1;
    if (most !== undefined && lines > most)
      problems.push({ path, message: `has ${lines} lines, at most ${most}` });
    return problems;
  });
}

function fenceProblems(path: string, text: string): Problem[] {
  const problems: Problem[] = [];
  let isOpen = false;
  for (const [index, line] of text.split('\n').entries()) {
    const fence = /^\s*```(\S*)/.exec(line);
    if (fence === null) continue;
    if (!isOpen && fence[1] === '')
      problems.push({ path, line: index + 1, message: 'code block names no language' });
    isOpen = !isOpen;
  }
  if (isOpen) problems.push({ path, message: 'code block is not closed' });
  return problems;
}

/** Code blanked out, so that what looks like a link in it is none; places stay. */
function withoutFences(text: string): string {
  return text
    .replaceAll(/^\s*```[\s\S]*?^\s*```/gm, (block) => block.replaceAll(/[^\n]/g, ' '))
    .replaceAll(/`[^`\n]*`/g, (code) => ' '.repeat(code.length));
}

function anchorsOf(text: string): Set<string> {
  const titles = [...text.matchAll(/^#{1,6}\s+(.+)$/gm)].map((match) => match[1] ?? '');
  const named = [...text.matchAll(/^<a id="([^"]+)"><\/a>$/gm)].map((match) => match[1] ?? '');
  return new Set([
    ...named,
    ...titles.map((title) =>
      title
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replaceAll(' ', '-'),
    ),
  ]);
}

/** Generated documents that differ from what the code says now. */
export function staleProblems(wanted: ReadonlyMap<string, string>, pages: readonly SourceFile[]): Problem[] {
  return [...wanted].flatMap(([path, text]) => {
    const page = pages.find((file) => file.path === path);
    return page?.text === text ? [] : [{ path, message: 'is out of date: npm run generate:docs' }];
  });
}

/** Codes that two packages use for two things. One that passes another's failure on repeats its code and meaning. */
export function codeProblems(tables: readonly ErrorTable[]): Problem[] {
  const known = new Map<string, { owner: string; meaning: string }>();
  const problems: Problem[] = [];
  for (const { package: owner, errors } of tables) {
    const path = `packages/${owner}/src/errors.ts`;
    for (const [code, meaning] of Object.entries(errors)) {
      const other = known.get(code);
      known.set(code, { owner, meaning });
      if (!/^ERR_[A-Z0-9]+(?:_[A-Z0-9]+)*$/.test(code)) {
        problems.push({ path, message: `${code} is not spelt like ERR_SVID_EXPIRED` });
      }
      if (other !== undefined && other.meaning !== meaning) {
        problems.push({
          path,
          message: `${code} means something else in ${other.owner}: "${other.meaning}"`,
        });
      }
    }
  }
  return problems;
}

/** The pages of the packages that have one, and the comments that they are made of. */
function apiProblems(pages: readonly SourceFile[]): Problem[] {
  let apis: PackageApi[];
  try {
    apis = readApis();
  } catch (error) {
    return [{ path: 'docs/api', message: error instanceof Error ? error.message : String(error) }];
  }
  const spiffe = apis.flatMap(({ folder, symbols }) => (folder === 'spiffe' ? symbols : []));
  return [
    ...staleProblems(generateApiDocs(apis), pages),
    ...apis.flatMap((api) => [...commentProblems(api), ...hiddenTypeProblems(api)]),
    ...pages.flatMap(({ path, text }) => (path === goSpiffePage ? ourNameProblems(text, spiffe) : [])),
  ];
}

/** What is published or run, without helpers of tests. */
export function readPackageSources(): SourceFile[] {
  return readSources('packages').filter(({ path }) =>
    /^packages\/(?!testing\/)[^/]+\/src\/.*\.ts$/.test(path),
  );
}

if (import.meta.main) {
  const pages = readSources('').filter(({ path }) => path.endsWith('.md'));
  const problems = [
    ...pageProblems(pages, (path) => existsSync(join(root, path))),
    ...staleProblems(await generateDocs(), pages),
    ...apiProblems(pages),
    ...codeProblems(await readErrorTables()),
    ...environmentProblems(ENVIRONMENT, readPackageSources()),
    ...(await exampleProblems(pages)),
  ];
  report('docs', `${pages.length} pages`, problems);
}
