import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { AuditRow } from '../../../src/commands/audit/verify.ts';
import { runCommandLine } from '../../../src/main.ts';
import { createFakeIo } from '../../fake-io.ts';
import { auditLines } from '../../lattice/audit-log.ts';

const folder = mkdtempSync(join(tmpdir(), 'muster-test-'));
const file = join(folder, 'callout.jsonl');
after(() => rmSync(folder, { recursive: true }));

const [a = '', b = '', c = '', d = ''] = auditLines(4);

async function verify(
  content: string | readonly string[],
  ...words: string[]
): Promise<{ code: number; out: string; err: string }> {
  writeFileSync(file, typeof content === 'string' ? content : content.map((line) => `${line}\n`).join(''));
  const io = createFakeIo({ XDG_RUNTIME_DIR: folder });
  const code = await runCommandLine(['audit', 'verify', file, ...words], io);
  return { code, out: io.stdout.text, err: io.stderr.text };
}

describe('muster audit verify FILE', () => {
  it('shows a whole chain with its count and its times', async () => {
    const { code, out, err } = await verify([a, b, c]);
    assert.deepEqual([code, err], [0, '']);
    assert.equal(
      out,
      'SERVICE  RECORDS  FIRST                     LAST                      CHAIN\n' +
        'callout  3        2026-01-31T10:00:01.000Z  2026-01-31T10:00:03.000Z  whole\n',
    );
  });

  it('says where a chain starts that begins in the middle', async () => {
    const { code, out } = await verify([c, d]);
    assert.equal(code, 0);
    assert.match(out, /starts at record 3, whole from there, unverified before\n$/);
  });

  for (const [name, content, problem] of [
    [
      'a changed field',
      [a, b.replace('"allow"', '"deny"'), c],
      'line 2 of FILE (record 2, request r2) was changed',
    ],
    [
      'a removed record',
      [a, c, d],
      'line 2 of FILE (record 3, request r3) follows record 1: record 2 is missing',
    ],
    ['swapped records', [a, c, b, d], 'line 2 of FILE (record 3, request r3) follows record 1'],
    ['a record twice', [a, b, b, c], 'line 3 of FILE (record 2, request r2) comes again'],
    [
      'another record put in',
      [a, ...auditLines(1, 'callout', 'x'), b],
      'line 2 of FILE (record 1, request x1) starts',
    ],
    ['a line put in', [a, '{}', b], 'line 2 of FILE is no audit record'],
    [
      'a last line cut off',
      `${a}\n${b.slice(0, 40)}`,
      'line 2 of FILE is cut off, by a crash while it was written',
    ],
  ] as const) {
    it(`finds ${name}, with exit code 1`, async () => {
      const { code, out, err } = await verify(content);
      assert.equal(code, 1);
      assert.match(out, /broken\n$/);
      const wanted = `error ERR_AUDIT_CHAIN: The audit chain of callout is broken: ${problem.replace('FILE', file)}`;
      assert.equal(err.slice(0, wanted.length), wanted);
      assert.equal(err.split('\n').length, 2);
    });
  }

  it('gives everything as JSON, whole or broken', async () => {
    const whole = await verify([b, c], '-o', 'json');
    const [row] = JSON.parse(whole.out) as AuditRow[];
    assert.deepEqual(row, {
      source: file,
      service: 'callout',
      records: 2,
      isWhole: true,
      isFromStart: false,
      firstSeq: 2,
      lastSeq: 3,
      firstAt: '2026-01-31T10:00:02.000Z',
      lastAt: '2026-01-31T10:00:03.000Z',
      lastHash: (JSON.parse(c) as { hash: string }).hash,
      starts: 0,
      breaks: 0,
      firstBreak: null,
    } satisfies AuditRow);
    const broken = await verify([a, c], '-o', 'json');
    assert.equal(broken.code, 1);
    const [{ isWhole, breaks, firstBreak } = assert.fail()] = JSON.parse(broken.out) as AuditRow[];
    assert.deepEqual(
      [isWhole, breaks, firstBreak?.line, firstBreak?.requestId, firstBreak?.problem],
      [false, 1, 2, 'r3', 'missing'],
    );
  });

  it('has one row per service, and a problem of each', async () => {
    const { out, err } = await verify([a, ...auditLines(3, 'host', 'h').toSpliced(1, 1), c]);
    assert.deepEqual(
      out.split('\n').map((line) => line.split(' ')[0]),
      ['SERVICE', 'callout', 'host', ''],
    );
    assert.match(err, /chain of callout is broken: .* is missing\. The audit chain of host is broken: .*\n$/);
  });

  it('does not call nothing whole', async () => {
    const { code, out, err } = await verify('');
    assert.deepEqual([code, out], [1, '']);
    assert.match(err, /^error ERR_AUDIT_SOURCE: There is no audit record in /);
  });

  it('says so when there is no such file', async () => {
    const io = createFakeIo();
    assert.equal(await runCommandLine(['audit', 'verify', join(folder, 'none')], io), 1);
    assert.match(io.stderr.text, /^error ERR_AUDIT_SOURCE: The audit file .* it does not exist\n$/);
  });
});

describe('muster audit verify', () => {
  it('wants a running lattice where no file is named', async () => {
    const io = createFakeIo({ XDG_RUNTIME_DIR: folder });
    assert.equal(await runCommandLine(['audit', 'verify'], io), 1);
    assert.match(io.stderr.text, /^error ERR_LATTICE_NOT_RUNNING: /);
  });
});
