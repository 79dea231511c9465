// The library as others get it: packed, and installed alone in an empty project.
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../../../tools/source.ts';

const run = promisify(execFile);

export interface InstalledPackage {
  /** The empty project. */
  readonly project: string;
  /** The folder of the library in it. */
  readonly folder: string;
  /** Names of all packages that were installed. */
  readonly packages: readonly string[];
  readonly tarballBytes: number;
  /** Bytes of all files that were installed. */
  readonly installedBytes: number;
}

/** Packs @muster/spiffe, which builds it, and installs the tarball without a network. */
export async function installPacked(folder: string): Promise<InstalledPackage> {
  const npm = {
    env: { ...process.env, PATH: `${join(root, 'node_modules', '.bin')}:${process.env['PATH'] ?? ''}` },
  };
  await run('npm', ['pack', '-w', '@muster/spiffe', '--pack-destination', folder], { ...npm, cwd: root });
  const [tarball = ''] = readdirSync(folder).filter((name) => name.endsWith('.tgz'));
  const project = join(folder, 'project');
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }\n');
  const words = [
    'install',
    '--offline',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    join(folder, tarball),
  ];
  await run('npm', words, { ...npm, cwd: project });
  const lock = JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, unknown>>;
  };
  const installed = join(project, 'node_modules', '@muster', 'spiffe');
  return {
    project,
    folder: installed,
    packages: Object.keys(lock.packages).filter((path) => path !== ''),
    tarballBytes: statSync(join(folder, tarball)).size,
    installedBytes: filesOf(installed).reduce((sum, file) => sum + statSync(join(installed, file)).size, 0),
  };
}

/** Paths of all files below a folder. */
export function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) =>
    statSync(join(folder, path)).isFile(),
  );
}

/** The TypeScript under each heading of the third level of the README, by the heading. */
export function usesOf(readme: string): Map<string, string> {
  return new Map(
    readme
      .split(/^### /m)
      .slice(1)
      .map((part) => [
        part.slice(0, part.indexOf('\n')),
        [...part.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map((match) => match[1] ?? '').join('\n'),
      ]),
  );
}

/**
 * Puts the addresses and paths of a test in the place of those that stand in the README. Each must stand there, so that
 * the program which is run is the one which is shown.
 */
export function withPlaces(code: string, places: Readonly<Record<string, string>>): string {
  return Object.entries(places).reduce((text, [shown, used]) => {
    if (!text.includes(shown)) throw new Error(`the README no longer shows ${shown}`);
    return text.replaceAll(shown, used);
  }, code);
}

/** Runs tsc over the files in a folder of the project. Returns what it complains about. */
export async function typeErrors(
  project: string,
  options: Readonly<Record<string, unknown>>,
): Promise<string> {
  const path = join(project, 'tsconfig.json');
  const compilerOptions = {
    target: 'es2022',
    strict: true,
    noEmit: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    types: ['node'],
    typeRoots: [join(root, 'node_modules', '@types')],
    ...options,
  };
  writeFileSync(path, JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  try {
    await run(process.execPath, [tsc, '-p', path, '--pretty', 'false'], { cwd: project });
    return '';
  } catch (error) {
    const { stdout = '', message } = error as Error & { readonly stdout?: string };
    return stdout === '' ? message : stdout;
  }
}
