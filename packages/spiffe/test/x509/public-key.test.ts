import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';

import { generateEcKeyPair } from '@muster/testing';
import * as fc from 'fast-check';

import { der, OID } from '../../src/wire/index.ts';
import { CURVES, isOnCurve } from '../../src/x509/curve.ts';
import { OID as ALL_OIDS } from '../../src/x509/oid.ts';
import { checkPublicKey, importPublicKey } from '../../src/x509/public-key.ts';

const names = [
  ['P-256', ALL_OIDS.P256],
  ['P-384', ALL_OIDS.P384],
  ['P-521', ALL_OIDS.P521],
] as const;

function spkiOf(namedCurve: string): Buffer {
  return generateEcKeyPair(namedCurve).publicKey.export({ format: 'der', type: 'spki' });
}

function ecSpki(parameters: Uint8Array, point: Uint8Array): Uint8Array {
  return der.sequence(der.sequence(der.oid(ALL_OIDS.EC_PUBLIC_KEY), parameters), der.bitString(point));
}

function isReadable(spki: Uint8Array): boolean {
  try {
    createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
    return true;
  } catch {
    return false;
  }
}

for (const [name, oid] of names) {
  const curve = CURVES.get(oid)!;
  const bytes = 2 * curve.integerBytes;

  test(`points of ${name} are known as such, and as node:crypto knows them`, () => {
    for (let count = 0; count < 5; count += 1) {
      const spki = spkiOf(name);
      assert.equal(isOnCurve(curve, spki.subarray(-bytes)), true);
      checkPublicKey(spki);
      assert.equal(importPublicKey(spki).asymmetricKeyDetails?.namedCurve, toOpenSsl(name));
    }
  });

  test(`a changed point of ${name} is refused exactly when node:crypto refuses it`, () => {
    const spki = spkiOf(name);
    const isBit = fc.nat(8 * bytes - 1);
    fc.assert(
      fc.property(fc.uniqueArray(isBit, { minLength: 1, maxLength: 8 }), (bits) => {
        const changed = Buffer.from(spki);
        for (const bit of bits) changed[changed.length - 1 - (bit >> 3)]! ^= 1 << (bit & 7);
        assert.equal(isOnCurve(curve, changed.subarray(-bytes)), isReadable(changed));
      }),
      { numRuns: 50 },
    );
  });

  test(`a coordinate of ${name} that is not reduced is refused`, () => {
    const point = spkiOf(name).subarray(-bytes);
    const size = curve.integerBytes;
    const y = BigInt(`0x${point.subarray(size).toString('hex')}`);
    const larger = (y + curve.prime).toString(16).padStart(2 * size, '0');
    if (larger.length > 2 * size) return;
    const same = Buffer.concat([point.subarray(0, size), Buffer.from(larger, 'hex')]);
    assert.equal(isOnCurve(curve, same), false);
  });

  test(`no other length is a point of ${name}`, () => {
    const point = spkiOf(name).subarray(-bytes);
    assert.equal(isOnCurve(curve, point.subarray(1)), false);
    assert.equal(isOnCurve(curve, Buffer.concat([Buffer.alloc(2), point])), false);
    assert.equal(isOnCurve(curve, new Uint8Array(0)), false);
  });
}

function toOpenSsl(name: string): string {
  return { 'P-256': 'prime256v1', 'P-384': 'secp384r1', 'P-521': 'secp521r1' }[name]!;
}

test('a compressed point is accepted (RFC 5480 section 2.2)', () => {
  const point = spkiOf('P-256').subarray(-65);
  const compressed = Buffer.concat([Buffer.of(2 + (point[64]! & 1)), point.subarray(1, 33)]);
  const spki = ecSpki(der.oid(ALL_OIDS.P256), compressed);
  checkPublicKey(spki);
  assert.equal(
    importPublicKey(spki).export({ format: 'jwk' }).x,
    point.subarray(1, 33).toString('base64url'),
  );
});

const good = spkiOf('P-256');
const point = good.subarray(-65);
const hybrid = Buffer.concat([Buffer.of(6 + (point[64]! & 1)), point.subarray(1)]);
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({
  format: 'der',
  type: 'pkcs1',
});
const ed25519 = generateKeyPairSync('ed25519')
  .publicKey.export({ format: 'der', type: 'spki' })
  .subarray(-32);
const p256 = der.oid(ALL_OIDS.P256);
const rsaOid = der.oid(ALL_OIDS.RSA_ENCRYPTION);
const refused: readonly (readonly [string, Uint8Array])[] = [
  ['nothing', new Uint8Array(0)],
  ['no bit string', der.sequence(der.sequence(der.oid(ALL_OIDS.EC_PUBLIC_KEY), p256))],
  ['a third part', der.sequence(good.subarray(2), der.null())],
  ['bytes behind', Buffer.concat([good, Buffer.of(0)])],
  ['the point in hybrid form', ecSpki(p256, hybrid)],
  ['the point at infinity', ecSpki(p256, Buffer.of(0))],
  ['no point', ecSpki(p256, new Uint8Array(0))],
  [
    'a compressed point that does not exist',
    ecSpki(p256, Buffer.concat([Buffer.of(2), Buffer.alloc(32, 0xff)])),
  ],
  ['a point of another curve', ecSpki(p256, spkiOf('P-384').subarray(-97))],
  ['a point of zeros', ecSpki(p256, Buffer.concat([Buffer.of(4), Buffer.alloc(64)]))],
  [
    'unused bits',
    der.sequence(der.sequence(der.oid(ALL_OIDS.EC_PUBLIC_KEY), p256), der.bitString(Buffer.of(4, 0), 1)),
  ],
  ['a curve without its name', ecSpki(der.sequence(der.integer(1)), point)],
  ['no curve', ecSpki(der.null(), point)],
  ['the curve secp256k1', spkiOf('secp256k1')],
  ['RSA without parameters', der.sequence(der.sequence(rsaOid), der.bitString(rsa))],
  ['RSA with odd parameters', der.sequence(der.sequence(rsaOid, p256), der.bitString(rsa))],
  ['RSA with two parameters', der.sequence(der.sequence(rsaOid, der.null(), der.null()), der.bitString(rsa))],
  ['RSA that is not a key', der.sequence(der.sequence(rsaOid, der.null()), der.bitString(point))],
  [
    'Ed25519 with parameters',
    der.sequence(der.sequence(der.oid(OID.ED25519), der.null()), der.bitString(ed25519)),
  ],
  [
    'Ed25519 that is too short',
    der.sequence(der.sequence(der.oid(OID.ED25519)), der.bitString(ed25519.subarray(1))),
  ],
  ['X25519', generateKeyPairSync('x25519').publicKey.export({ format: 'der', type: 'spki' })],
];
for (const [name, spki] of refused) {
  test(`refuses a public key: ${name}`, () => {
    assert.throws(() => importPublicKey(spki), { code: 'ERR_CERTIFICATE_KEY' });
    assert.throws(() => checkPublicKey(spki), { code: 'ERR_CERTIFICATE_KEY' });
  });
}

test('accepts RSA and Ed25519', () => {
  for (const spki of [
    der.sequence(der.sequence(rsaOid, der.null()), der.bitString(rsa)),
    der.sequence(der.sequence(der.oid(OID.ED25519)), der.bitString(ed25519)),
  ]) {
    checkPublicKey(spki);
    importPublicKey(spki);
  }
});
