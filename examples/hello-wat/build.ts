// node examples/hello-wat/build.ts <outdir>
import { componentEmbed, componentNew, parse } from '@bytecodealliance/jco';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { digestOf, withStage } from '../toolchain.ts';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const sourceFiles: readonly string[] = ['build.ts', 'hello.wat', 'wit/world.wit'].map(here);

/** Changes whenever the sources, the WIT or the tools change. */
export function sourceDigest(): Promise<string> {
  return digestOf(sourceFiles, ['@bytecodealliance/jco']);
}

/** Builds the component into `outDir` (made when missing) and answers its path. */
export async function build(outDir: string): Promise<string> {
  const module: Uint8Array = await parse(await readFile(here('hello.wat'), 'utf8'));
  const component: Uint8Array = await withStage(here('wit/world.wit'), async (stage) => {
    const embedded = await componentEmbed({
      binary: module,
      witPath: join(stage, 'wit'),
      world: 'hello',
      stringEncoding: 'utf8',
    });
    return componentNew(embedded, []);
  });
  await mkdir(outDir, { recursive: true });
  const path = join(outDir, 'hello-wat.wasm');
  await writeFile(path, component);
  return path;
}

if (import.meta.main) console.log(await build(resolve(argv[2] ?? 'dist')));
