import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { verifyAuditChain } from '@muster/lattice';
import type { AuditRecord } from '@muster/lattice';
import { describeLoad } from '../support/load.ts';
import { eventually } from '../support/wait.ts';
import { HOST_ID, Lattice } from './lattice.ts';

const SVID_LIFE_MS = 10_000;
/** Longest life of a NATS connection, so that each is made several times anew. */
const USER_TTL_MS = 20_000;
const MINUTE_MS = 60_000;

let it: Lattice;

before(async () => {
  it = await Lattice.start({
    x509SvidTtlMs: SVID_LIFE_MS,
    jwtSvidTtlMs: SVID_LIFE_MS,
    calloutArguments: ['--user-ttl', `${USER_TTL_MS / 1_000}s`],
  });
});

after(() => it.stop());

function audit(service: string): readonly AuditRecord[] {
  const text = readFileSync(join(it.dev.directory, 'audit', `${service}.jsonl`), 'utf8');
  return verifyAuditChain(text.split('\n').slice(0, -1));
}

test('a minute of SVIDs of 10 s under load: no request is answered wrongly, refused or lost', async (context) => {
  const load = it.load();
  const connections = new Set<string>();
  const until = Date.now() + MINUTE_MS;
  let most = 0;
  while (Date.now() < until) {
    const rows = await it.hostConnections();
    most = Math.max(most, rows.length);
    for (const { name, clientId } of rows) connections.add(`${name} ${clientId}`);
  }
  await load.stop();
  for (const [name, report] of Object.entries({ hello: load.hello.report(), whoami: load.whoami.report() })) {
    context.diagnostic(`/${name}: ${describeLoad(report)}`);
    const { wrong, refused, lost, samples } = report;
    assert.deepEqual({ wrong, refused, lost, samples }, { wrong: 0, refused: 0, lost: 0, samples: [] });
    assert.ok(report.right > 1_000);
  }

  const issued = audit('authority').filter(
    ({ spiffeId, decision, details }) =>
      spiffeId === HOST_ID && decision === 'allow' && details['kind'] === 'x509',
  );
  context.diagnostic(`${issued.length} X.509-SVIDs of the host, ${connections.size} connections`);
  assert.ok(issued.length >= MINUTE_MS / SVID_LIFE_MS, `${issued.length} X.509-SVIDs`);
  for (const name of ['ctl', 'rpc']) {
    const made = [...connections].filter((id) => id.startsWith(name)).length;
    assert.ok(made >= MINUTE_MS / USER_TTL_MS, `${name} was made ${made} times`);
  }
  assert.ok(most <= 4, `${most} connections at once`);

  // Each connection was let in for a JWT-SVID of its own, and for no longer than it was allowed.
  const admitted = audit('callout').filter(
    ({ spiffeId, decision }) => spiffeId === HOST_ID && decision === 'allow',
  );
  assert.ok(admitted.length >= connections.size);
  for (const { at, details } of admitted) {
    assert.ok(Number(details['userExpiresAt']) - Date.parse(at) <= USER_TTL_MS + 1_000);
  }
});

test('the host goes on with two connections and is the same one', async () => {
  await eventually('two connections', async () => (await it.hostConnections()).length === 2);
  assert.equal(it.dev.restartsOf('host-1'), 0);
  assert.deepEqual(
    (await it.session.control.ping({ expected: 1 })).map(({ id }) => id),
    it.dev.hostIds(),
  );
});
