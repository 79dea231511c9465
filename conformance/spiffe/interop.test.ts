// A real SPIRE server and agent hand out identities; the clients, sources and verifiers of @muster/spiffe take them.
import {
  type BundleSource,
  createBundleSource,
  createJwtSource,
  createX509Source,
  DelegatedIdentityClient,
  type JwtSource,
  TrustDomain,
  verifyJwtSvid,
  verifyX509Svid,
  type Watch,
  WorkloadApiClient,
  type X509Source,
} from '@muster/spiffe';
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import { eventually } from '../../integration/support/wait.ts';
import { findPeers } from './peers.ts';
import { Spire } from './spire.ts';

const { paths, skip } = await findPeers();
const trustDomain = TrustDomain.parse('spire.example');
const audience = 'spiffe://spire.example/audience';
const uid = `unix:uid:${String(process.getuid?.() ?? 0)}`;
const own = [uid, `unix:path:${process.execPath}`];
const ttl = 60;
const retry = { initialDelayMs: 100, maxDelayMs: 500 };

const wasm = ['component-digest:sha256:00', 'component-id:shop', 'app:demo', 'lattice:default'];
const host = 'spiffe://spire.example/lattice/default/host/host-1';
const component = 'spiffe://spire.example/lattice/default/app/demo/component/shop';
const selectors = [...wasm, `host-id:${host}`].map((value) => ({ type: 'wasm', value }));

function code(wanted: string): (error: unknown) => boolean {
  return (error) => {
    assert.equal((error as { code?: string }).code, wanted, String(error));
    return true;
  };
}

function serialOf(source: X509Source): string {
  return new X509Certificate(source.getX509Svid().certificates[0] ?? new Uint8Array()).serialNumber;
}

suite('a SPIRE agent serves us', { skip }, () => {
  let spire: Spire;
  let client: WorkloadApiClient;
  let source: X509Source;
  let bundles: BundleSource;
  let jwtSource: JwtSource;
  let delegate: DelegatedIdentityClient;
  let first = { at: 0, serial: '', expiresAt: 0, token: '' };
  const entries = new Map<string, string>();
  const create = async (path: string, hint: string): Promise<void> => {
    const spiffeId = spire.id(path);
    const entry = { spiffeId, selectors: own, hint, x509SvidTtl: ttl, jwtSvidTtl: ttl };
    entries.set(path, await spire.createEntry(entry));
  };

  before(async () => {
    if (paths === undefined) return;
    spire = await Spire.start(paths, { trustDomain: trustDomain.name, delegates: [host] });
    client = new WorkloadApiClient({ address: spire.workloadApi, retry });
    delegate = new DelegatedIdentityClient({ address: spire.delegatedApi, retry });
    await create('/workload', 'first');
    await create('/second', 'second');
    const options = { address: spire.workloadApi, spiffeId: spire.id('/workload'), retry };
    source = await createX509Source(options);
    bundles = await createBundleSource(options);
    jwtSource = createJwtSource(options);
    const { expiresAt } = source.getX509Svid();
    const { token } = await jwtSource.fetchJwtSvid({ audience });
    first = { at: Date.now(), serial: serialOf(source), expiresAt, token };
  });
  after(async () => {
    for (const one of [source, bundles, jwtSource, client, delegate, spire])
      await one?.[Symbol.asyncDispose]();
  });

  test('X.509-SVIDs with their hints, each verified against the bundle that comes with it', async () => {
    await eventually('both identities', async () => (await client.fetchX509Context()).svids.length === 2);
    const { svids, bundles: set } = await client.fetchX509Context();
    const found = svids.map(({ id, hint }) => `${id.path} ${hint ?? ''}`).toSorted();
    assert.deepEqual(found, ['/second second', '/workload first']);
    for (const svid of svids) {
      assert.equal(verifyX509Svid(svid.certificates, set).id.toString(), svid.id.toString());
    }
  });

  test('bundles of both kinds', async () => {
    assert.equal((await client.fetchX509Bundles()).getX509Bundle(trustDomain)?.authorities.length, 1);
    assert.ok((await client.fetchJwtBundles()).getJwtBundle(trustDomain) !== undefined);
    assert.ok(bundles.getX509Bundle(trustDomain) !== undefined);
    assert.ok(bundles.getJwtBundle(trustDomain) !== undefined);
  });

  test('JWT-SVIDs: one of every identity, or of the one that is named, verified by us', async () => {
    const all = await client.fetchJwtSvids({ audience: [audience] });
    assert.deepEqual(all.map(({ id }) => id.path).toSorted(), ['/second', '/workload']);
    const [one] = await client.fetchJwtSvids({
      audience: [audience, 'other'],
      spiffeId: spire.id('/second'),
    });
    for (const each of [audience, 'other']) {
      const { id, expiresAt } = verifyJwtSvid(one?.token ?? '', { bundles, audience: each });
      assert.equal(id.path, '/second');
      assert.equal(expiresAt, one?.expiresAt);
    }
    const verify = (): unknown => verifyJwtSvid(one?.token ?? '', { bundles, audience: 'third' });
    assert.throws(verify, code('ERR_JWT_AUDIENCE_MISMATCH'));
  });

  test('a JWT-SVID of an identity that is not ours is denied', async () => {
    const request = { audience: [audience], spiffeId: spire.id('/stranger') };
    await assert.rejects(client.fetchJwtSvids(request), code('ERR_NO_IDENTITY'));
  });

  test('ValidateJWTSVID agrees with us on good and bad tokens', async () => {
    const { token } = await jwtSource.fetchJwtSvid({ audience });
    const validated = await client.validateJwtSvid({ token, audience });
    assert.equal(validated.id.path, '/workload');
    assert.deepEqual(validated.claims, verifyJwtSvid(token, { bundles, audience }).claims);
    const [header, payload, signature = ''] = token.split('.');
    const forged = [header, payload, (signature.startsWith('A') ? 'B' : 'A') + signature.slice(1)].join('.');
    for (const [bad, as] of [
      [forged, audience],
      [token, 'other'],
    ] as const) {
      await assert.rejects(client.validateJwtSvid({ token: bad, audience: as }), code('ERR_REQUEST_REFUSED'));
      assert.throws(() => verifyJwtSvid(bad, { bundles, audience: as }));
    }
  });

  test('the Delegated Identity API refuses who is not a delegate', async () => {
    await assert.rejects(
      delegate.fetchJwtSvids({ selectors, audience: [audience] }),
      code('ERR_NO_IDENTITY'),
    );
  });

  test('a delegate fetches for a component by its wasm selectors, all of them', async () => {
    await spire.createEntry({ spiffeId: host, selectors: own });
    await spire.createEntry({
      spiffeId: component,
      parentId: host,
      selectors: selectors.map(({ type, value }) => `${type}:${value}`),
    });
    const fetch = (given: typeof selectors): Promise<string> =>
      delegate.fetchJwtSvids({ selectors: given, audience: [audience] }).then(
        ([svid]) => verifyJwtSvid(svid?.token ?? '', { bundles, audience }).id.toString(),
        (error: unknown) => (error as { code: string }).code,
      );
    await eventually('the entry is there', async () => (await fetch(selectors)) === component);
    assert.equal(await fetch([...selectors, { type: 'wasm', value: 'namespace:more' }]), component);
    for (const left of selectors) {
      assert.equal(await fetch(selectors.filter((one) => one !== left)), 'ERR_NO_IDENTITY', left.value);
    }
  });

  test('a delegate watches X.509-SVIDs and bundles; nothing that matches is an empty list', async () => {
    const seen: Record<string, unknown> = {};
    const follow =
      (name: string) =>
      (update: unknown): void => {
        seen[name] = update;
      };
    const watches: Watch[] = [
      delegate.watchX509Svids({ selectors }, { onUpdate: ({ svids }) => follow('svids')(svids) }),
      delegate.watchX509Svids(
        { pid: process.pid },
        { onUpdate: ({ svids }) => follow('own')(svids.map(({ id }) => id.path).toSorted()) },
      ),
      delegate.watchX509Svids(
        { selectors: selectors.slice(1) },
        { onUpdate: ({ svids }) => follow('none')(svids) },
      ),
      delegate.watchX509Bundles({ onUpdate: (set) => follow('x509')(set.getX509Bundle(trustDomain)) }),
      delegate.watchJwtBundles({ onUpdate: (set) => follow('jwt')(set.getJwtBundle(trustDomain)) }),
    ];
    await eventually('every stream answered', () => Object.keys(seen).length === 5);
    for (const watch of watches) await watch.close();
    const [svid] = seen['svids'] as { certificates: Uint8Array[] }[];
    assert.equal(verifyX509Svid(svid?.certificates ?? [], bundles).id.toString(), component);
    assert.deepEqual(seen['own'], ['/lattice/default/host/host-1', '/second', '/workload']);
    assert.deepEqual(seen['none'], []);
    assert.ok(seen['x509'] !== undefined && seen['jwt'] !== undefined);
  });

  test('SVIDs of one minute are renewed before they expire, without a gap', async (t) => {
    const states = new Set<string>();
    const watch = setInterval(() => states.add(source.state()), 50);
    await eventually('a new X.509-SVID', () => serialOf(source) !== first.serial, ttl * 1_000);
    const renewedAt = Date.now();
    assert.ok(renewedAt < first.expiresAt, 'before the first one expired');
    await eventually(
      'a new JWT-SVID',
      async () => (await jwtSource.fetchJwtSvid({ audience })).token !== first.token,
      ttl * 1_000,
    );
    clearInterval(watch);
    assert.deepEqual([...states], ['valid']);
    t.diagnostic(`X.509-SVID renewed ${((renewedAt - first.at) / 1_000).toFixed(1)} s after the first`);
  });

  test('a new authority reaches the sources: prepared, activated, and the old one tainted', async () => {
    type Prepared = { prepared_authority: { authority_id: string } };
    const x509 = await spire.server<Prepared>('localauthority', 'x509', 'prepare');
    const jwt = await spire.server<Prepared>('localauthority', 'jwt', 'prepare');
    const kid = jwt.prepared_authority.authority_id;
    const authorities = (): number => bundles.getX509Bundle(trustDomain)?.authorities.length ?? 0;
    await eventually('the new X.509 authority', () => authorities() === 2, 20_000);
    const keys = (): number => bundles.getJwtBundle(trustDomain)?.findKeys(kid, 'ES256').length ?? 0;
    await eventually('the new JWT key', () => keys() === 1, 20_000);
    const serial = serialOf(source);
    const old = await spire.server<{ active: { authority_id: string } }>('localauthority', 'x509', 'show');
    const activate = async (kind: string, id: string): Promise<unknown> =>
      spire.server('localauthority', kind, 'activate', '-authorityID', id);
    await activate('x509', x509.prepared_authority.authority_id);
    await activate('jwt', kid);
    await spire.server('localauthority', 'x509', 'taint', '-authorityID', old.active.authority_id);
    // The agent first drops what a tainted authority signed. An update that it sends before the new SVIDs are there
    // withdraws the identity, and denies bundles too, until the next one.
    const verified = async (): Promise<boolean> => {
      if (source.state() !== 'valid' || serialOf(source) === serial) return false;
      if (authorities() === 0 || keys() === 0) return false;
      const { token } = await jwtSource.fetchJwtSvid({ audience, isFresh: true });
      const paths = [
        verifyX509Svid(source.getX509Svid().certificates, bundles).id.path,
        verifyJwtSvid(token, { bundles, audience }).id.path,
      ];
      assert.deepEqual(paths, ['/workload', '/workload']);
      return true;
    };
    await eventually('SVIDs of the new authorities', verified, 30_000);
  });

  test('an agent that is away withdraws nothing, and is found again when it is back', async () => {
    const cached = await jwtSource.fetchJwtSvid({ audience });
    await spire.stopAgent();
    await assert.rejects(client.fetchJwtSvids({ audience: [audience] }), code('ERR_ENDPOINT_UNAVAILABLE'));
    assert.equal(source.state(), 'valid');
    assert.equal((await jwtSource.fetchJwtSvid({ audience })).token, cached.token);
    const updates: string[] = [];
    const stop = source.onChange((state) => updates.push(state));
    await spire.startAgent();
    await eventually('an update after the restart', () => updates.includes('valid'));
    stop();
    const fresh = await jwtSource.fetchJwtSvid({ audience, isFresh: true });
    assert.equal(verifyJwtSvid(fresh.token, { bundles, audience }).id.path, '/workload');
  });

  test('an identity that is not offered any more is withdrawn, while others stay', async () => {
    await using second = await createX509Source({
      address: spire.workloadApi,
      spiffeId: spire.id('/second'),
      retry,
    });
    await spire.deleteEntry(entries.get('/second') ?? '');
    await eventually('the withdrawal', () => second.state() === 'withdrawn', 20_000);
    assert.throws(() => second.getX509Svid(), code('ERR_NO_IDENTITY'));
    assert.equal(source.state(), 'valid');
  });

  test('PermissionDenied, when no entry is left, withdraws everything', async () => {
    const { entries: left } = await spire.server<{ entries: { id: string }[] }>('entry', 'show');
    for (const { id } of left) await spire.deleteEntry(id);
    await eventually('the withdrawal', () => source.state() === 'withdrawn', 20_000);
    assert.throws(() => source.getX509Svid(), code('ERR_NO_IDENTITY'));
    await assert.rejects(client.fetchX509Context(), code('ERR_NO_IDENTITY'));
    await assert.rejects(jwtSource.fetchJwtSvid({ audience, isFresh: true }), code('ERR_NO_IDENTITY'));
    await assert.rejects(jwtSource.fetchJwtSvid({ audience }), code('ERR_NO_IDENTITY'), 'cache emptied');
  });
});
