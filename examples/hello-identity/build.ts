// node examples/hello-identity/build.ts <outdir>
import { componentize } from '@bytecodealliance/componentize-js';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { join, resolve } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { digestOf, withStage } from '../toolchain.ts';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const sourceFiles: readonly string[] = ['build.ts', 'src/hello.ts', 'wit/world.wit'].map(here);

/** Changes whenever the sources, the WIT or the tools change. */
export function sourceDigest(): Promise<string> {
  return digestOf(sourceFiles, ['@bytecodealliance/componentize-js', '@bytecodealliance/jco']);
}

/** Builds the component into `outDir` (made when missing) and answers its path. Takes about 12 s. */
export async function build(outDir: string): Promise<string> {
  const script = stripTypeScriptTypes(await readFile(here('src/hello.ts'), 'utf8'));
  const component = await withStage(here('wit/world.wit'), async (stage) => {
    const sourcePath = join(stage, 'hello.js');
    await writeFile(sourcePath, script);
    const built = await componentize({
      sourcePath,
      witPath: join(stage, 'wit'),
      worldName: 'hello',
      disableFeatures: ['http', 'fetch-event', 'random'],
    });
    return built.component;
  });
  await mkdir(outDir, { recursive: true });
  const path = join(outDir, 'hello-identity.wasm');
  await writeFile(path, component);
  return path;
}

if (import.meta.main) console.log(await build(resolve(argv[2] ?? 'dist')));
