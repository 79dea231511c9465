import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { readAuditFile } from '../../src/lattice/audit-lines.ts';
import { collect } from './audit-log.ts';

function fileWith(t: TestContext, content: string | Uint8Array): string {
  const folder = mkdtempSync(join(tmpdir(), 'muster-test-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'callout.jsonl');
  writeFileSync(file, content);
  return file;
}

async function read(file: string): Promise<string[]> {
  const lines = await collect(readAuditFile(file));
  return lines.map(
    ({ text, line, isLast }) => `${String(line)}${isLast ? '!' : ''} ${Buffer.from(text).toString('utf8')}`,
  );
}

describe('readAuditFile', () => {
  it('numbers the lines, and tells one that no newline ends', async (t) => {
    assert.deepEqual(await read(fileWith(t, 'a\nb\n')), ['1 a', '2 b']);
    assert.deepEqual(await read(fileWith(t, 'a\n\nb')), ['1 a', '2 ', '3! b']);
    assert.deepEqual(await read(fileWith(t, '')), []);
  });

  it('ends lines at newlines only, whatever stands in a record', async (t) => {
    assert.deepEqual(await read(fileWith(t, 'a\u2028b\rc\r\nd\n')), ['1 a\u2028b\rc\r', '2 d']);
  });

  it('reads lines that are longer than what is read at once, and characters cut in two by that', async (t) => {
    const long = 'ä'.repeat(100_000);
    assert.deepEqual(await read(fileWith(t, `x\n${long}\n${long}y\nz`)), [
      '1 x',
      `2 ${long}`,
      `3 ${long}y`,
      '4! z',
    ]);
  });

  it('does not fill the memory with what is no audit file', async (t) => {
    const file = fileWith(t, Buffer.alloc(17 * 1024 * 1024));
    await assert.rejects(read(file), { code: 'ERR_AUDIT_SOURCE', message: /line 1 does not end/ });
  });

  it('says why a file cannot be read', async (t) => {
    const file = fileWith(t, 'a\n');
    await assert.rejects(read(`${file}.missing`), {
      code: 'ERR_AUDIT_SOURCE',
      message: /\.missing cannot be read: it does not exist$/,
    });
    await assert.rejects(read(tmpdir()), { message: /cannot be read: it is a folder$/ });
    await assert.rejects(read(`${file}/x`), { message: /a part of its path is no folder$/ });
    if (process.getuid?.() === 0) return;
    chmodSync(file, 0);
    await assert.rejects(read(file), { message: /this user may not read it$/ });
  });
});
