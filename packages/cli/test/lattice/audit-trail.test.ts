import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AuditLine } from '../../src/lattice/audit-lines.ts';
import { type AuditTrail, describeBreak, readAuditTrail } from '../../src/lattice/audit-trail.ts';
import { auditLines } from './audit-log.ts';

const [a = '', b = '', c = '', d = ''] = auditLines(4);

function read(lines: readonly (string | Partial<AuditLine>)[], isStream = false): Promise<AuditTrail> {
  const given = lines.map((line, at) => ({
    line: at + 1,
    isLast: false,
    ...(typeof line === 'string' ? { text: line } : line),
  }));
  return readAuditTrail(
    given.map(({ text = '', ...rest }) => ({ ...rest, text: Buffer.from(text as string) })),
    { isStream, isWanted: ({ service }) => service === 'callout' },
  );
}

function told({ records }: AuditTrail): string {
  return records.map(({ record, isVerified }) => `${isVerified ? '' : '!'}${record.requestId}`).join(' ');
}

describe('readAuditTrail', () => {
  it('believes every record of a whole chain, also where its beginning is not there', async () => {
    assert.equal(told(await read([a, b, c])), 'r1 r2 r3');
    assert.equal(told(await read([c, d])), 'r3 r4');
  });

  it('believes neither of two records that do not fit', async () => {
    assert.equal(told(await read([a, b, d])), 'r1 !r2 !r4');
    assert.equal(told(await read([a, b.replace('rule matched', 'x'), c])), 'r1 !r2 r3');
    assert.equal(told(await read([a, 'x', b])), 'r1 r2');
  });

  it('keeps what is wanted, and checks the rest as well', async () => {
    const host = auditLines(3, 'host', 'h');
    const trail = await read([a, host[0] ?? '', host[2] ?? '', b], true);
    assert.equal(told(trail), 'r1 r2');
    assert.deepEqual(
      trail.chains.map(({ service, breaks }) => [service, breaks]),
      [
        ['callout', 0],
        ['host', 1],
      ],
    );
  });

  it('does not take the word of a record for who published it', async () => {
    const text = a as unknown as Uint8Array;
    const trail = await read([{ text, service: 'host' }], true);
    assert.equal(told(trail), '');
    assert.equal(trail.chains[0]?.firstBreak?.problem, 'foreign');
  });
});

describe('describeBreak', () => {
  it('names the first place in a sentence', async () => {
    const describe = async (lines: string[], isStream = false): Promise<unknown> =>
      describeBreak((await read(lines, isStream)).chains[0]!, { where: 'X', isStream });
    assert.equal(await describe([a, b]), undefined);
    assert.equal(
      await describe([a, c]),
      'The audit chain of callout is broken: line 2 of X (record 3, request r3) follows record 1: record 2 is missing',
    );
    assert.equal(
      await describe([a, 'x', 'y']),
      'The audit chain of callout is broken: line 2 of X is no audit record; it is the first of 2 such places',
    );
    assert.match(
      String(await describe(['x'], true)),
      /^The audit chain is broken: message 1 of X is no audit/,
    );
  });
});
