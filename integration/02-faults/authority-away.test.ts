import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, test } from 'node:test';
import { connectLattice, inboxPrefix, silentLogger, systemClock } from '@muster/lattice';
import { TrustDomain, WorkloadApiClient } from '@muster/spiffe';
import type { JwtSvid, X509BundleSource } from '@muster/spiffe';
import { statusOf } from '../support/http.ts';
import { eventually } from '../support/wait.ts';
import { Lattice, TRUST_DOMAIN } from './lattice.ts';

const AUDIENCE = `spiffe://${TRUST_DOMAIN}/callout`;

let it: Lattice;
let operator: string;

before(async () => {
  it = await Lattice.start();
  operator = it.dev.identities.operator;
});

after(() => it.stop());

/** A client that got its JWT-SVID and the bundle while the authority was there. */
async function prepareClient(): Promise<() => Promise<boolean>> {
  const workloadApi = new WorkloadApiClient({ address: `unix://${it.dev.directory}/workload-api/api.sock` });
  try {
    const bundles = await workloadApi.fetchX509Bundles();
    const [svid] = await workloadApi.fetchJwtSvids({ audience: [AUDIENCE], spiffeId: operator });
    assert.ok(svid);
    return () => isLetIn(svid, bundles);
  } finally {
    await workloadApi.close();
  }
}

async function isLetIn(svid: JwtSvid, bundles: X509BundleSource): Promise<boolean> {
  try {
    const connection = await connectLattice(
      {
        servers: [it.dev.natsServer],
        name: 'cli',
        trustDomain: TrustDomain.parse(TRUST_DOMAIN),
        bundles,
        fetchToken: () => Promise.resolve(svid),
        inboxPrefix: inboxPrefix(operator),
        retry: { attempts: 1 },
      },
      { clock: systemClock, logger: silentLogger },
    );
    await connection.close();
    return true;
  } catch {
    return false;
  }
}

test('with the authority away nobody gets in through a callout or nats-server that is new', async (context) => {
  const tryClient = await prepareClient();
  assert.equal(await tryClient(), true);
  await it.authority.pause();
  assert.equal(await tryClient(), true, 'a callout that knows the bundle still decides');

  await it.kill('callout');
  for (let round = 0; round < 3; round += 1) assert.equal(await tryClient(), false);
  await it.kill('nats');
  await it.kill('host-1');
  for (let round = 0; round < 20; round += 1) {
    assert.equal(await tryClient(), false);
    assert.equal(await statusOf(it.port), 0);
    await sleep(100);
  }

  await it.authority.resume();
  const since = performance.now();
  await eventually('the client gets in', tryClient, 40_000);
  await eventually('the component answers', () => it.isAnswering(), 40_000);
  context.diagnostic(`all parts are back ${Math.round(performance.now() - since)} ms after the authority`);
});
