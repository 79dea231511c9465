import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, test } from 'node:test';
import { describeLoad } from '../support/load.ts';
import { eventually } from '../support/wait.ts';
import { Lattice } from './lattice.ts';

/** Restarted after 20 s of it; the rest is for a machine that is busy. */
const SERVER_SVID_LIFE_MS = 25_000;

let it: Lattice;

before(async () => {
  it = await Lattice.start({ serverSvidTtlMs: SERVER_SVID_LIFE_MS });
});

after(() => it.stop());

function serverCertificate(): X509Certificate {
  return new X509Certificate(readFileSync(join(it.dev.directory, 'nats', 'server.pem')));
}

async function connections(): Promise<string> {
  return (await it.hostConnections())
    .map(({ name }) => name)
    .toSorted()
    .join();
}

test('nats-server is started again before its X.509-SVID ends, and HTTP never stops', async (context) => {
  const first = serverCertificate();
  const expiresAt = first.validToDate.getTime();
  const pid = it.pidOf('nats');
  assert.ok(expiresAt - Date.now() <= SERVER_SVID_LIFE_MS, 'the life that was asked for');
  assert.equal(await connections(), 'ctl,rpc');
  const hostIds = it.dev.hostIds();

  const load = it.load();
  await eventually('the server ends', () => it.dev.pidOf('nats') !== pid, SERVER_SVID_LIFE_MS + 5_000);
  const leftMs = expiresAt - Date.now();
  context.diagnostic(`ended ${Math.round(leftMs)} ms before the end of its SVID`);
  assert.ok(leftMs > 0, 'a server must not show an SVID that has ended');
  const since = performance.now();
  await eventually('another certificate', () => serverCertificate().serialNumber !== first.serialNumber);
  await eventually('both connections', async () => (await connections()) === 'ctl,rpc', 30_000);
  await eventually('the host answers on NATS', () => it.isHostThere(), 30_000);
  context.diagnostic(`all connections are back after ${Math.round(performance.now() - since)} ms`);

  // Past the end of the first SVID, whoever comes new finds a server that is still good.
  await sleep(Math.max(0, expiresAt - Date.now()));
  await using session = await it.dev.openSession();
  assert.equal((await session.control.ping({ expected: 1 })).length, 1);
  assert.ok(await it.isAnswering());
  await load.stop();

  for (const [name, report] of Object.entries({ hello: load.hello.report(), whoami: load.whoami.report() })) {
    context.diagnostic(`/${name}: ${describeLoad(report)}`);
    const { wrong, refused, lost, samples } = report;
    assert.deepEqual({ wrong, refused, lost, samples }, { wrong: 0, refused: 0, lost: 0, samples: [] });
    assert.ok(report.right > 0);
  }
  assert.deepEqual([it.dev.restartsOf('callout'), it.dev.restartsOf('host-1')], [0, 0]);
  assert.deepEqual(it.dev.hostIds(), hostIds, 'the host is the same one');
});
