import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { fetchArtifact } from '../src/artifact.ts';

let root = '';
let rules = { allowFileFrom: [''], maxArtifactBytes: 100 };

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'muster-artifact-'));
  await mkdir(join(root, 'allowed', 'deep'), { recursive: true });
  await mkdir(join(root, 'allowed-not'));
  await writeFile(join(root, 'allowed', 'deep', 'good file.wasm'), 'good');
  await writeFile(join(root, 'allowed', 'full.wasm'), 'x'.repeat(100));
  await writeFile(join(root, 'allowed', 'big.wasm'), 'x'.repeat(101));
  await writeFile(join(root, 'allowed', 'empty.wasm'), '');
  await writeFile(join(root, 'allowed-not', 'secret.wasm'), 'secret');
  await symlink(join(root, 'allowed-not', 'secret.wasm'), join(root, 'allowed', 'link.wasm'));
  await symlink(join(root, 'allowed-not'), join(root, 'allowed', 'folder'));
  await symlink(join(root, 'allowed', 'deep'), join(root, 'allowed', 'inside'));
  await symlink(join(root, 'allowed'), join(root, 'alias'));
  execFileSync('mkfifo', [join(root, 'allowed', 'pipe.wasm')]);
  rules = { allowFileFrom: [join(root, 'alias')], maxArtifactBytes: 100 };
});

after(() => rm(root, { recursive: true, force: true }));

const reference = (...parts: string[]): string => pathToFileURL(join(root, ...parts)).href;

test('a file in an allowed folder is read and named by its digest', async () => {
  const artifact = await fetchArtifact(reference('allowed', 'deep', 'good file.wasm'), rules);
  assert.equal(new TextDecoder().decode(artifact.bytes), 'good');
  assert.equal(artifact.digest, `sha256:${createHash('sha256').update('good').digest('hex')}`);
});

test('a link that stays inside is followed, a file of the largest size and an empty one are read', async () => {
  assert.equal(
    (await fetchArtifact(reference('allowed', 'inside', 'good file.wasm'), rules)).bytes.byteLength,
    4,
  );
  assert.equal((await fetchArtifact(reference('allowed', 'full.wasm'), rules)).bytes.byteLength, 100);
  assert.equal((await fetchArtifact(reference('allowed', 'empty.wasm'), rules)).bytes.byteLength, 0);
});

for (const [name, parts, code] of [
  ['a file outside', ['allowed-not', 'secret.wasm'], 'ERR_ARTIFACT_NOT_ALLOWED'],
  ['a link to a file outside (A80)', ['allowed', 'link.wasm'], 'ERR_ARTIFACT_NOT_ALLOWED'],
  ['a link to a folder outside (A80)', ['allowed', 'folder', 'secret.wasm'], 'ERR_ARTIFACT_NOT_ALLOWED'],
  ['the way out through ..', ['allowed', '..', 'allowed-not', 'secret.wasm'], 'ERR_ARTIFACT_NOT_ALLOWED'],
  ['a missing file', ['allowed', 'none.wasm'], 'ERR_ARTIFACT_NOT_FOUND'],
  ['a missing file in a missing folder', ['allowed', 'no', 'none.wasm'], 'ERR_ARTIFACT_NOT_FOUND'],
  ['a missing file outside', ['allowed-not', 'none.wasm'], 'ERR_ARTIFACT_NOT_ALLOWED'],
  ['a missing folder outside', ['none', 'none.wasm'], 'ERR_ARTIFACT_NOT_ALLOWED'],
  ['a missing file behind a link outside', ['allowed', 'folder', 'none.wasm'], 'ERR_ARTIFACT_NOT_ALLOWED'],
  ['a folder', ['allowed', 'deep'], 'ERR_ARTIFACT_NOT_FOUND'],
  ['a named pipe (A80)', ['allowed', 'pipe.wasm'], 'ERR_ARTIFACT_NOT_FOUND'],
  ['a file past the size', ['allowed', 'big.wasm'], 'ERR_ARTIFACT_TOO_LARGE'],
] as const) {
  test(`${name} is ${code}`, async () => {
    await assert.rejects(fetchArtifact(reference(...parts), rules), { code });
  });
}

for (const text of [
  '',
  'x',
  'ghcr.io/a/b:1',
  'http://a/b',
  'file:',
  'file://',
  'file://host/a',
  'FILE:///a',
  'file:///a%2fb',
  'file:///a%00b',
]) {
  test(`${JSON.stringify(text)} is no reference of a file`, async () => {
    await assert.rejects(fetchArtifact(text, rules), (error: { code: string }) =>
      ['ERR_ARTIFACT_SCHEME', 'ERR_ARTIFACT_NOT_FOUND', 'ERR_ARTIFACT_NOT_ALLOWED'].includes(error.code),
    );
  });
}

test('without folders nothing may be loaded, and the folder itself is no artifact', async () => {
  await assert.rejects(fetchArtifact(reference('allowed', 'full.wasm'), { ...rules, allowFileFrom: [] }), {
    code: 'ERR_ARTIFACT_NOT_ALLOWED',
  });
  await assert.rejects(fetchArtifact(reference('allowed'), rules), { code: 'ERR_ARTIFACT_NOT_ALLOWED' });
});
