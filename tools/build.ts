// Builds what is published: the declarations with their comments, the JavaScript without. `tsc` does all of it; there is no bundler.
//   node tools/build.ts [package ...]     default: every package that is published
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, normalize } from 'node:path';
import { neededDeclarations } from './needed-declarations.ts';
import { root } from './source.ts';

interface Manifest {
  readonly name: string;
  readonly exports?: Readonly<Record<string, { readonly types?: string }>>;
  readonly private?: boolean;
  readonly files?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** Folder names below packages/ of all that is published, each after the packages it depends on. */
export function publishedPackages(): string[] {
  const waiting = new Map<string, Manifest>();
  for (const folder of readdirSync(join(root, 'packages')).toSorted()) {
    const manifest = readManifest(folder);
    if (manifest.private !== true && manifest.files?.includes('dist') === true) waiting.set(folder, manifest);
  }
  const ordered: string[] = [];
  while (waiting.size > 0) {
    const names = new Set([...waiting.values()].map(({ name }) => name));
    const ready = [...waiting].find(([, { dependencies = {} }]) =>
      Object.keys(dependencies).every((dependency) => !names.has(dependency)),
    );
    if (ready === undefined) throw new Error(`${[...names].join(', ')} depend on each other`);
    ordered.push(ready[0]);
    waiting.delete(ready[0]);
  }
  return ordered;
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8')) as Manifest;
}

/**
 * Compiles one package into `dist`, its own folder's if nothing else is said, and puts the licence beside it. A build that
 * fails changes nothing. Packages that it depends on must have been built before. Throws with what `tsc` printed.
 */
export function buildPackage(folder: string, dist: string = join(root, 'packages', folder, 'dist')): void {
  const source = join(root, 'packages', folder);
  const work = mkdtempSync(join(tmpdir(), 'muster-build-'));
  try {
    const output = join(work, 'dist');
    // Two runs, since tsc takes comments out of both kinds of files or of none.
    compile(source, output, { removeComments: true, declaration: false, isolatedDeclarations: false });
    for (const [path, text] of readBuiltDeclarations(folder)) {
      writeFileSync(join(output, path), withoutMeanings(text));
    }
    for (const path of readdirSync(output, { recursive: true, encoding: 'utf8' })) {
      const file = join(output, path);
      if (/\.(?:js|d\.ts)$/.test(path)) writeFileSync(file, withTabs(readFileSync(file, 'utf8')));
    }
    rmSync(dist, { recursive: true, force: true });
    cpSync(output, dist, { recursive: true });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function compile(source: string, output: string, options: Readonly<Record<string, unknown>>): void {
  const config = {
    extends: join(source, 'tsconfig.json'),
    compilerOptions: {
      rootDir: join(source, 'src'),
      typeRoots: [join(root, 'node_modules', '@types')],
      // Other packages are seen as those who install them see them.
      customConditions: [],
      noEmitOnError: true,
      outDir: output,
      ...options,
    },
    include: [join(source, 'src')],
  };
  const work = mkdtempSync(join(tmpdir(), 'muster-tsc-'));
  try {
    const path = join(work, 'tsconfig.json');
    writeFileSync(path, JSON.stringify(config));
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    const words = [tsc, '-p', path, '--pretty', 'false'];
    const run = spawnSync(process.execPath, words, { cwd: root, encoding: 'utf8' });
    if (run.status !== 0) {
      throw new Error(`Cannot build ${source}: ${run.stdout}${run.stderr}`, { cause: run.error });
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The declarations of a package that its entry points lead to, comments included, by their path in `dist`. */
export function readBuiltDeclarations(folder: string): Map<string, string> {
  const output = mkdtempSync(join(tmpdir(), 'muster-declarations-'));
  try {
    compile(join(root, 'packages', folder), output, { emitDeclarationOnly: true });
    const all = new Map(
      readdirSync(output, { recursive: true, encoding: 'utf8' })
        .filter((path) => path.endsWith('.d.ts'))
        .map((path) => [path, withBuiltImports(readFileSync(join(output, path), 'utf8'))]),
    );
    return neededDeclarations(entryPoints(folder).values(), all);
  } finally {
    rmSync(output, { recursive: true, force: true });
  }
}

/** The modules that others may import, by the name they import, as paths of declarations in `dist`. */
export function entryPoints(folder: string): Map<string, string> {
  const { name, exports = {} } = readManifest(folder);
  return new Map(
    Object.entries(exports).map(([path, { types = '' }]) => [
      `${name}${path.slice(1)}`,
      normalize(types).replace(/^dist\//, ''),
    ]),
  );
}

/** tsc rewrites `./a.ts` in JavaScript only; in declarations older compilers and other tools want `./a.js` as well. */
export function withBuiltImports(declarations: string): string {
  return declarations.replaceAll(
    /(\bfrom |\bimport\(|^import )(['"])(\.{1,2}\/[^'"\n]+)\.ts\2/gm,
    '$1$2$3.js$2',
  );
}

/** The meaning of an error code is a text like any other: as a type, each would be there twice. */
export function withoutMeanings(declarations: string): string {
  return declarations.replaceAll(
    /^( +readonly ERR_[A-Z0-9_]+: )(['"])(?:[^'"\\\n]|\\.|(?!\2)['"])*\2;$/gm,
    '$1string;',
  );
}

/**
 * Indented by tabs instead of four spaces, which are a tenth of all that tsc writes. A file in which a template may run over
 * several lines is left as it is: there, spaces are part of the text.
 */
export function withTabs(code: string): string {
  const lines = code.split('\n');
  if (lines.some((line) => (line.split('`').length - 1) % 2 === 1 && !/^\s*\*/.test(line))) return code;
  return lines
    .map((line) => line.replace(/^(?: {4})+/, (indent) => '\t'.repeat(indent.length / 4)))
    .join('\n');
}

if (import.meta.main) {
  const wanted = process.argv.slice(2);
  const folders = publishedPackages();
  const unknown = wanted.filter((folder) => !folders.includes(folder));
  if (unknown.length > 0)
    throw new Error(`Cannot build ${unknown.join(', ')}: published are ${folders.join(', ')}`);
  for (const folder of wanted.length === 0 ? folders : wanted) {
    buildPackage(folder);
    // npm puts a licence in the package only from the folder of the package itself.
    copyFileSync(join(root, 'LICENSE'), join(root, 'packages', folder, 'LICENSE'));
    console.log(`${folder}: built`);
  }
}
