// Bundles of other trust domains: SPIRE's endpoint read by us, our endpoint read by SPIRE and by go-spiffe.
import {
  createBundleHandler,
  createJwtSource,
  createX509Source,
  fetchBundle,
  parseSpiffeBundle,
  SpiffeId,
  tlsServerOptions,
  TrustDomain,
  verifyJwtSvid,
  watchBundle,
  WorkloadApiClient,
  type X509Source,
} from '@muster/spiffe';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { eventually } from '../../integration/support/wait.ts';
import { type OurAuthority, startOurAuthority } from './our-authority.ts';
import { findPeers } from './peers.ts';
import { run, runJson } from './program.ts';
import { Spire } from './spire.ts';

const { paths, skip } = await findPeers();
const goSpiffe = paths?.['go-spiffe-peer'] ?? '';
const theirs = TrustDomain.parse('spire.example');
const ours = TrustDomain.parse('ours.example');
const endpointId = SpiffeId.fromPath(ours, '/bundle-endpoint');
const audience = 'spiffe://spire.example/audience';
const own = [`unix:path:${process.execPath}`];

suite('federation', { skip }, () => {
  let spire: Spire;
  let authority: OurAuthority;
  let source: X509Source;
  let server: Server;
  let url = '';

  before(async () => {
    if (paths === undefined) return;
    spire = await Spire.start(paths, { trustDomain: theirs.name, hasBundleEndpoint: true });
    const entry = (path: string, program: string): Parameters<typeof startOurAuthority>[1][number] => ({
      spiffe_id: SpiffeId.fromPath(ours, path).toString(),
      parent_id: `${ours.id}/authority`,
      selectors: [{ type: 'unix', value: `path:${program}` }],
    });
    authority = await startOurAuthority(ours.name, [
      entry(endpointId.path, process.execPath),
      entry('/peer', goSpiffe),
    ]);
    source = await createX509Source({ address: authority.workloadApi, spiffeId: endpointId.toString() });
    const getBundle = (): ReturnType<typeof parseSpiffeBundle> =>
      parseSpiffeBundle(ours, authority.authority.bundle());
    server = createServer(tlsServerOptions({ svid: source }), createBundleHandler({ getBundle }));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `https://127.0.0.1:${String((server.address() as AddressInfo).port)}/bundle`;
  });
  after(async () => {
    server?.close();
    for (const one of [source, authority, spire]) await one?.[Symbol.asyncDispose]();
  });

  const endpoint = async (id = spire.id('/spire/server')): Promise<Parameters<typeof fetchBundle>[0]> => ({
    trustDomain: theirs,
    url: spire.bundleEndpoint,
    profile: {
      type: 'https_spiffe',
      endpointId: SpiffeId.parse(id),
      bundles: parseSpiffeBundle(theirs, await spire.bundle()),
    },
  });

  test("SPIRE's endpoint is read by its SPIFFE ID, and by no other", async () => {
    const fetched = await fetchBundle(await endpoint());
    const shown = parseSpiffeBundle(theirs, await spire.bundle());
    assert.ok(fetched.x509Bundle.equals(shown.x509Bundle));
    assert.equal(fetched.sequence, shown.sequence);
    assert.equal(fetched.refreshHintMs, 2_000);
    assert.deepEqual(fetched.ignored, []);
    await assert.rejects(fetchBundle(await endpoint(spire.id('/other'))), {
      code: 'ERR_BUNDLE_ENDPOINT_IDENTITY',
    });
  });

  test("a new authority of SPIRE's is seen by the watch, and its tokens are verified by it", async () => {
    const sequences: (bigint | undefined)[] = [];
    const handlers = { onUpdate: ({ sequence }: { sequence?: bigint }) => sequences.push(sequence) };
    await using watch = watchBundle(await endpoint(), handlers, { minIntervalMs: 500 });
    const authorities = (): number => watch.getX509Bundle(theirs)?.authorities.length ?? 0;
    await eventually('the first bundle', () => authorities() === 1);
    await spire.server('localauthority', 'x509', 'prepare');
    await eventually('the new authority', () => authorities() === 2, 20_000);
    assert.ok((sequences.at(-1) ?? 0n) > (sequences[0] ?? 0n));
    await spire.createEntry({ spiffeId: spire.id('/workload'), selectors: own });
    await using client = new WorkloadApiClient({ address: spire.workloadApi });
    const fetch = (): Promise<string> =>
      client.fetchJwtSvids({ audience: [audience] }).then(
        ([svid]) => svid?.token ?? '',
        () => '',
      );
    await eventually('an identity from SPIRE', async () => (await fetch()) !== '');
    const { id } = verifyJwtSvid(await fetch(), { bundles: watch, audience });
    assert.equal(id.toString(), spire.id('/workload'));
  });

  test('SPIRE reads our endpoint, hands our bundle to its workloads and verifies our tokens', async () => {
    const bundle = authority.authority.bundle();
    await spire.federateWith({ trustDomain: ours.name, url, endpointId: endpointId.toString(), bundle });
    await spire.server('federation', 'refresh', '-id', ours.name);
    const federatesWith = [ours.id];
    await spire.createEntry({ spiffeId: spire.id('/federated'), selectors: own, federatesWith });
    await using client = new WorkloadApiClient({ address: spire.workloadApi });
    await eventually(
      'our bundle',
      async () => (await client.fetchX509Bundles()).getX509Bundle(ours) !== undefined,
    );
    const received = (await client.fetchX509Bundles()).getX509Bundle(ours);
    assert.ok(received?.equals(parseSpiffeBundle(ours, bundle).x509Bundle));
    await using tokens = createJwtSource({ address: authority.workloadApi });
    const { token } = await tokens.fetchJwtSvid({ audience });
    assert.equal((await client.validateJwtSvid({ token, audience })).id.toString(), endpointId.toString());
  });

  test("go-spiffe's federation client reads our endpoint, and not under another ID", async () => {
    const words = ['federation-fetch', '-workload-api', authority.workloadApi, '-url', url];
    const trustDomain = ['-trust-domain', ours.name];
    const found = await runJson<object>(goSpiffe, [
      ...words,
      ...trustDomain,
      '-authorize',
      endpointId.toString(),
    ]);
    const { sequence, refreshHintMs } = parseSpiffeBundle(ours, authority.authority.bundle());
    assert.deepEqual(found, {
      event: 'bundle',
      trustDomain: ours.name,
      x509Authorities: 1,
      jwtAuthorities: 1,
      sequence: Number(sequence),
      refreshHintSeconds: (refreshHintMs ?? 0) / 1_000,
    });
    const other = await run(goSpiffe, [...words, ...trustDomain, '-authorize', `${ours.id}/other`]);
    assert.equal(other.code, 1);
    assert.match(other.stdout, /unexpected ID/);
  });
});
