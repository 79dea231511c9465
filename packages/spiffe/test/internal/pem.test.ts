import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { decodePem } from '../../src/internal/pem.ts';
import { encodePem } from '../../src/internal/pem.ts';

const MALFORMED = { code: 'ERR_FILE_MALFORMED' };
const decode = (text: string): Uint8Array[] => decodePem(text, 'CERTIFICATE', 'the file');
const block = encodePem('CERTIFICATE', Buffer.from('hello'));

test('what was written is read', () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(fc.array(bytes, { minLength: 1, maxLength: 4 }), fc.boolean(), (blocks, isWindows) => {
      const text = blocks.map((each) => encodePem('CERTIFICATE', each)).join('a comment\n');
      const read = decode(isWindows ? text.replaceAll('\n', '\r\n') : text);
      assert.deepEqual(
        read.map((each) => Buffer.from(each)),
        blocks.map((each) => Buffer.from(each)),
      );
    }),
  );
});

test('a text that is cut anywhere but between two blocks is refused', () => {
  const text = `${block}${block}`;
  for (let end = 0; end < text.length; end += 1) {
    const cut = text.slice(0, end);
    // The last line break of a file may be missing.
    if (end === block.length - 1 || end === block.length) {
      assert.equal(decode(cut).length, 1);
    } else if (end === text.length - 1) {
      assert.equal(decode(cut).length, 2);
    } else {
      assert.throws(() => decode(cut), MALFORMED, String(end));
    }
  }
  assert.equal(decode(text).length, 2);
});

test('nothing but whole blocks of the one label is taken', () => {
  for (const text of [
    '',
    'hello',
    block.replace('BEGIN', 'END'),
    block.replaceAll('CERTIFICATE', 'TRUSTED CERTIFICATE'),
    block + encodePem('PRIVATE KEY', Buffer.from('key')),
    block.replace('END CERTIFICATE', 'END PRIVATE KEY'),
    block.replace('-----BEGIN CERTIFICATE-----', '-----BEGIN CERTIFICATE----'),
    `-----BEGIN CERTIFICATE-----\n${block}`,
    '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n',
    block.replace('aGVsbG8=', 'aGVsbG8'),
    block.replace('aGVsbG8=', 'aGVs_G8='),
    block.replace('aGVsbG8=', 'Proc-Type: 4,ENCRYPTED\n\naGVsbG8='),
    block.repeat(1001),
  ]) {
    assert.throws(() => decode(text), MALFORMED, text.slice(0, 80));
  }
});

test('whatever the text, only errors of this package are thrown and none shows it', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('-----', 'BEGIN ', 'END ', 'CERTIFICATE', '\n', 'c2VjcmV0') }),
      (text) => {
        try {
          decode(text);
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'ERR_FILE_MALFORMED');
          assert.ok(!(error as Error).message.includes('c2VjcmV0'));
        }
      },
    ),
  );
});

test('A35 nothing is made of lines that are no marks, and text beyond 4 MiB is refused', () => {
  const lines = '\r\n'.repeat(1_000_000);
  assert.equal(decode(`${lines}${block}${lines}`).length, 1);
  assert.equal(decode(block.replace('aGVsbG8=', 'AAAA\n'.repeat(100_000))).length, 1);
  assert.throws(() => decode(`${' '.repeat(1_000_000)}-`), MALFORMED);
  assert.throws(() => decode(block.replace('aGVsbG8=', ' '.repeat(1_000_000))), MALFORMED);
  assert.throws(() => decode(`${'\n'.repeat(4 * 1024 * 1024)}${block}`), MALFORMED);
});

test('A54 there may be a thousand blocks and not one more', () => {
  const block = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
  assert.equal(decodePem(block.repeat(1000), 'CERTIFICATE', 'it').length, 1000);
  assert.throws(() => decodePem(block.repeat(1001), 'CERTIFICATE', 'it'), { code: 'ERR_FILE_MALFORMED' });
});
