import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { verifyAuditChain } from '@muster/lattice';
import { createHostAudit } from '../src/audit.ts';
import { manualClock } from './support/clock.ts';
import { recordingLogger } from './support/logger.ts';

const entry = (reason: string) =>
  ({ requestId: 'r', spiffeId: null, decision: 'deny', rule: 'test', reason }) as const;

test('records reach file and publisher in one chain, those from before the connection too', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-audit-'));
  const file = join(folder, 'audit.jsonl');
  const audit = createHostAudit({ lattice: 'golden', file, clock: manualClock(), logger: recordingLogger() });
  const published: string[] = [];
  audit.write(entry('before'));
  audit.setPublisher((subject, bytes) => {
    assert.equal(subject, 'muster.audit.golden.host');
    published.push(new TextDecoder().decode(bytes));
  });
  audit.write(entry('during'));
  audit.setPublisher(undefined);
  audit.write(entry('after'));
  audit.close();
  assert.deepEqual(
    verifyAuditChain(published).map(({ reason }) => reason),
    ['before', 'during'],
  );
  const lines = (await readFile(file, 'utf8')).split('\n').slice(0, -1);
  assert.deepEqual(
    verifyAuditChain(lines).map(({ reason }) => reason),
    ['before', 'during', 'after'],
  );
  await rm(folder, { recursive: true });
});

test('what waits for a connection is bounded, and what was dropped is told', () => {
  const logger = recordingLogger();
  const audit = createHostAudit({ lattice: 'golden', file: undefined, clock: manualClock(), logger });
  for (let at = 0; at < 1_005; at += 1) {
    audit.write(entry(String(at)));
  }
  let published = 0;
  audit.setPublisher(() => {
    published += 1;
  });
  assert.equal(published, 1_000);
  assert.deepEqual(
    logger.lines.map(({ message, fields }) => [message, fields]),
    [['audit records not published', { dropped: 5 }]],
  );
});
