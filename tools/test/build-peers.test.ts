import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test, type TestContext } from 'node:test';
import { buildPeer, findPeer, peerFolder, peers, peerVersion } from '../build-peers.ts';
import { root } from '../source.ts';

function cacheDir(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'muster-peers-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

suite('peers', () => {
  test('every Go module in peers/ is in the list, and the other way round', () => {
    const folders = readdirSync(join(root, 'peers'), { withFileTypes: true }).filter((one) =>
      one.isDirectory(),
    );
    assert.deepEqual(folders.map(({ name }) => name).toSorted(), peers.map(({ name }) => name).toSorted());
  });

  for (const peer of peers) {
    test(`${peer.name}: go.mod pins a version`, () => {
      assert.match(peerVersion(peer), /^\d+\.\d+\.\d+(?:-[0-9a-f]{12})?$/);
    });

    test(`${peer.name}: is there when all of its programs can be run`, async (t) => {
      const cache = cacheDir(t);
      assert.equal(findPeer(peer, cache), undefined);
      const folder = peerFolder(peer, cache);
      mkdirSync(folder, { recursive: true });
      const [last = '', ...others] = Object.keys(peer.programs);
      for (const program of others) writeFileSync(join(folder, program), '', { mode: 0o755 });
      writeFileSync(join(folder, last), '', { mode: 0o644 });
      assert.equal(findPeer(peer, cache), undefined, 'one cannot be run');
      rmSync(join(folder, last));
      writeFileSync(join(folder, last), '', { mode: 0o755 });
      const lines: string[] = [];
      const found = await buildPeer(peer, (line) => lines.push(line), cache);
      assert.deepEqual(Object.keys(found).toSorted(), Object.keys(peer.programs).toSorted());
      assert.deepEqual(lines, [], 'what is there is not built again');
    });
  }

  test('a build that fails leaves nothing behind and says why', async (t) => {
    const cache = cacheDir(t);
    const peer = {
      name: 'go-spiffe',
      module: 'github.com/spiffe/go-spiffe/v2',
      programs: { absent: './absent' },
    };
    await assert.rejects(
      buildPeer(peer, () => {}, cache),
      /Cannot build \.\/absent: /,
    );
    assert.deepEqual(readdirSync(join(cache, 'peers', 'go-spiffe')), []);
  });
});
