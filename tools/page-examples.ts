// TypeScript in the pages must compile against the packages. What an example leaves open (`keys`, `trustDomain`) may be
// anything; what it says must be true.
import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Problem, type SourceFile, root } from './source.ts';

export interface Example {
  readonly path: string;
  /** Line of the page before the first line of the code. */
  readonly line: number;
  readonly code: string;
}

/** Every block of a page that is marked `ts`. */
export function examplesOf(pages: readonly SourceFile[]): Example[] {
  return pages.flatMap(({ path, text }) =>
    [...text.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map((match) => ({
      path,
      line: text.slice(0, match.index).split('\n').length,
      code: match[1] ?? '',
    })),
  );
}

/** TS2304 and TS18004: a name that the example leaves open. TS2792, TS2307 are not among them: modules must be there. */
const leftOpen = new Set(['TS2304', 'TS18004']);

/** Compiles the examples, all in one go. */
export async function exampleProblems(pages: readonly SourceFile[]): Promise<Problem[]> {
  const examples = examplesOf(pages);
  if (examples.length === 0) return [];
  const folder = join(root, 'tools', '.work');
  mkdirSync(folder, { recursive: true });
  try {
    for (const [index, { code }] of examples.entries())
      writeFileSync(join(folder, `${index}.ts`), `${code}\nexport {};\n`);
    const compilerOptions = {
      noEmit: true,
      isolatedDeclarations: false,
      declaration: false,
      allowImportingTsExtensions: true,
    };
    const config = { extends: '../../tsconfig.base.json', compilerOptions, include: ['*.ts'] };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
    return problemsFrom(await compile(folder), examples);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function compile(folder: string): Promise<string> {
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  try {
    return (
      await promisify(execFile)(tsc, ['-p', join(folder, 'tsconfig.json'), '--pretty', 'false'], {
        cwd: folder,
      })
    ).stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    if (stdout === '') throw new Error(`tsc failed: ${stderr}`, { cause: error });
    return stdout;
  }
}

/** Reads what the compiler printed and puts each message where the example stands in its page. */
export function problemsFrom(output: string, examples: readonly Example[]): Problem[] {
  return [...output.matchAll(/^(\d+)\.ts\((\d+),\d+\): error (TS\d+): (.*)$/gm)].flatMap((match) => {
    const [, index, line, code = '', text = ''] = match;
    const example = examples[Number(index)];
    if (example === undefined || leftOpen.has(code)) return [];
    return [
      { path: example.path, line: example.line + Number(line), message: `example does not compile: ${text}` },
    ];
  });
}
