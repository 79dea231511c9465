import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AuditRecord } from '@muster/lattice';
import type { TrailRecord } from '../../src/lattice/audit-trail.ts';
import { joinConnections } from '../../src/lattice/connections.ts';

const HOST = 'spiffe://example.org/lattice/default/host/a';

function record(
  over: Partial<AuditRecord> & { details: AuditRecord['details'] },
  isVerified = true,
): TrailRecord {
  const whole: AuditRecord = {
    schema: 'muster.audit.v1',
    seq: 1,
    at: '2026-01-31T10:00:00.000Z',
    service: 'callout',
    requestId: 'r1',
    spiffeId: HOST,
    decision: 'allow',
    rule: 'host-ctl',
    reason: 'rule matched',
    prevHash: '',
    hash: '',
    ...over,
  };
  return { record: whole, isVerified };
}

function report(serverId: string, ...connections: object[]): Parameters<typeof joinConnections>[0][number] {
  const filled = connections.map((connection) => ({
    cid: 1,
    ip: '127.0.0.1',
    port: 5,
    start: '2026-01-31T10:00:00Z',
    account: 'HOSTS',
    ...connection,
  }));
  return {
    server: { id: serverId, name: 'nats-1' },
    data: { now: '2026-01-31T10:01:00Z', total: filled.length, offset: 0, connections: filled },
  };
}

describe('joinConnections', () => {
  it('takes identity and expiry from the decision about the connection, the rest from the server', () => {
    const rows = joinConnections(
      [report('N1', { cid: 7, name: 'ctl', authorized_user: HOST })],
      [
        record({
          details: { serverId: 'N1', clientId: 7, userExpiresAt: Date.parse('2026-01-31T11:00:00Z') },
        }),
      ],
    );
    assert.deepEqual(rows, [
      {
        spiffeId: HOST,
        user: HOST,
        account: 'HOSTS',
        name: 'ctl',
        clientId: 7,
        serverId: 'N1',
        serverName: 'nats-1',
        address: '127.0.0.1:5',
        startedAt: '2026-01-31T10:00:00Z',
        ageMs: 60_000,
        expiresAt: '2026-01-31T11:00:00.000Z',
        requestId: 'r1',
        isRecordVerified: true,
      },
    ]);
  });

  it('shows no identity where no decision is known, nor one of another server, nor a refusal', () => {
    const records = [
      record({ details: { serverId: 'N2', clientId: 1 } }),
      record({ details: { serverId: 'N1', clientId: 1 }, decision: 'deny' }),
      record({ details: { serverId: 'N1', clientId: '1' } }),
      record({ details: {} }),
    ];
    const [row] = joinConnections([report('N1', { authorized_user: HOST })], records);
    assert.deepEqual([row?.spiffeId, row?.expiresAt, row?.requestId, row?.user], [null, null, null, HOST]);
    assert.equal(row?.isRecordVerified, null);
  });

  it('counts the newest decision, in whatever order the records come', () => {
    const details = { serverId: 'N1', clientId: 1 };
    const records = [
      record({ details, requestId: 'new', at: '2026-01-31T10:00:02.000Z' }),
      record({ details, requestId: 'old', at: '2026-01-31T10:00:01.000Z' }),
    ];
    for (const order of [records, records.toReversed()]) {
      assert.equal(joinConnections([report('N1', {})], order)[0]?.requestId, 'new');
    }
  });

  it('believes a verified record before a newer one that is not, and says when there is only such a one', () => {
    const details = { serverId: 'N1', clientId: 1 };
    const good = record({ details, requestId: 'good' });
    const bad = record({ details, requestId: 'bad', at: '2026-01-31T10:00:09.000Z' }, false);
    for (const order of [
      [good, bad],
      [bad, good],
    ]) {
      const [row] = joinConnections([report('N1', {})], order);
      assert.deepEqual([row?.requestId, row?.isRecordVerified], ['good', true]);
    }
    const [row] = joinConnections([report('N1', {})], [bad]);
    assert.deepEqual([row?.requestId, row?.isRecordVerified, row?.spiffeId], ['bad', false, HOST]);
  });

  it('lists the oldest connection first, over all servers', () => {
    const rows = joinConnections(
      [
        report('N1', { cid: 3, start: '2026-01-31T10:00:03Z' }, { cid: 2, start: '2026-01-31T10:00:01Z' }),
        report('N2', { cid: 1, start: '2026-01-31T10:00:02Z' }),
      ],
      [],
    );
    assert.deepEqual(
      rows.map(({ serverId, clientId }) => `${serverId} ${String(clientId)}`),
      ['N1 2', 'N2 1', 'N1 3'],
    );
  });
});
