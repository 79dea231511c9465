// Writes the vectors: `npm run generate:vectors`. Keys are new each time and thrown away; names and expectations stay the same.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { makeBundleVectors } from './make-bundles.ts';
import { makeIdVectors } from './make-ids.ts';
import { makeJwtVectors } from './make-jwt.ts';
import { makeX509Vectors } from './make-x509.ts';
import { type MadeVectors, NOW, pathOf } from './vector.ts';

export function makeVectors(): MadeVectors {
  const made = [makeX509Vectors(), makeJwtVectors(), makeBundleVectors(), makeIdVectors()];
  return {
    vectors: made.flatMap(({ vectors }) => vectors),
    shared: new Map(made.flatMap(({ shared }) => [...shared])),
  };
}

/** The files of all vectors by their path below vectors/, the index included. */
export function toFiles({ vectors, shared }: MadeVectors): Map<string, string | Buffer> {
  const files = new Map<string, string | Buffer>(shared);
  for (const { vector, contents } of vectors) {
    const path = pathOf(vector);
    if (path !== undefined && contents !== undefined) files.set(path, contents);
  }
  const rows = vectors.map(({ vector }) => `    ${JSON.stringify(vector)}`).join(',\n');
  files.set('index.json', `{\n  "now": ${NOW},\n  "vectors": [\n${rows}\n  ]\n}\n`);
  return files;
}

if (import.meta.main) {
  const folder = fileURLToPath(new URL('.', import.meta.url));
  for (const kind of ['x509', 'jwt', 'bundle']) {
    rmSync(`${folder}${kind}`, { recursive: true, force: true });
    mkdirSync(`${folder}${kind}`);
  }
  const files = toFiles(makeVectors());
  for (const [path, contents] of files) writeFileSync(folder + path, contents);
  const bytes = [...files.values()].reduce((sum, contents) => sum + Buffer.byteLength(contents), 0);
  process.stdout.write(`${files.size} files, ${Math.ceil(bytes / 1024)} KiB\n`);
}
