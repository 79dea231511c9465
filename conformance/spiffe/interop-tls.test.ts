// Mutual TLS with go-spiffe at the other end, and tokens of each verified by the other, with identities from SPIRE and from us.
import {
  createJwtSource,
  createX509Source,
  verifyJwtSvid,
  WorkloadApiClient,
  type X509Source,
} from '@muster/spiffe';
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { startOurAuthority } from './our-authority.ts';
import { findPeers } from './peers.ts';
import { type Line, Program, run } from './program.ts';
import { Spire } from './spire.ts';
import { askTlsServer, startTlsServer } from './tls-echo.ts';

const { paths, skip } = await findPeers();
const goSpiffe = paths?.['go-spiffe-peer'] ?? '';
const trustDomain = 'tls.example';
const ours = `spiffe://${trustDomain}/ours`;
const theirs = `spiffe://${trustDomain}/theirs`;
const stranger = `spiffe://${trustDomain}/stranger`;
const audience = `spiffe://${trustDomain}/audience`;
const identities = [
  { spiffeId: ours, path: process.execPath },
  { spiffeId: theirs, path: goSpiffe },
];

type Provider = AsyncDisposable & { readonly workloadApi: string };

async function startSpire(hasUpstream: boolean): Promise<Provider> {
  if (paths === undefined) throw new Error(skip);
  const spire = await Spire.start(paths, { trustDomain, hasUpstream });
  for (const { spiffeId, path } of identities) {
    await spire.createEntry({ spiffeId, selectors: [`unix:path:${path}`] });
  }
  return spire;
}

function startOurs(): Promise<Provider> {
  const entries = identities.map(({ spiffeId, path }) => ({
    spiffe_id: spiffeId,
    parent_id: `spiffe://${trustDomain}/authority`,
    selectors: [{ type: 'unix', value: `path:${path}` }],
  }));
  return startOurAuthority(trustDomain, entries);
}

const providers = [
  { name: 'identities from SPIRE', start: () => startSpire(false), hasIntermediate: false },
  {
    name: 'identities from SPIRE below another authority',
    start: () => startSpire(true),
    hasIntermediate: true,
  },
  { name: 'identities from our authority', start: startOurs, hasIntermediate: false },
];

for (const { name, start, hasIntermediate } of providers) {
  suite(`go-spiffe and we, ${name}`, { skip }, () => {
    let provider: Provider;
    let source: X509Source;

    before(async () => {
      if (skip !== false) return;
      provider = await start();
      source = await createX509Source({
        address: provider.workloadApi,
        spiffeId: ours,
        retry: { initialDelayMs: 100, maxDelayMs: 300 },
      });
    });
    after(async () => {
      await source?.close();
      await provider?.[Symbol.asyncDispose]();
    });

    /** Runs the peer to its end and returns what it said last. */
    const ask = async (words: readonly string[], input = ''): Promise<Line> => {
      const { stdout, stderr } = await run(
        goSpiffe,
        [...words, '-workload-api', provider.workloadApi],
        input,
      );
      const line = stdout.trim().split('\n').at(-1) ?? '';
      if (!line.startsWith('{')) throw new Error(`go-spiffe-peer said: ${stdout}${stderr}`);
      return JSON.parse(line) as Line;
    };

    const startServer = async (authorize: string): Promise<{ server: Program; address: string }> => {
      const words = ['tls-server', '-workload-api', provider.workloadApi, '-id', theirs];
      const server = new Program(goSpiffe, [...words, '-authorize', authorize]);
      await server.until('it listens', () => server.events('listening').length === 1);
      return { server, address: String(server.events('listening')[0]?.['address']) };
    };

    test('as a client: accepted by AuthorizeID, having verified the server', async () => {
      assert.equal(source.getX509Svid().certificates.length, hasIntermediate ? 2 : 1);
      const { server, address } = await startServer(ours);
      await using _ = server;
      const answer = await askTlsServer(address, theirs, source);
      assert.equal(answer, `${ours} said hello from Muster\n`);
      await server.until('it said so', () => server.events('accepted').length === 1);
      assert.equal(server.events('accepted')[0]?.['peer'], ours);
    });

    test('as a client: a server of another ID is refused before a byte is sent', async () => {
      const { server, address } = await startServer(ours);
      await using _ = server;
      await assert.rejects(askTlsServer(address, stranger, source), { code: 'ERR_ID_NOT_AUTHORIZED' });
      await server.until('it saw no client', () => server.events('refused').length === 1);
      assert.deepEqual(server.events('accepted'), []);
    });

    test('as a client: refused by AuthorizeID of another ID', async () => {
      const { server, address } = await startServer(stranger);
      await using _ = server;
      await assert.rejects(askTlsServer(address, theirs, source));
      await server.until('it refused', () => server.events('refused').length === 1);
      assert.match(String(server.events('refused')[0]?.['reason']), /unexpected ID/);
    });

    test('as a server: a client with the ID is served', async () => {
      await using server = await startTlsServer(theirs, source);
      const said = await ask(['tls-client', '-address', server.address, '-authorize', ours, '-id', theirs]);
      assert.deepEqual(said, {
        event: 'answered',
        peer: ours,
        answer: 'Muster heard hello from go-spiffe\n',
      });
      assert.deepEqual(server.refusals, []);
      assert.deepEqual(server.peers, [theirs]);
    });

    test('as a server: any member is served, and known by its ID', async () => {
      await using server = await startTlsServer(undefined, source);
      const said = await ask(['tls-client', '-address', server.address, '-authorize', ours, '-id', theirs]);
      assert.equal(said['event'], 'answered');
      assert.deepEqual(server.peers, [theirs]);
    });

    test('as a server: a client of another ID is refused', async () => {
      await using server = await startTlsServer(stranger, source);
      const said = await ask(['tls-client', '-address', server.address, '-authorize', ours, '-id', theirs]);
      assert.equal(said['event'], 'failed');
      assert.deepEqual(server.refusals, ['ERR_ID_NOT_AUTHORIZED']);
      assert.deepEqual(server.peers, []);
    });

    test('as a server: refused by a client that wants another ID', async () => {
      await using server = await startTlsServer(theirs, source);
      const said = await ask([
        'tls-client',
        '-address',
        server.address,
        '-authorize',
        stranger,
        '-id',
        theirs,
      ]);
      assert.equal(said['event'], 'failed');
      assert.match(String(said['reason']), /unexpected ID/);
    });

    test('its JWT-SVID is verified by us', async () => {
      const said = await ask(['jwt-fetch', '-audience', audience]);
      await using client = new WorkloadApiClient({ address: provider.workloadApi });
      const bundles = await client.fetchJwtBundles();
      const { id } = verifyJwtSvid(String(said['token']), { bundles, audience });
      assert.equal(id.toString(), theirs);
    });

    test('our JWT-SVID is verified by it, and refused for another audience', async () => {
      await using tokens = createJwtSource({ address: provider.workloadApi, spiffeId: ours });
      const { token } = await tokens.fetchJwtSvid({ audience });
      assert.deepEqual(await ask(['jwt-verify', '-audience', audience], token), {
        event: 'verified',
        here: ours,
        there: ours,
      });
      const refused = await ask(['jwt-verify', '-audience', 'other'], token);
      assert.deepEqual(Object.keys(refused).toSorted(), ['event', 'refusedHere', 'refusedThere']);
    });
  });
}
