import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLatticeDir, openLatticeDir, resolveLatticeDir } from '../src/lattice-dir.ts';
import { scratchDir, throwsCode } from './support.ts';

const info = {
  lattice: 'default',
  trustDomain: 'muster.internal',
  pid: 4711,
  startedAt: 1_700_000_000_000,
  natsServers: ['tls://127.0.0.1:4222'],
  workloadApi: 'unix:///tmp/api.sock',
  audience: 'spiffe://muster.internal/callout',
};

test('the place follows MUSTER_LATTICE_DIR, then XDG_RUNTIME_DIR, then /tmp', () => {
  assert.equal(resolveLatticeDir({ lattice: 'l', uid: 1000, env: {} }), '/tmp/muster-1000/l');
  assert.equal(
    resolveLatticeDir({ lattice: 'l', uid: 1000, env: { XDG_RUNTIME_DIR: '/run/user/1000' } }),
    '/run/user/1000/muster-1000/l',
  );
  assert.equal(
    resolveLatticeDir({ lattice: 'l', uid: 1000, env: { XDG_RUNTIME_DIR: '' } }),
    '/tmp/muster-1000/l',
  );
  assert.equal(
    resolveLatticeDir({ lattice: 'l', uid: 1000, env: { MUSTER_LATTICE_DIR: '/x', XDG_RUNTIME_DIR: '/y' } }),
    '/x',
  );
  throwsCode('ERR_SUBJECT_TOKEN', () => resolveLatticeDir({ lattice: '../l', uid: 1000, env: {} }));
});

test('everything is private to the user, and goes away again', (context) => {
  const root = scratchDir(context);
  const path = join(root, 'muster-1000', 'default');
  const dir = createLatticeDir(path);
  for (const folder of [
    join(root, 'muster-1000'),
    path,
    join(path, 'workload-api'),
    join(path, 'delegated'),
    join(path, 'audit'),
  ]) {
    assert.equal(statSync(folder).mode & 0o777, 0o700);
  }
  dir.writeInfo({ ...info, httpUrl: 'http://127.0.0.1:8000/' });
  dir.writeBundle('{"keys":[]}');
  writeFileSync(dir.auditFile('callout'), '');
  assert.equal(statSync(join(path, 'lattice.json')).mode & 0o777, 0o600);
  assert.deepEqual(openLatticeDir(path).readInfo(), {
    schema: 'muster.lattice.v1',
    ...info,
    httpUrl: 'http://127.0.0.1:8000/',
  });
  assert.equal(openLatticeDir(path).readBundle(), '{"keys":[]}');
  assert.equal(dir.workloadApiSocket, join(path, 'workload-api', 'api.sock'));
  dir.remove();
  assert.deepEqual(readdirSync(root), []);
});

test('files that are not ours stay', (context) => {
  const path = join(scratchDir(context), 'chosen');
  const dir = createLatticeDir(path);
  writeFileSync(join(path, 'mine.txt'), 'x');
  dir.remove();
  assert.deepEqual(readdirSync(path), ['mine.txt']);
});

test('a directory can be created twice; nothing written reads as undefined', (context) => {
  const path = join(scratchDir(context), 'default');
  createLatticeDir(path);
  const dir = createLatticeDir(path);
  assert.equal(dir.readInfo(), undefined);
  assert.equal(dir.readBundle(), undefined);
});

test('missing directories, open modes, symbolic links and files are refused', (context) => {
  const root = scratchDir(context);
  writeFileSync(join(root, 'file'), '');
  const error = throwsCode('ERR_LATTICE_DIR', () => openLatticeDir(join(root, 'file', 'below')));
  assert.match(error.message, /it cannot be reached \(ENOTDIR\)$/);
  throwsCode('ERR_LATTICE_DIR', () => openLatticeDir(join(root, 'missing')));
  const open = join(root, 'open');
  mkdirSync(open, { mode: 0o700 });
  chmodSync(open, 0o750);
  throwsCode('ERR_LATTICE_DIR', () => openLatticeDir(open));
  throwsCode('ERR_LATTICE_DIR', () => createLatticeDir(open));
  const real = join(root, 'real');
  mkdirSync(real, { mode: 0o700 });
  symlinkSync(real, join(root, 'link'));
  throwsCode('ERR_LATTICE_DIR', () => openLatticeDir(join(root, 'link')));
  throwsCode('ERR_LATTICE_DIR', () => createLatticeDir(join(root, 'link')));
  assert.equal(existsSync(join(real, 'audit')), false);
  writeFileSync(join(root, 'file'), '');
  throwsCode('ERR_LATTICE_DIR', () => openLatticeDir(join(root, 'file')));
  throwsCode('ERR_LATTICE_DIR', () => createLatticeDir(join(root, 'a', 'b', 'c')));
});

test('a parent that others may enter is refused when it is ours by name', (context) => {
  const parent = join(scratchDir(context), 'muster-1000');
  mkdirSync(parent);
  chmodSync(parent, 0o755);
  throwsCode('ERR_LATTICE_DIR', () => createLatticeDir(join(parent, 'default')));
  // What is inside may be ours, but whoever owns the parent could put something else there.
  mkdirSync(join(parent, 'default'), { mode: 0o700 });
  throwsCode('ERR_LATTICE_DIR', () => openLatticeDir(join(parent, 'default')));
});

test('documents of another schema are not read, names of services not trusted', (context) => {
  const path = join(scratchDir(context), 'default');
  const dir = createLatticeDir(path);
  writeFileSync(join(path, 'lattice.json'), JSON.stringify({ ...info, schema: 'x' }));
  throwsCode('ERR_MESSAGE_MALFORMED', () => dir.readInfo());
  throwsCode('ERR_SUBJECT_TOKEN', () => dir.auditFile('../x'));
});

test('an address that cannot be read is told with its file', (context) => {
  const path = join(scratchDir(context), 'default');
  const directory = createLatticeDir(path);
  mkdirSync(join(path, 'lattice.json'));
  const error = throwsCode('ERR_LATTICE_DIR', () => directory.readInfo());
  assert.match(error.message, /"\S+default\/lattice\.json" cannot be read \(EISDIR\)$/);
});
