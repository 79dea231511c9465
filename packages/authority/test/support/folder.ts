import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** An empty folder of mode 0700, gone at the end of the test. */
export interface Folder extends Disposable {
  readonly path: string;
  join(name: string): string;
}

export function createFolder(): Folder {
  const path = mkdtempSync(join(tmpdir(), 'muster-authority-'));
  return {
    path,
    join: (name) => join(path, name),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}
