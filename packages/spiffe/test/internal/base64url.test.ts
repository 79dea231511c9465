import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { decodeBase64Url } from '../../src/internal/base64url.ts';

test('decodes what Buffer encodes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      assert.deepEqual(decodeBase64Url(Buffer.from(bytes).toString('base64url')), Buffer.from(bytes));
    }),
  );
});

test('A16 there is one text per value: whatever decodes encodes to the same text', () => {
  const unit = fc.constantFrom(...'ABCDyz019-_+/= \n.é'.split(''));
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 12 }), (text) => {
      const bytes = decodeBase64Url(text);
      assert.ok(bytes === undefined || bytes.toString('base64url') === text, text);
    }),
    { numRuns: 3000 },
  );
  for (const text of ['A', 'AAAAA', 'AB', 'AAB', 'AA==', 'A A', 'AA\n', '+A', '/A']) {
    assert.equal(decodeBase64Url(text), undefined, text);
  }
  assert.equal(decodeBase64Url('')?.length, 0);
});
