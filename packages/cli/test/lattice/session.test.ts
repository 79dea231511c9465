import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { runCommandLine } from '../../src/main.ts';
import { createFakeIo } from '../fake-io.ts';

const INFO = {
  schema: 'muster.lattice.v1',
  lattice: 'default',
  trustDomain: 'muster.internal',
  pid: 1,
  startedAt: 1,
  natsServers: ['tls://127.0.0.1:1'],
  workloadApi: 'unix:///nonexistent/api.sock',
  audience: 'spiffe://muster.internal/callout',
};

function folder(t: TestContext, info?: string): string {
  const path = mkdtempSync(join(tmpdir(), 'muster-test-'));
  t.after(() => rmSync(path, { recursive: true }));
  if (info !== undefined) writeFileSync(join(path, 'lattice.json'), info);
  return path;
}

/** The one line that a command says, for a lattice directory. */
async function said(directory: string, ...words: string[]): Promise<string> {
  const io = createFakeIo({ MUSTER_LATTICE_DIR: directory });
  const code = await runCommandLine(words, io);
  assert.equal(io.stdout.text, '');
  assert.match(io.stderr.text, /^[^\n]+\n$/);
  return `${String(code)} ${io.stderr.text.trimEnd()}`;
}

describe('commands that talk to a lattice', () => {
  for (const words of [
    ['host', 'list'],
    ['component', 'list'],
    ['connection', 'list'],
    ['audit', 'verify'],
  ]) {
    it(`say of "muster ${words.join(' ')}" that nothing runs, or that what ran has ended`, async (t) => {
      const empty = folder(t);
      assert.match(
        await said(join(empty, 'none'), ...words),
        /^1 error ERR_LATTICE_NOT_RUNNING: No lattice "default"/,
      );
      assert.match(
        await said(empty, ...words),
        /^1 error ERR_LATTICE_NOT_RUNNING: No lattice "default" runs here/,
      );
      assert.match(
        await said(folder(t, JSON.stringify(INFO)), ...words),
        /^1 error ERR_LATTICE_NOT_RUNNING: Nobody answers at unix:\/\/\/nonexistent\/api\.sock, .*"muster dev"/,
      );
    });
  }

  it('say what is wrong with a lattice directory', async (t) => {
    const open = folder(t, JSON.stringify(INFO));
    chmodSync(open, 0o755);
    const file = join(folder(t), 'file');
    writeFileSync(file, '');
    const noFile = folder(t);
    mkdirSync(join(noFile, 'lattice.json'));
    for (const [directory, why] of [
      [open, /others may enter it; its mode must be 0700/],
      [file, /it is not a directory/],
      [join(file, 'below'), /it cannot be reached \(ENOTDIR\)/],
      [noFile, /lattice\.json" cannot be read \(EISDIR\)/],
      [folder(t, '{bad'), /lattice\.json: it is not UTF-8 JSON/],
      [folder(t, '{}'), /lattice\.json: "schema" is not a string/],
    ] as const) {
      const line = await said(directory, 'host', 'list');
      assert.match(
        line,
        /^1 error ERR_LATTICE_NOT_RUNNING: The lattice directory \S+ cannot be used\. .*--servers/,
      );
      assert.match(line, why);
    }
  });

  it('do not take one lattice for another', async (t) => {
    assert.match(
      await said(folder(t, JSON.stringify(INFO)), 'connection', 'list', '--lattice', 'other'),
      /^1 error ERR_LATTICE_NOT_RUNNING: .* is that of the lattice "default", not of "other"\. Say --lattice default/,
    );
  });

  it('refuse addresses that are none', async (t) => {
    for (const address of ['a b', 'host:99999', 'tls://', '']) {
      const words = ['host', 'list', '--servers', address];
      assert.match(await said(folder(t), ...words), /^2 error ERR_USAGE: --servers must be host:port, not "/);
    }
  });

  it('need no lattice directory where everything is said', async (t) => {
    const words = [
      '--servers',
      'x:1',
      '--trust-domain',
      'a.org',
      '--workload-api',
      'unix:///nonexistent/x.sock',
    ];
    assert.match(
      await said(folder(t, '{bad'), 'host', 'list', ...words),
      /Nobody answers at unix:\/\/\/nonexistent\/x/,
    );
  });
});
