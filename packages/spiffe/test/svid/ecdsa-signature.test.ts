import assert from 'node:assert/strict';
import { sign, verify } from 'node:crypto';
import { test } from 'node:test';

import { generateEcKeyPair } from '@muster/testing';
import * as fc from 'fast-check';

import { encodeEcdsaSignature } from '../../src/svid/ecdsa-signature.ts';
import { der } from '../../src/wire/index.ts';

test('writes the same DER as the writer does, for every r and s', () => {
  // Leading zero and high bits decide on the form, so they are drawn often.
  const integer = (bytes: number): fc.Arbitrary<Uint8Array> =>
    fc
      .tuple(fc.uint8Array({ minLength: bytes, maxLength: bytes }), fc.nat(bytes))
      .map(([value, zeros]) => value.fill(0, 0, zeros));
  for (const bytes of [32, 48, 66]) {
    fc.assert(
      fc.property(integer(bytes), integer(bytes), (r, s) => {
        const encoded = encodeEcdsaSignature(Buffer.concat([r, s]), bytes);
        const isZero = [r, s].some((value) => value.every((byte) => byte === 0));
        assert.deepEqual(
          encoded,
          isZero ? undefined : Buffer.from(der.sequence(der.integer(r), der.integer(s))),
        );
      }),
    );
  }
});

test('verifies as the raw form does', () => {
  for (const [curve, bytes] of [
    ['P-256', 32],
    ['P-384', 48],
    ['P-521', 66],
  ] as const) {
    const { publicKey, privateKey } = generateEcKeyPair(curve);
    for (let round = 0; round < 20; round += 1) {
      const data = Buffer.from([round]);
      const raw = sign('sha256', data, { key: privateKey, dsaEncoding: 'ieee-p1363' });
      assert.ok(verify('sha256', data, publicKey, encodeEcdsaSignature(raw, bytes)!));
    }
  }
});

test('A15 refuses other lengths', () => {
  for (const length of [0, 1, 63, 65, 96, 128]) {
    assert.equal(encodeEcdsaSignature(new Uint8Array(length).fill(1), 32), undefined);
  }
});
