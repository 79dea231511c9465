// The page for those who come from go-spiffe, beside go-spiffe itself: every name that it exports has a place there.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { suite, test } from 'node:test';
import { peers, peerVersion } from '../../tools/build-peers.ts';
import { goExports, goSpiffePage, theirNameProblems } from '../../tools/go-spiffe-page.ts';
import { root } from '../../tools/source.ts';

const peer = peers.find(({ name }) => name === 'go-spiffe');
assert.ok(peer);
const version = peerVersion(peer).split('-')[0] ?? '';
const folder = join(goModules(), 'github.com', 'spiffe', 'go-spiffe', `v2@v${version}`);
const skip = existsSync(folder)
  ? false
  : `go-spiffe ${version} is not in the module cache: run "npm run peers" (Go is needed)`;
if (skip !== false) console.error(`# THE NAMES OF GO-SPIFFE ARE NOT COMPARED: ${skip}`);

suite('page for those who come from go-spiffe', { skip }, () => {
  test('every exported name of its public packages is on it, and no other', () => {
    const packages = new Map<string, Set<string>>();
    for (const file of globSync('**/*.go', { cwd: folder })) {
      const goPackage = dirname(file);
      if (file.endsWith('_test.go') || /(?:^|\/)internal(?:\/|$)|^examples\//.test(goPackage)) continue;
      const names = packages.get(goPackage) ?? new Set();
      for (const name of goExports(readFileSync(join(folder, file), 'utf8'))) names.add(name);
      if (names.size > 0) packages.set(goPackage, names);
    }
    assert.ok(packages.size >= 15, [...packages.keys()].join(', '));
    const page = readFileSync(join(root, goSpiffePage), 'utf8');
    assert.deepEqual(
      theirNameProblems(page, packages).map(({ message }) => message),
      [],
    );
    assert.ok(
      page.includes(`go-spiffe) ${version.split('.').slice(0, 2).join('.')}`),
      'the page names the version',
    );
  });
});

function goModules(): string {
  try {
    return execFileSync('go', ['env', 'GOMODCACHE'], { encoding: 'utf8' }).trim();
  } catch {
    return join(process.env['HOME'] ?? '', 'go', 'pkg', 'mod');
  }
}
