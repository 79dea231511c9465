import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { after, describe, it } from 'node:test';
import {
  auditProblems,
  createAuditLog,
  parseAuditRecord,
  silentLogger,
  type AuditLog,
  type AuditRecord,
} from '@muster/lattice';
import { GRPC_STATUS, type GrpcCall } from '@muster/spiffe/wire';
import type { Admission, Caller, WorkloadAttestor } from '../../src/attestation/workload-attestor.ts';
import { AUTHORITY_AUDIT } from '../../src/audit-records.ts';
import { CallGate } from '../../src/endpoints/call-gate.ts';
import { Journal } from '../../src/endpoints/journal.ts';
import { RateLimiter } from '../../src/endpoints/rate-limiter.ts';
import { AuthorityError } from '../../src/errors.ts';

const CALLER: Caller = {
  pid: 7,
  startTime: '1',
  uid: 1000,
  gid: 100,
  childNames: [],
  isSelf: false,
  selectors: new Set(['unix:uid:1000']),
};

const recorded: AuditRecord[] = [];

type Attest = (socket: Socket, admit?: Admission) => Promise<Caller>;

function setUp(
  attest: Attest,
  callsPerSecond = 1000,
): { gate: CallGate; records: AuditRecord[]; call: GrpcCall } {
  const records: AuditRecord[] = [];
  const audit = createAuditLog({
    service: 'authority',
    publish: (bytes) => {
      records.push(parseAuditRecord(bytes));
      recorded.push(parseAuditRecord(bytes));
    },
  });
  const limiter = new RateLimiter(callsPerSecond, () => 0);
  const gate = new CallGate({ attest } as WorkloadAttestor, limiter, new Journal(audit, silentLogger));
  const call = { socket: new Socket(), signal: new AbortController().signal, path: '/Service/Method' };
  return { gate, records, call };
}

const admitted: Attest = (_socket, admit) => {
  admit?.(CALLER);
  return Promise.resolve(CALLER);
};

describe('CallGate', () => {
  after(() => {
    for (const record of recorded) assert.deepEqual(auditProblems(AUTHORITY_AUDIT, record), []);
  });

  it('answers UNAVAILABLE when attestation fails, and records why', async () => {
    const { gate, records, call } = setUp(() => {
      throw new AuthorityError('ERR_ATTESTATION_FAILED', 'Cannot attest a caller: the caller has ended');
    });
    await assert.rejects(gate.enter(call), {
      status: GRPC_STATUS.UNAVAILABLE,
      message: 'attestation failed',
    });
    const [record] = records;
    assert.deepEqual(
      [record?.decision, record?.reason, record?.details['method']],
      ['deny', 'Cannot attest a caller: the caller has ended', 'Method'],
    );
  });

  it('records nothing about a caller that hung up', async () => {
    const { gate, records, call } = setUp(() => Promise.reject(new Error('closed')));
    await assert.rejects(gate.enter({ ...call, signal: AbortSignal.abort() }));
    assert.equal(records.length, 0);
  });

  it('counts new calls against the rate, but not the states of open streams', async () => {
    const { gate, call } = setUp(admitted, 1);
    const entrance = await gate.enter(call);
    await gate.enter(call);
    await assert.rejects(gate.enter(call), { status: GRPC_STATUS.UNAVAILABLE, message: 'too many calls' });
    assert.equal((await gate.reenter(call, entrance)).requestId, entrance.requestId);
  });

  it('limits the open streams of one caller', async () => {
    const { gate, records, call } = setUp(admitted);
    const entrance = await gate.enter(call);
    const ends = Array.from({ length: 1000 }, () => gate.countStream(entrance));
    assert.throws(() => gate.countStream(entrance), { status: GRPC_STATUS.RESOURCE_EXHAUSTED });
    assert.equal(records.at(-1)?.reason, 'too many streams');
    const other = { ...entrance, caller: { ...CALLER, pid: 8 } };
    gate.countStream(other)();
    ends[0]?.();
    ends[0] = gate.countStream(entrance);
    assert.equal(gate.openStreams, 1000);
    for (const end of ends) end();
    assert.equal(gate.openStreams, 0);
  });
});

describe('Journal', () => {
  const broken: AuditLog = {
    write: () => {
      throw new Error('disk full');
    },
    stats: () => ({ written: 0, publishFailures: 0 }),
    close() {},
  };

  it('lets nothing be granted that cannot be recorded, and refuses all the same', () => {
    const journal = new Journal(broken, silentLogger);
    const decision = { requestId: 'r', method: 'M', reason: 'x' };
    assert.throws(() => journal.allow(decision), {
      status: GRPC_STATUS.UNAVAILABLE,
      message: 'temporarily unavailable',
    });
    assert.doesNotThrow(() => journal.deny(decision));
  });

  it('says who called without his selectors', () => {
    const records: AuditRecord[] = [];
    const audit = createAuditLog({
      service: 'authority',
      publish: (bytes) => records.push(parseAuditRecord(bytes)),
    });
    const caller = { ...CALLER, childNames: ['host'] };
    new Journal(audit, silentLogger).deny({ requestId: 'r', method: 'M', caller, reason: 'x' });
    assert.deepEqual(records[0]?.details, {
      method: 'M',
      caller: { pid: 7, uid: 1000, gid: 100, child: 'host' },
    });
  });
});
