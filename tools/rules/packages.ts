import { type Problem, type SourceFile, withoutText } from '../source.ts';
import { type Rule, countLines, isSource, packagesOf, search } from './rule.ts';

const parts = ['package.json', 'tsconfig.json', 'README.md', 'src', 'test'];

/** Thrown to carry a value of somebody else's protocol; not failures of the package, so without one of its codes. */
const carriers = ['ResultError', 'GrpcStatusError'];

export const packageRules: readonly Rule[] = [
  {
    name: 'errors',
    reason: 'a package has one error class with a code from a table, and callers branch on the code',
    check: (files) =>
      packagesOf(files)
        .filter((name) => name !== 'testing')
        .flatMap((name) => errorProblems(name, files)),
  },
  {
    name: 'five things',
    reason: 'every package has the same parts, and at most one folder more',
    check(files) {
      return packagesOf(files).flatMap((name) => {
        const path = `packages/${name}`;
        const own = files
          .filter((file) => file.path.startsWith(`${path}/`))
          .map((file) => file.path.split('/')[2]);
        const present = new Set(own.filter((part) => part !== undefined));
        const missing = parts.filter(
          (part) => !present.has(part) && !(part === 'test' && name === 'testing'),
        );
        const more = [...present].filter((part) => !parts.includes(part));
        return [
          ...missing.map((part) => ({ path, message: `has no ${part}` })),
          ...(more.length > 1 ? [{ path, message: `holds ${more.join(' and ')}` }] : []),
        ];
      });
    },
  },
  {
    name: 'readmes',
    reason: 'a README is one page that says what is promised, what is not, and why each dependency is there',
    check: (files) =>
      files
        .filter(({ path }) => /^packages\/[^/]+\/README\.md$/.test(path))
        .flatMap((readme) => readmeProblems(readme, files)),
  },
];

function errorProblems(name: string, files: readonly SourceFile[]): Problem[] {
  const path = `packages/${name}/src/errors.ts`;
  const own = files.filter((file) => isSource(file.path) && file.path.startsWith(`packages/${name}/`));
  const classes = search(own, {
    within: isSource,
    view: withoutText,
    pattern: /\bclass\s+(\w+)\s+extends\s+(?:Type|Range)?Error\b/g,
    message: (match) => match[1] ?? '',
  }).filter(({ message }) => !carriers.includes(message));
  const problems: Problem[] = classes
    .filter((found) => found.path !== path)
    .map((found) => ({
      ...found,
      message: `${found.message} extends Error instead of the package's own class`,
    }));
  const table = own.find((file) => file.path === path);
  if (table === undefined) {
    return own.length < 3
      ? problems
      : [...problems, { path: `packages/${name}`, message: 'has no src/errors.ts' }];
  }
  const bases = classes.length - problems.length;
  if (bases !== 1) problems.push({ path, message: `has ${bases} classes that extend Error instead of one` });
  if (!/export const [A-Z0-9_]+_ERRORS\b/.test(table.text)) {
    problems.push({ path, message: 'exports no table <PACKAGE>_ERRORS' });
  }
  return problems;
}

function readmeProblems({ path, text }: SourceFile, files: readonly SourceFile[]): Problem[] {
  const problems: Problem[] = [];
  const lines = countLines(text);
  if (lines > 80) problems.push({ path, message: `has ${lines} lines, at most 80` });
  if (!/guarantee/i.test(text)) problems.push({ path, message: 'says nothing about guarantees' });
  const manifest = files.find((file) => file.path === path.replace('README.md', 'package.json'));
  const { dependencies = {} } = JSON.parse(manifest?.text ?? '{}') as {
    dependencies?: Record<string, string>;
  };
  for (const dependency of Object.keys(dependencies)) {
    const short = dependency.replace('@muster/', '`');
    if (!text.includes(dependency) && !text.includes(`${short}\``)) {
      problems.push({ path, message: `gives no reason for the dependency ${dependency}` });
    }
  }
  return problems;
}
