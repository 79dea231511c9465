// node packages/runtime/test/support/wasi-signatures.ts: writes src/wasi/signatures.ts anew from wit/.
import { componentEmbed, componentNew } from '@bytecodealliance/jco';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileComponent, describeSignatures } from '../../src/index.ts';
import { fingerprint, trackSignatures } from '../../src/link/signatures.ts';

const witFolder = fileURLToPath(new URL('../../wit/deps', import.meta.url));
const target = new URL('../../src/wasi/signatures.ts', import.meta.url);

/** A component that imports every function of every package under wit/deps. */
async function everythingComponent(): Promise<Uint8Array> {
  const stage = await mkdtemp(join(tmpdir(), 'muster-signatures-'));
  try {
    await cp(witFolder, join(stage, 'deps'), { recursive: true });
    const includes: string[] = [];
    for (const folder of (await readdir(witFolder)).toSorted()) {
      const source = await readFile(join(witFolder, folder, 'package.wit'), 'utf8');
      const [, name, version] = /^package ([^@;]+)@([^;]+);/m.exec(source) ?? [];
      includes.push(`include ${name}/imports@${version};`);
    }
    await writeFile(join(stage, 'world.wit'), `package all:all; world all { ${includes.join(' ')} }`);
    const module = (await componentEmbed({ dummy: true, witPath: stage, world: 'all' })) as Uint8Array;
    return (await componentNew(module, [])) as Uint8Array;
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
}

/** The fingerprints that wit/ gives, by function and version track. */
export async function currentWasiSignatures(): Promise<Record<string, string>> {
  const signatures = trackSignatures(describeSignatures(compileComponent(await everythingComponent())));
  const entries = Object.entries(signatures).map(([name, text]) => [name, fingerprint(text)] as const);
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

if (import.meta.main) {
  const lines = Object.entries(await currentWasiSignatures()).map(([name, print]) => {
    const line = `  '${name}': '${print}',\n`;
    return line.length > 111 ? `  '${name}':\n    '${print}',\n` : line;
  });
  await writeFile(
    target,
    `// Written from wit/ by test/support/wasi-signatures.ts; a test compares the two.

import type { Signatures } from '../link/signatures.ts';

/** Fingerprints of the types of all functions this host has, as \`checkSignatures\` takes them. */
export const wasiSignatures: Signatures = {
${lines.join('')}};
`,
  );
}
