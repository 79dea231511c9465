import assert from 'node:assert/strict';
import {
  chmodSync,
  closeSync,
  openSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
  appendFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { verifyAuditChain } from '../src/audit-chain.ts';
import { parseAuditRecord } from '../src/audit-record.ts';
import { createAuditLog } from '../src/audit.ts';
import type { AuditEntry, AuditLog } from '../src/audit.ts';
import { scratchDir, TestClock, throwsCode } from './support.ts';

const entry: AuditEntry = {
  requestId: 'r1',
  spiffeId: 'spiffe://muster.internal/lattice/default/host/a',
  decision: 'allow',
  rule: 'host-ctl',
  reason: 'rule matched',
  details: { clientId: 7, connection: 'ctl' },
};

function open(
  context: TestContext,
  file: string | undefined,
  publish?: (bytes: Uint8Array) => void,
): AuditLog {
  const log = createAuditLog({
    service: 'callout',
    clock: new TestClock(),
    ...(file === undefined ? {} : { file }),
    ...(publish === undefined ? {} : { publish }),
  });
  context.after(() => log.close());
  return log;
}

function lines(file: string): string[] {
  return readFileSync(file, 'utf8').split('\n').slice(0, -1);
}

test('each record is one line of a chain in a file of mode 0600', (context) => {
  const file = join(scratchDir(context), 'callout.jsonl');
  const log = open(context, file);
  const first = log.write(entry);
  log.write({ ...entry, requestId: 'r2', spiffeId: null, decision: 'deny', rule: null });
  const [one, two] = verifyAuditChain(lines(file));
  assert.deepEqual(one, first);
  assert.equal(one?.schema, 'muster.audit.v1');
  assert.equal(one?.prevHash, '0'.repeat(64));
  assert.equal(one?.at, '2026-01-02T03:04:05.678Z');
  assert.deepEqual([two?.seq, two?.prevHash, two?.spiffeId, two?.rule], [2, one?.hash, null, null]);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.deepEqual(log.stats(), { written: 2, publishFailures: 0 });
});

test('the chain goes on after a restart', (context) => {
  const file = join(scratchDir(context), 'callout.jsonl');
  open(context, file).write(entry);
  const second = open(context, file).write(entry);
  assert.equal(second.seq, 2);
  assert.equal(verifyAuditChain(lines(file)).length, 2);
});

test('a last line torn by a crash is cut off; it was never acknowledged', (context) => {
  const file = join(scratchDir(context), 'callout.jsonl');
  open(context, file).write(entry);
  appendFileSync(file, '{"schema":"muster.audit.v1","seq":2,"at"');
  assert.equal(open(context, file).write(entry).seq, 2);
  assert.equal(verifyAuditChain(lines(file)).length, 2);
});

test('a file that only holds a torn line starts anew', (context) => {
  const file = join(scratchDir(context), 'callout.jsonl');
  writeFileSync(file, '{"schema"', { mode: 0o600 });
  assert.equal(open(context, file).write(entry).seq, 1);
  assert.equal(verifyAuditChain(lines(file)).length, 1);
});

test('a damaged last line is not built upon', (context) => {
  const file = join(scratchDir(context), 'callout.jsonl');
  open(context, file).write(entry);
  writeFileSync(file, readFileSync(file, 'utf8').replace('"allow"', '"deny"'));
  throwsCode('ERR_AUDIT_CHAIN', () => open(context, file));
});

test('every change, removal and swap of lines breaks the chain', (context) => {
  const file = join(scratchDir(context), 'callout.jsonl');
  const log = open(context, file);
  for (let count = 0; count < 4; count += 1) log.write({ ...entry, requestId: `r${count}` });
  const good = lines(file);
  const [a = '', b = '', c = '', d = ''] = good;
  for (const bad of [
    [a, c, d],
    [a, c, b, d],
    [a, b.replace('r1', 'r9'), c, d],
    [a, b, b, c],
    [a, b.replace('"seq":2', '"seq":3'), c],
    [b, a],
  ]) {
    throwsCode('ERR_AUDIT_CHAIN', () => verifyAuditChain(bad));
  }
  assert.equal(verifyAuditChain(good).length, 4);
  assert.equal(verifyAuditChain(good.slice(1)).length, 3);
});

test('the order of keys does not matter to the hash', () => {
  const log = createAuditLog({ service: 'x', clock: new TestClock() });
  const record = log.write({ ...entry, details: { b: [{ y: 1, x: 2 }], a: null } });
  const turned = JSON.stringify(Object.fromEntries(Object.entries(record).toReversed()));
  assert.equal(verifyAuditChain([turned])[0]?.hash, record.hash);
});

test('text from outside cannot end a line early', (context) => {
  const file = join(scratchDir(context), 'callout.jsonl');
  open(context, file).write({ ...entry, reason: 'a\n{"schema":"x"}\r\u2028', details: { connection: '\n' } });
  assert.equal(lines(file).length, 1);
  assert.equal(verifyAuditChain(lines(file)).length, 1);
});

test('records are published after they are in the file, and a failure there is only counted', (context) => {
  const file = join(scratchDir(context), 'callout.jsonl');
  const seen: string[] = [];
  const log = open(context, file, (bytes) => {
    seen.push(`${lines(file).length} ${parseAuditRecord(bytes).seq}`);
    throw new Error('not connected');
  });
  log.write(entry);
  log.write(entry);
  assert.deepEqual(seen, ['1 1', '2 2']);
  assert.deepEqual(log.stats(), { written: 2, publishFailures: 2 });
});

test('symbolic links, files of others to read and folders are refused', (context) => {
  const folder = scratchDir(context);
  const file = join(folder, 'callout.jsonl');
  closeSync(openSync(file, 'w', 0o600));
  symlinkSync(file, join(folder, 'link.jsonl'));
  throwsCode('ERR_AUDIT_WRITE', () => open(context, join(folder, 'link.jsonl')));
  throwsCode('ERR_AUDIT_WRITE', () => open(context, folder));
  throwsCode('ERR_AUDIT_WRITE', () => open(context, join(folder, 'missing', 'x.jsonl')));
  chmodSync(file, 0o644);
  throwsCode('ERR_AUDIT_WRITE', () => open(context, file));
});

test('a record that cannot be written is not acknowledged and leaves the chain as it was', (context) => {
  const file = join(scratchDir(context), 'callout.jsonl');
  let isFull = false;
  const log = createAuditLog({
    service: 'callout',
    clock: new TestClock(),
    file,
    write: (fd, bytes) => {
      if (!isFull) return writeSync(fd, bytes);
      // Half of the line still fits, as on a disk that fills up.
      writeSync(fd, bytes.subarray(0, 20));
      throw new Error('ENOSPC');
    },
  });
  context.after(() => log.close());
  log.write(entry);
  isFull = true;
  throwsCode('ERR_AUDIT_WRITE', () => log.write({ ...entry, requestId: 'lost' }));
  isFull = false;
  assert.equal(log.write(entry).seq, 2);
  assert.equal(verifyAuditChain(lines(file)).length, 2);
});

test('records of another schema are not read', () => {
  const record = createAuditLog({ service: 'x', clock: new TestClock() }).write(entry);
  throwsCode('ERR_MESSAGE_MALFORMED', () =>
    parseAuditRecord(JSON.stringify({ ...record, schema: 'muster.audit.v2' })),
  );
  throwsCode('ERR_MESSAGE_MALFORMED', () =>
    parseAuditRecord(JSON.stringify({ ...record, decision: 'maybe' })),
  );
  throwsCode('ERR_MESSAGE_MALFORMED', () => parseAuditRecord(JSON.stringify({ ...record, seq: 0 })));
});

test('long lines are no obstacle to going on: neither the last record nor one that was torn', (context) => {
  const file = join(scratchDir(context), 'callout.jsonl');
  const before = open(context, file);
  before.write(entry);
  before.write({ ...entry, details: { audience: 'a'.repeat(300_000) } });
  before.close();
  appendFileSync(file, `{"schema":"${'x'.repeat(200_000)}`);
  const record = open(context, file).write(entry);
  assert.equal(record.seq, 3);
  assert.equal(verifyAuditChain(lines(file)).length, 3);
});

test('a torn first line is cut off, however long it is', (context) => {
  const file = join(scratchDir(context), 'callout.jsonl');
  writeFileSync(file, 'x'.repeat(200_000), { mode: 0o600 });
  assert.equal(open(context, file).write(entry).seq, 1);
  assert.equal(verifyAuditChain(lines(file)).length, 1);
});

test('a closed log writes to nobody, even when its descriptor has become another file', (context) => {
  const folder = scratchDir(context);
  const log = open(context, join(folder, 'callout.jsonl'));
  log.close();
  const other = openSync(join(folder, 'other'), 'w');
  context.after(() => closeSync(other));
  throwsCode('ERR_AUDIT_WRITE', () => log.write(entry));
  log.close();
  writeSync(other, 'still open');
  assert.equal(readFileSync(join(folder, 'other'), 'utf8'), 'still open');
});
