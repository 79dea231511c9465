import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { warnAbout } from '../../../src/commands/connection/list.ts';
import type { ConnectionRow } from '../../../src/lattice/connections.ts';
import { createFakeIo } from '../../fake-io.ts';

const HOST = 'spiffe://example.org/lattice/default/host/a';

function row(isRecordVerified: boolean | null): ConnectionRow {
  return {
    spiffeId: isRecordVerified === null ? null : HOST,
    user: HOST,
    account: 'HOSTS',
    name: 'ctl',
    clientId: 1,
    serverId: 'N1',
    serverName: 'nats-1',
    address: '127.0.0.1:5',
    startedAt: '2026-01-31T10:00:00Z',
    ageMs: 1_000,
    expiresAt: null,
    requestId: null,
    isRecordVerified,
  };
}

describe('warnAbout', () => {
  it('says nothing of records that are in order', () => {
    const io = createFakeIo();
    warnAbout({ rows: [row(true)], problems: [] }, io);
    warnAbout({ rows: [], problems: [] }, io);
    assert.equal(io.stderr.text, '');
  });

  it('warns of each broken chain, and goes on while any record is verified', () => {
    const io = createFakeIo();
    warnAbout({ rows: [row(false), row(true), row(null)], problems: ['a is broken', 'b is broken'] }, io);
    assert.equal(io.stderr.text, 'warning: a is broken\nwarning: b is broken\n');
  });

  it('fails when no record is', () => {
    for (const rows of [[row(false)], [row(null)], [row(false), row(null)]]) {
      const io = createFakeIo();
      assert.throws(() => warnAbout({ rows, problems: ['a is broken'] }, io), {
        code: 'ERR_AUDIT_UNVERIFIED',
      });
      assert.match(io.stderr.text, /^warning: a is broken\n$/);
    }
  });
});
