import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readAuditStream } from '../../src/lattice/audit-records.ts';
import { collect } from './audit-log.ts';

type Nats = Parameters<typeof readAuditStream>[0];

interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly data?: string;
}

/** A connection that answers each request with the next batch. */
function natsThatAnswers(batches: readonly (readonly Answer[])[]): { nats: Nats; asked: unknown[] } {
  const asked: unknown[] = [];
  const nats = {
    async requestMany(subject: string, body: string) {
      asked.push([subject, JSON.parse(body)]);
      const answers = batches[asked.length - 1] ?? [];
      return (async function* () {
        for (const { status = 0, headers = {}, data = '' } of answers)
          yield {
            data: Buffer.from(data),
            headers: { code: status, get: (name: string) => headers[name] ?? '' },
          };
      })();
    },
  };
  return { nats: nats as unknown as Nats, asked };
}

const stored = (sequence: number, service = 'callout'): Answer => ({
  headers: { 'Nats-Sequence': String(sequence), 'Nats-Subject': `muster.audit.default.${service}` },
  data: `record ${String(sequence)}`,
});
const end = (pending: number): Answer => ({ status: 204, headers: { 'Nats-Num-Pending': String(pending) } });

async function read(nats: Nats, sinceAt?: number): Promise<string[]> {
  const lines = await collect(readAuditStream(nats, 'default', sinceAt));
  return lines.map(
    ({ text, line, service }) => `${String(line)} ${service ?? ''} ${Buffer.from(text).toString()}`,
  );
}

describe('readAuditStream', () => {
  it('asks from the beginning, batch after batch, for all services', async () => {
    const { nats, asked } = natsThatAnswers([
      [stored(4), stored(5, 'host'), end(1)],
      [stored(6), end(0)],
    ]);
    assert.deepEqual(await read(nats), ['4 callout record 4', '5 host record 5', '6 callout record 6']);
    const rest = { batch: 256, next_by_subj: 'muster.audit.default.*' };
    assert.deepEqual(asked, [
      ['$JS.API.DIRECT.GET.AUDIT_default', { seq: 1, ...rest }],
      ['$JS.API.DIRECT.GET.AUDIT_default', { seq: 6, ...rest }],
    ]);
  });

  it('asks from an instant on', async () => {
    const { nats, asked } = natsThatAnswers([[{ status: 404 }]]);
    assert.deepEqual(await read(nats, Date.UTC(2026, 0, 31)), []);
    assert.match(JSON.stringify(asked), /"start_time":"2026-01-31T00:00:00.000Z"/);
  });

  it('does not take half of an answer for the whole', async () => {
    for (const answers of [[stored(1)], [], [{ status: 408 }], [stored(1), { status: 503 }]]) {
      await assert.rejects(read(natsThatAnswers([answers]).nats), {
        code: 'ERR_AUDIT_SOURCE',
        message: /^The lattice "default" gave no audit records: its stream AUDIT_default/,
      });
    }
    const nats = { requestMany: () => Promise.reject(new Error('no responders')) } as unknown as Nats;
    await assert.rejects(read(nats), { code: 'ERR_AUDIT_SOURCE' });
  });
});
