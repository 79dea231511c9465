// A whole lattice of `muster dev` takes every identity from SPIRE; the entries are made by SPIRE's own command line.
import { defaultCacheDir } from '@muster/nats-server';
import { DelegatedIdentityClient } from '@muster/spiffe';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { sourceDigest } from '../../examples/hello-identity/build.ts';
import { ask } from '../../integration/support/http.ts';
import { freePort } from '../../integration/support/ports.ts';
import { eventually } from '../../integration/support/wait.ts';
import { findPeers } from './peers.ts';
import { Program, run, temporaryFolder } from './program.ts';
import { Spire } from './spire.ts';

const { paths, skip } = await findPeers();
const muster = fileURLToPath(new URL('../../packages/cli/bin/muster.js', import.meta.url));
const trustDomain = 'lattice.example';
const id = (path: string): string => `spiffe://${trustDomain}${path}`;
const host = id('/lattice/default/host/host-1');
const component = id('/lattice/default/app/hello/component/hello-identity');
const own = [`unix:uid:${String(process.getuid?.() ?? 0)}`, `unix:path:${process.execPath}`];

suite('muster dev with identities from SPIRE', { skip }, () => {
  let spire: Spire;
  let dev: Program;
  let httpPort = 0;
  let hostEntry = '';
  const folder = temporaryFolder('interop');
  const env = { ...process.env, MUSTER_LATTICE_DIR: join(folder, 'lattice'), NO_COLOR: '1' };
  const devWords = (): string[] => {
    const ports = ['--http-port', String(httpPort), '--nats-port', '0'];
    const providers = ['--workload-api', spire.workloadApi, '--delegated-api', spire.delegatedApi];
    const names = ['--trust-domain', trustDomain, '--operator', 'tester'];
    return [muster, 'dev', ...names, ...ports, ...providers];
  };
  const statusOf = async (path: string): Promise<number> => (await ask(httpPort, { path })).status;

  before(async () => {
    if (paths === undefined) return;
    spire = await Spire.start(paths, { trustDomain, delegates: [host] });
    // nats-server reads its certificate at its start only.
    await spire.createEntry({ spiffeId: id('/nats/nats-1'), selectors: own, x509SvidTtl: 86_400 });
    for (const path of ['/callout', '/operator/tester']) {
      await spire.createEntry({ spiffeId: id(path), selectors: own });
    }
    hostEntry = await spire.createEntry({ spiffeId: host, selectors: own });
    httpPort = await freePort();
  });
  after(async () => {
    await dev?.stop('SIGINT');
    await spire?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  test('a component that wants an identity and has no entry is not started', async () => {
    const { code, stderr } = await run(process.execPath, devWords(), '', env);
    assert.equal(code, 1);
    assert.match(stderr, /ERR_IMPORT_NOT_GRANTED: .*wasmcloud:identity\/store.* needs a registration entry/);
  });

  test('with an entry for its digest, id, application, lattice and host it says who it is', async () => {
    const bytes = readFileSync(await cachedComponent());
    const values = [
      `component-digest:sha256:${createHash('sha256').update(bytes).digest('hex')}`,
      'component-id:hello-identity',
      'app:hello',
      'lattice:default',
      `host-id:${host}`,
    ];
    const entry = { spiffeId: component, parentId: host, selectors: values.map((value) => `wasm:${value}`) };
    await spire.createEntry(entry);
    await using delegate = new DelegatedIdentityClient({ address: spire.delegatedApi });
    const request = { selectors: values.map((value) => ({ type: 'wasm', value })), audience: ['test'] };
    const isKnown = (): Promise<boolean> =>
      delegate.fetchJwtSvids(request).then(
        () => true,
        () => false,
      );
    await eventually('the agent knows the entry', isKnown);
    dev = new Program(process.execPath, devWords(), env);
    await dev.until('the lattice is up', () => dev.lines.includes('Ctrl-C stops everything.'), 60_000);
    assert.equal(await statusOf('/'), 200);
    const { status, body } = await ask(httpPort, { path: '/whoami' });
    assert.equal(status, 200);
    const said = JSON.parse(body) as { spiffeId: string; audience: string[] };
    assert.equal(said.spiffeId, component);
    assert.deepEqual(said.audience, [id('/example')]);
  });

  test('the host is connected twice, by the identity that SPIRE gave it', async () => {
    const words = [muster, 'connection', 'list', '--operator', 'tester', '-o', 'json'];
    const { code, stdout, stderr } = await run(process.execPath, words, '', env);
    assert.equal(code, 0, stderr);
    const rows = JSON.parse(stdout) as { name: string; spiffeId: string | null }[];
    const found = rows.filter(({ spiffeId }) => spiffeId === host).map(({ name }) => name);
    assert.deepEqual(found.toSorted(), ['ctl', 'rpc']);
  });

  test('a host whose entry is deleted answers 503, until it has one again', async () => {
    await spire.deleteEntry(hostEntry);
    await eventually('the host is out', async () => (await statusOf('/')) === 503, 20_000);
    await spire.createEntry({ spiffeId: host, selectors: own });
    await eventually('the host is back', async () => (await statusOf('/whoami')) === 200, 30_000);
  });
});

/** Where the command line keeps the example that it has built. */
async function cachedComponent(): Promise<string> {
  const folder = (await sourceDigest()).replace(':', '-');
  return join(defaultCacheDir(), 'components', folder, 'hello-identity.wasm');
}
