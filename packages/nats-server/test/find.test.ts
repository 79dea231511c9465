import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { cachedServerDir } from '../src/cache.ts';
import { findNatsServer, type FindProgress } from '../src/find.ts';
import { PINNED_VERSION } from '../src/version.ts';
import { fakeServer, scratchDir, writeScript } from './scratch.ts';

interface Setup {
  bin: string;
  cacheDir: string;
  cached: string;
  progress: FindProgress[];
  find(env?: NodeJS.ProcessEnv): ReturnType<typeof findNatsServer>;
}

async function setUp(t: TestContext): Promise<Setup> {
  const folder = await scratchDir(t);
  const bin = join(folder, 'bin');
  const cacheDir = join(folder, 'cache');
  const cachedDir = cachedServerDir(cacheDir, PINNED_VERSION);
  await mkdir(bin);
  await mkdir(cachedDir, { recursive: true });
  const progress: FindProgress[] = [];
  return {
    bin,
    cacheDir,
    cached: join(cachedDir, 'nats-server'),
    progress,
    find: (env = {}) =>
      findNatsServer({ env: { ...env, PATH: bin }, cacheDir, onProgress: (step) => progress.push(step) }),
  };
}

/** A stand-in for `go` that "installs" a script printing a version. */
function fakeGo(version: string): string {
  return `echo "go: downloading $3" >&2; /bin/cat > "$GOBIN/nats-server" <<END
#!/bin/sh
${fakeServer(version)}
END
/bin/chmod 755 "$GOBIN/nats-server"`;
}

describe('findNatsServer', () => {
  it('uses the named one, whatever else there is', async (t) => {
    const { bin, find } = await setUp(t);
    await writeScript(join(bin, 'nats-server'), fakeServer('9.9.9'));
    const named = await writeScript(join(bin, 'other'), fakeServer('2.15.1'));
    assert.deepEqual(await find({ MUSTER_NATS_SERVER: named }), {
      path: named,
      version: '2.15.1',
      source: 'variable',
    });
  });

  it('refuses a named one that is too old, and says what is wanted', async (t) => {
    const { bin, find } = await setUp(t);
    const named = await writeScript(join(bin, 'other'), fakeServer('2.10.27'));
    await assert.rejects(find({ MUSTER_NATS_SERVER: named }), {
      code: 'ERR_NATS_SERVER_UNUSABLE',
      message: /2\.10\.27, wanted is >= 2\.15\.1/,
    });
  });

  it('refuses a named one that is not there', async (t) => {
    const { find } = await setUp(t);
    await assert.rejects(find({ MUSTER_NATS_SERVER: '/nowhere/nats-server' }), {
      code: 'ERR_NATS_SERVER_UNUSABLE',
      message: /no such file/,
    });
  });

  it('uses the one on PATH when it is new enough', async (t) => {
    const { bin, find } = await setUp(t);
    const path = await writeScript(join(bin, 'nats-server'), fakeServer('2.16.0'));
    assert.deepEqual(await find(), { path, version: '2.16.0', source: 'path' });
  });

  it('passes over an old one on PATH and says so', async (t) => {
    const { bin, cached, find, progress } = await setUp(t);
    await writeScript(join(bin, 'nats-server'), fakeServer('2.9.10'));
    await writeScript(cached, fakeServer(PINNED_VERSION));
    assert.deepEqual(await find(), { path: cached, version: PINNED_VERSION, source: 'cache' });
    assert.deepEqual(
      progress.map(({ step }) => step),
      ['skipping'],
    );
  });

  it('installs with go, once, and leaves nothing but the binary', async (t) => {
    const { bin, cached, cacheDir, find, progress } = await setUp(t);
    await writeScript(join(bin, 'go'), fakeGo(PINNED_VERSION));
    assert.deepEqual(await find(), { path: cached, version: PINNED_VERSION, source: 'installed' });
    assert.deepEqual(await find(), { path: cached, version: PINNED_VERSION, source: 'cache' });
    assert.deepEqual(await readdir(cachedServerDir(cacheDir, PINNED_VERSION)), ['nats-server']);
    assert.ok(
      progress.some(
        ({ detail }) => detail === `go: downloading github.com/nats-io/nats-server/v2@v${PINNED_VERSION}`,
      ),
    );
  });

  it('replaces a broken cache entry', async (t) => {
    const { bin, cached, find, progress } = await setUp(t);
    await writeFile(cached, 'broken', { mode: 0o755 });
    await writeScript(join(bin, 'go'), fakeGo(PINNED_VERSION));
    assert.equal((await find()).source, 'installed');
    assert.equal(progress[0]?.step, 'replacing');
    assert.equal((await find()).source, 'cache');
  });

  it('reports what go said when it fails, and leaves nothing behind', async (t) => {
    const { bin, cacheDir, find } = await setUp(t);
    await writeScript(join(bin, 'go'), 'echo "dial tcp: no route" >&2; exit 1');
    await assert.rejects(find(), {
      code: 'ERR_NATS_SERVER_INSTALL',
      message: /no route.*MUSTER_NATS_SERVER/s,
    });
    assert.deepEqual(await readdir(cachedServerDir(cacheDir, PINNED_VERSION)), []);
  });

  it('refuses a binary that go made but that does not run', async (t) => {
    const { bin, cacheDir, find } = await setUp(t);
    await writeScript(join(bin, 'go'), fakeGo('1.0.0'));
    await assert.rejects(find(), { code: 'ERR_NATS_SERVER_INSTALL', message: /its version is 1\.0\.0/ });
    assert.deepEqual(await readdir(cachedServerDir(cacheDir, PINNED_VERSION)), []);
  });

  it('installs once when two ask at the same time', async (t) => {
    const { bin, cached, find, progress } = await setUp(t);
    await writeScript(join(bin, 'go'), `/bin/sleep 0.3; ${fakeGo(PINNED_VERSION)}`);
    const found = await Promise.all([find(), find()]);
    assert.deepEqual(found.map(({ source }) => source).sort(), ['cache', 'installed']);
    assert.deepEqual([...new Set(found.map(({ path }) => path))], [cached]);
    assert.equal(progress.filter(({ step }) => step === 'waiting').length, 1);
  });
});
