// What the builds of the examples share: a WIT folder with its dependencies beside it, and a digest of everything that
// goes into a build, so that a caller can keep the result.
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const sharedWit = join(root, 'packages', 'runtime', 'wit');

/** Runs `work` in a new folder that holds `wit/` (the world and every WIT package the runtime ships) and is removed after. */
export async function withStage<T>(world: string, work: (stage: string) => Promise<T>): Promise<T> {
  const stage = await mkdtemp(join(tmpdir(), 'muster-example-'));
  try {
    await cp(world, join(stage, 'wit', basename(world)));
    await mkdir(join(stage, 'wit', 'deps'));
    for (const folder of await witFolders(sharedWit)) {
      const name = relative(sharedWit, folder).replaceAll('/', '-');
      await cp(folder, join(stage, 'wit', 'deps', name), { recursive: true });
    }
    return await work(stage);
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
}

/** `sha256:<hex>` over the named files, every shared WIT file and the version of each tool: same digest, same component. */
export async function digestOf(files: readonly string[], tools: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  const wit = (await Promise.all((await witFolders(sharedWit)).map(witFiles))).flat();
  for (const file of [...files, fileURLToPath(import.meta.url), ...wit].toSorted()) {
    const bytes = await readFile(file);
    hash.update(`${relative(root, file)}\0${bytes.length}\0`).update(bytes);
  }
  for (const tool of tools) hash.update(`${tool}@${await versionOf(tool)}\0`);
  return `sha256:${hash.digest('hex')}`;
}

/** A folder is a WIT package when `.wit` files lie directly in it. */
async function witFolders(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const below = await Promise.all(
    entries.filter((entry) => entry.isDirectory()).map((entry) => witFolders(join(folder, entry.name))),
  );
  const own = entries.some((entry) => entry.isFile() && entry.name.endsWith('.wit')) ? [folder] : [];
  return [...own, ...below.flat()];
}

async function witFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  return names.filter((name) => name.endsWith('.wit')).map((name) => join(folder, name));
}

/** The installed version; a package may hide its package.json behind `exports`, so it is looked for beside its entry point. */
async function versionOf(tool: string): Promise<string> {
  let folder = dirname(fileURLToPath(import.meta.resolve(tool)));
  while (basename(folder) !== basename(tool)) folder = dirname(folder);
  const manifest: unknown = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  return (manifest as { version: string }).version;
}
