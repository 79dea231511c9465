import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { verifyAuditChain } from '@muster/lattice';
import type { LatticeConnection } from '@muster/lattice';
import { attempt, connectAs, eventually, freshTimes } from './clients.ts';
import { AUDIENCE, Fixture, HOST_ID, TRUST_DOMAIN } from './fixture.ts';

const HOSTS = 150;

test('a herd of hosts gets in at once, and again after nats-server was killed (A65)', async (context) => {
  const fixture = await Fixture.start();
  context.after(() => fixture.stop());
  const startedAt = performance.now();
  const connections = await Promise.all(
    Array.from({ length: HOSTS }, (_, index) =>
      connectAs(fixture, `spiffe://${TRUST_DOMAIN}/lattice/default/host/h${index}`, {
        retry: { initialDelayMs: 200, maxDelayMs: 1_000 },
        userExpiry: false,
      }),
    ),
  );
  const firstMs = performance.now() - startedAt;
  await fixture.killServer();
  await eventually('all notice', () => connections.every((connection) => !connection.isConnected()));
  await fixture.startServer();
  const restartedAt = performance.now();
  await eventually('all are back', () => connections.every((connection) => connection.isConnected()), 30_000);
  context.diagnostic(
    `${HOSTS} hosts in after ${firstMs.toFixed(0)} ms, back ${(performance.now() - restartedAt).toFixed(0)} ms after the restart`,
  );
  const allowed = fixture.audit().filter(({ decision }) => decision === 'allow');
  assert.equal(allowed.length >= 2 * HOSTS, true);
  assert.equal(new Set(allowed.map(({ spiffeId }) => spiffeId)).size, HOSTS);
  await Promise.all(connections.map((connection: LatticeConnection) => connection.close()));
});

test('two instances share the work, each with its own chain; one that is killed is not missed', async (context) => {
  const fixture = await Fixture.start();
  context.after(() => fixture.stop());
  const other = await fixture.startOtherCallout();
  const good = (): { token: string } => ({ token: fixture.issuer.issue(HOST_ID, AUDIENCE, freshTimes()) });
  const ask = async (times: number): Promise<number> => {
    let isIn = 0;
    for (let round = 0; round < times; round += 1) isIn += Number((await attempt(fixture, good())).isIn);
    return isIn;
  };
  const records = (): number =>
    verifyAuditChain(readFileSync(other.auditFile, 'utf8').split('\n').slice(0, -1)).length;
  assert.equal(await ask(30), 30);
  assert.equal(fixture.audit().length + records(), 30);
  assert.equal(fixture.audit().length > 0 && records() > 0, true);
  other.kill('SIGKILL');
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(await ask(20), 20);
});
