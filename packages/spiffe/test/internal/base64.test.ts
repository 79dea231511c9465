import assert from 'node:assert/strict';
import { test } from 'node:test';

import { decodeBase64 } from '../../src/internal/base64.ts';

test('only base64 with padding is decoded', () => {
  for (const text of ['AA==', 'AAA=', 'AAAA', '+/+/', 'AAAAAA==']) {
    assert.deepEqual(decodeBase64(text), Buffer.from(text, 'base64'), text);
  }
  for (const text of [
    '',
    '=',
    '==',
    '====',
    'A===',
    'AA=A',
    'A=AA',
    'AAAAA',
    'AA',
    '-_-_',
    'AA A',
    'AAA\n',
    'ÄAAA',
  ]) {
    assert.equal(decodeBase64(text), undefined, text);
  }
});
