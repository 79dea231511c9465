import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createNkey, createXkey } from '@muster/lattice';
import { build } from '../../examples/hello-identity/build.ts';
import { ask } from '../support/http.ts';
import { Place, type Running } from './muster.ts';

const TRUST_DOMAIN = 'parts.example';
const id = (path: string): string => `spiffe://${TRUST_DOMAIN}${path}`;

const words = (line: string): string[] => line.trim().split(/\s+/);

/** Entries that all match the same user: only asking by name tells the parts apart. */
function entriesFor(file: string): object {
  const user = [{ type: 'unix', value: `uid:${String(process.getuid?.())}` }];
  const digest = createHash('sha256').update(readFileSync(file)).digest('hex');
  const host = id('/lattice/default/host/host-1');
  const wasm = (value: string): object => ({ type: 'wasm', value });
  const paths = [
    '/operator/ann',
    '/callout',
    '/lattice/default/host/host-1',
    '/lattice/default/host/host-2',
    '/nats/nats-1',
  ];
  return {
    entries: [
      ...paths.map((path) => ({ spiffe_id: id(path), parent_id: id('/authority'), selectors: user })),
      {
        spiffe_id: id('/lattice/default/app/hello/component/hello-identity'),
        parent_id: host,
        selectors: [
          wasm(`component-digest:sha256:${digest}`),
          wasm('component-id:hello-identity'),
          wasm('app:hello'),
          wasm('lattice:default'),
          wasm(`host-id:${host}`),
        ],
      },
    ],
  };
}

async function startAuthority(
  place: Place,
  entries: object,
): Promise<{ authority: Running; workloadApi: string; delegatedApi: string }> {
  const file = join(place.folder, 'entries.json');
  writeFileSync(file, JSON.stringify(entries));
  for (const folder of ['w', 'd']) mkdirSync(join(place.folder, folder), { mode: 0o700 });
  const socket = join(place.folder, 'w', 'api.sock');
  const delegatedSocket = join(place.folder, 'd', 'api.sock');
  const authority = place.start(
    words(`identity run --trust-domain ${TRUST_DOMAIN} --entries ${file} --socket ${socket} --delegated-socket ${delegatedSocket}
      --delegate ${id('/lattice/default/host/host-1')} --ca-ttl 7d`),
  );
  await authority.said('"event":"ready"');
  return { authority, workloadApi: `unix://${socket}`, delegatedApi: `unix://${delegatedSocket}` };
}

describe('parts by themselves', () => {
  it('take their identities from another provider, each by its name, in another trust domain, with two hosts', async (t) => {
    const place = await Place.create(t);
    const component = await build(join(place.folder, 'built'));
    const { authority, workloadApi, delegatedApi } = await startAuthority(place, entriesFor(component));
    const flags = ['--trust-domain', TRUST_DOMAIN, '--operator', 'ann'];
    const dev = await place.dev(
      component,
      ...flags,
      '--workload-api',
      workloadApi,
      '--delegated-api',
      delegatedApi,
      '--hosts',
      '2',
    );
    assert.doesNotMatch(dev.stdout, /^authority/m);
    assert.match(dev.stdout, new RegExp(`^callout +${id('/callout')} +its provider +AUTH`, 'm'));

    const said = JSON.parse((await ask(place.httpPort, { path: '/whoami' })).body) as {
      spiffeId: string;
      audience: string[];
    };
    assert.equal(said.spiffeId, id('/lattice/default/app/hello/component/hello-identity'));
    assert.deepEqual(said.audience, [id('/example')]);

    const rows = await place.list<{ spiffeId: string; name: string }>(
      'connection',
      'list',
      '--operator',
      'ann',
    );
    const hosts = ['host-1', 'host-2'].flatMap((host) =>
      ['ctl', 'rpc'].map((name) => `${id(`/lattice/default/host/${host}`)} ${name}`),
    );
    assert.deepEqual(
      rows.map(({ spiffeId, name }) => `${spiffeId} ${name}`).toSorted(),
      [...hosts, `${id('/operator/ann')} cli`].toSorted(),
    );

    const stranger = await place.run(['host', 'list', '--operator', 'bob']);
    assert.equal(stranger.code, 1);
    assert.match(stranger.stderr, /^error ERR_OPERATOR_IDENTITY: .*\/operator\/bob/);

    assert.equal((await dev.interrupt()).code, 0);
    assert.equal((await authority.interrupt('SIGTERM')).code, 0);
    await place.assertNothingLeft();
  });

  it('make a lattice when each is started by itself, once an operator has prepared it for hosts', async (t) => {
    const place = await Place.create(t);
    const component = await build(join(place.folder, 'built'));
    const { authority, workloadApi, delegatedApi } = await startAuthority(place, entriesFor(component));
    const common = words(`--trust-domain ${TRUST_DOMAIN}`);
    const environment = { SPIFFE_ENDPOINT_SOCKET: workloadApi };
    const [issuer, xkey, user] = [createNkey('A'), createXkey(), createNkey('U')];
    const text = (seed: Uint8Array): string => Buffer.from(seed).toString();
    const nats = place.start(
      [
        ...words(`nats run --directory ${join(place.runtimeDir, 'nats')} --port ${String(place.natsPort)} --callout-issuer ${issuer.publicKey}
          --callout-xkey ${xkey.publicKey} --callout-user ${user.publicKey}`),
        ...common,
      ],
      environment,
    );
    await nats.said('Server is ready');
    const servers = `tls://127.0.0.1:${String(place.natsPort)}`;
    const callout = place.start(
      [...words(`callout run --keys-fd 3 --servers ${servers}`), ...common],
      environment,
      JSON.stringify({
        issuerSeed: text(issuer.seed()),
        xkeySeed: text(xkey.seed()),
        userSeed: text(user.seed()),
      }),
    );
    await callout.said('"event":"ready"');
    const host = place.start(
      [...words(`host run --name host-1 --servers ${servers} --delegated-api ${delegatedApi}`), ...common],
      environment,
    );
    await host.said('an operator must create it');
    assert.doesNotMatch(host.stdout, /ready/);
    const waiting = place.start(
      [...words(`host run --name host-2 --servers ${servers}`), ...common],
      environment,
    );
    await waiting.said('an operator must create it');
    assert.deepEqual((await waiting.interrupt('SIGTERM')).code, 130, 'it does not wait for the lattice then');

    const asOperator = [
      ...words(`--operator ann --servers ${servers} --workload-api ${workloadApi}`),
      ...common,
    ];
    for (let time = 0; time < 2; time += 1) {
      const prepared = await place.run(['host', 'prepare', ...asOperator]);
      assert.equal(prepared.code, 0, prepared.stderr);
      assert.equal(prepared.stdout, 'The lattice "default" is ready for hosts.\n');
    }
    await host.said('"event":"ready"');
    const hosts = await place.list<{ name: string }>('host', 'list', ...asOperator);
    assert.deepEqual(
      hosts.map(({ name }) => name),
      ['host-1'],
    );
    for (const part of [host, callout, nats, authority])
      assert.equal((await part.interrupt('SIGTERM')).code, 0, part.stderr);
  });

  it('give up with one line when their provider does not know them', async (t) => {
    const place = await Place.create(t);
    const { authority, workloadApi } = await startAuthority(place, { entries: [] });
    const nats = await place.run(
      words(`nats run --trust-domain ${TRUST_DOMAIN} --workload-api ${workloadApi} --directory ${join(place.runtimeDir, 'n')}
        --port 0 --callout-issuer A --callout-xkey X --callout-user U`),
    );
    assert.equal(nats.code, 1);
    assert.match(
      nats.stderr,
      /^error ERR_SERVER_IDENTITY: The Workload API at unix:\S+ gave no X\.509-SVID for spiffe:\/\/parts\.example\/nats\/nats-1: /,
    );
    await authority.interrupt('SIGTERM');
  });

  it('refuse a key document that is none without repeating it', async (t) => {
    const place = await Place.create(t);
    const callout = await place.run([
      'callout',
      'run',
      '--keys-fd',
      '4',
      '--servers',
      'tls://127.0.0.1:1',
      '--workload-api',
      'unix:///nowhere',
    ]);
    assert.equal(callout.code, 1);
    assert.match(callout.stderr, /^error ERR_KEY_DOCUMENT: Cannot read the key document from descriptor 4/);
  });

  it('end when their parent is not the one they were told of', async (t) => {
    const place = await Place.create(t);
    const host = await place.run([
      'host',
      'run',
      '--name',
      'a',
      '--servers',
      'tls://127.0.0.1:1',
      '--workload-api',
      'unix:///nowhere',
      '--die-with-parent',
      '1',
    ]);
    assert.equal(host.code, 1);
    assert.match(host.stderr, /^error ERR_PARENT_GONE: /);
  });
});
