import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** A temporary folder that goes when the test ends. */
export async function scratchDir(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-test-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A shell script that stands in for a program. */
export async function writeScript(path: string, body: string): Promise<string> {
  await writeFile(path, `#!/bin/sh\n${body}\n`);
  await chmod(path, 0o755);
  return path;
}

/** A stand-in for nats-server that only knows its version. */
export function fakeServer(version: string): string {
  return `echo "nats-server: v${version}"`;
}
