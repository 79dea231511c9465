// A real SPIRE agent hands out the identities of other processes to us as their broker; its server mints WIT-SVIDs.
import {
  createX509Source,
  matchId,
  SpiffeId,
  TrustDomain,
  verifyJwtSvid,
  verifyX509Svid,
  type X509Source,
} from '@muster/spiffe';
import {
  BrokerClient,
  createBrokeredX509Source,
  createReplayCache,
  createWitHeaders,
  marshalWitBundle,
  parseUnverifiedWitSvid,
  readWitHeaders,
  verifyWitRequest,
  WitBundle,
} from '@muster/spiffe/unstable';
import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, type JsonWebKey } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import { eventually } from '../../integration/support/wait.ts';
import { findPeers } from './peers.ts';
import { Program } from './program.ts';
import { Spire } from './spire.ts';

const { paths, skip } = await findPeers();
const trustDomain = TrustDomain.parse('spire.example');
const pidReference = 'type.googleapis.com/spiffe.broker.WorkloadPIDReference';
const own = [`unix:uid:${String(process.getuid?.() ?? 0)}`, `unix:path:${process.execPath}`];
const sleep = realpathSync('/bin/sleep');
const tail = realpathSync('/usr/bin/tail');
const audience = 'https://api.example';
const retry = { initialDelayMs: 100, maxDelayMs: 500 };

function code(wanted: string): (error: unknown) => boolean {
  return (error) => {
    assert.equal((error as { code?: string }).code, wanted, String(error));
    return true;
  };
}

suite('a SPIRE agent serves us as a broker', { skip }, () => {
  let spire: Spire;
  let broker: X509Source;
  let stranger: X509Source;
  let client: BrokerClient;
  let agent: SpiffeId;
  let workload: Program;
  let nobody: Program;
  let entry = '';
  const pidOf = (program: Program): { pid: number } => ({ pid: program.child.pid ?? 0 });
  const createEntry = async (): Promise<void> => {
    entry = await spire.createEntry({
      spiffeId: spire.id('/workload'),
      selectors: [`unix:path:${sleep}`],
      hint: 'w',
    });
  };

  before(async () => {
    if (paths === undefined) return;
    const brokers = [{ id: 'spiffe://spire.example/broker', referenceTypes: [pidReference] }];
    spire = await Spire.start(paths, { trustDomain: trustDomain.name, brokers });
    workload = new Program(sleep, ['1000']);
    nobody = new Program(tail, ['-f', '/dev/null']);
    await createEntry();
    for (const path of ['/broker', '/stranger']) {
      await spire.createEntry({ spiffeId: spire.id(path), selectors: own });
    }
    const address = spire.workloadApi;
    broker = await createX509Source({ address, retry, spiffeId: spire.id('/broker') });
    stranger = await createX509Source({ address, retry, spiffeId: spire.id('/stranger') });
    const { agents } = await spire.server<{ agents: { id: { path: string } }[] }>('agent', 'list');
    agent = SpiffeId.parse(spire.id(agents[0]?.id.path ?? ''));
    client = new BrokerClient({
      address: spire.brokerEndpoint,
      source: broker,
      authorize: matchId(agent),
      retry,
    });
  });
  after(async () => {
    for (const one of [client, broker, stranger, workload, nobody, spire]) await one?.[Symbol.asyncDispose]();
  });

  test('X.509-SVID and bundles of a process, on its behalf', async () => {
    const { svids, bundles } = await client.fetchX509Context(pidOf(workload));
    assert.deepEqual(
      svids.map(({ id, hint }) => `${id.path} ${hint ?? ''}`),
      ['/workload w'],
    );
    assert.equal(verifyX509Svid(svids[0]?.certificates ?? [], bundles).id.path, '/workload');
    const x509Bundles = await client.fetchX509Bundles(pidOf(workload));
    assert.equal(x509Bundles.getX509Bundle(trustDomain)?.authorities.length, 1);
  });

  test('JWT-SVID of a process, on its behalf, which we verify', async () => {
    const [svid] = await client.fetchJwtSvids(pidOf(workload), { audience: [audience] });
    const bundles = await client.fetchJwtBundles(pidOf(workload));
    assert.equal(verifyJwtSvid(svid?.token ?? '', { bundles, audience }).id.path, '/workload');
    const request = { audience: [audience], spiffeId: spire.id('/stranger') };
    await assert.rejects(client.fetchJwtSvids(pidOf(workload), request), code('ERR_NO_IDENTITY'));
  });

  test('a source on behalf of a process loses the identity with its entry, and gets it back with a new one', async () => {
    await using source = await createBrokeredX509Source({ client, reference: pidOf(workload) });
    assert.equal(source.getX509Svid().id.path, '/workload');
    await spire.deleteEntry(entry);
    await eventually('the identity is withdrawn', () => source.state() === 'withdrawn');
    assert.equal(source.getX509Bundle(trustDomain), undefined);
    await createEntry();
    await eventually('the identity is back', () => source.state() === 'valid');
  });

  test('a process without an entry has no identity', async () => {
    await assert.rejects(client.fetchX509Context(pidOf(nobody)), code('ERR_NO_IDENTITY'));
    const tokens = client.fetchJwtSvids(pidOf(nobody), { audience: [audience] });
    await assert.rejects(tokens, code('ERR_NO_IDENTITY'));
  });

  test('a process that is not there is refused', async () => {
    const ended = new Program(sleep, ['0']);
    const reference = pidOf(ended);
    await ended.until('it has ended', () => ended.hasEnded).catch(() => {});
    await assert.rejects(client.fetchX509Context(reference), (error: Error) => {
      // The standard asks for NotFound.
      assert.match(error.message, /INTERNAL: .*process does not exist/);
      return code('ERR_GRPC_STATUS')(error);
    });
  });

  test('a type of reference that the broker may not use is refused', async () => {
    const kubernetes = { plural: 'pods', namespace: 'default', name: 'web' };
    await assert.rejects(client.fetchX509Context({ kubernetes }), code('ERR_NO_IDENTITY'));
    const vendor = { typeUrl: 'type.googleapis.com/vendor.Component', value: new Uint8Array(0) };
    await assert.rejects(client.fetchX509Context(vendor), code('ERR_NO_IDENTITY'));
  });

  test('A47 a broker that is not on the list is not let in', async () => {
    await using other = new BrokerClient({
      address: spire.brokerEndpoint,
      source: stranger,
      authorize: matchId(agent),
    });
    await assert.rejects(other.fetchX509Context(pidOf(workload)), (error: Error) => {
      assert.match(error.message, /TLS_ALERT_BAD_CERTIFICATE/);
      return code('ERR_ENDPOINT_UNAVAILABLE')(error);
    });
  });

  test('an endpoint with another SPIFFE ID than we expect is not asked', async () => {
    await using wary = new BrokerClient({
      address: spire.brokerEndpoint,
      source: broker,
      authorize: matchId(SpiffeId.parse(spire.id('/spire/agent/other'))),
    });
    await assert.rejects(wary.fetchX509Context(pidOf(workload)), code('ERR_ID_NOT_AUTHORIZED'));
  });

  test('A37 the end of the process is noticed by us, since the agent goes on', async () => {
    const shortLived = new Program(sleep, ['1000']);
    await using source = await createBrokeredX509Source({ client, reference: pidOf(shortLived) });
    await shortLived.stop('SIGKILL');
    await eventually('the identity is let go of', () => source.state() === 'withdrawn');
  });
});

suite('a SPIRE server mints WIT-SVIDs for us', { skip }, () => {
  test('one is verified by the bundle of the server, with a proof of ours', async () => {
    if (paths === undefined) return;
    await using spire = await Spire.start(paths, { trustDomain: trustDomain.name, hasWit: true });
    const { token, privateKey } = await spire.mintWit(spire.id('/caller'));
    // SPIRE 1.15.3 leaves these keys out of its SPIFFE bundle documents; only its own form of a bundle has them.
    const { wit_authorities: authorities } = await spire.server<{
      wit_authorities: { key_id: string; public_key: string }[];
    }>('bundle', 'show');
    const keys = authorities.map(({ key_id: keyId, public_key: key }) => ({
      keyId,
      publicKey: createPublicKey({ key: Buffer.from(key, 'base64'), format: 'der', type: 'spki' }),
    }));
    const bundles = WitBundle.fromJwks(trustDomain, marshalWitBundle(keys));
    const key = createPrivateKey({ key: JSON.parse(privateKey) as JsonWebKey, format: 'jwk' });
    const svid = parseUnverifiedWitSvid(token, key);
    const headers = new Headers(createWitHeaders(svid, { audience }));
    const options = { bundles, audience, replayCache: createReplayCache() };
    assert.equal((await verifyWitRequest(readWitHeaders(headers), options)).id.path, '/caller');
    await assert.rejects(verifyWitRequest(readWitHeaders(headers), options), code('ERR_WIT_PROOF_REPLAYED'));
    const other = { ...options, bundles: WitBundle.fromJwks(trustDomain, '{"keys":[]}') };
    const again = new Headers(createWitHeaders(svid, { audience }));
    await assert.rejects(verifyWitRequest(readWitHeaders(again), other), code('ERR_JWT_KEY_NOT_FOUND'));
  });
});
