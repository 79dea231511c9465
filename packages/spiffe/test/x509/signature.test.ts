import assert from 'node:assert/strict';
import { constants, generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';

import { generateEcKeyPair } from '@muster/testing';

import { der, OID, readDer } from '../../src/wire/index.ts';
import { isSignatureValid, parseSignatureAlgorithm } from '../../src/x509/signature.ts';

const signed = Buffer.from('to be signed');
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateEcKeyPair();

interface PssParameters {
  readonly hash?: string;
  readonly mgfHash?: string;
  readonly mgf?: string;
  readonly saltLength?: number;
  readonly trailer?: number;
}

function pss(parameters: PssParameters = {}): Uint8Array {
  const { hash = OID.SHA256, mgfHash = hash, mgf = OID.MGF1, saltLength = 32, trailer } = parameters;
  const hashAlgorithm = (oid: string): Uint8Array => der.sequence(der.oid(oid), der.null());
  const fields = [
    der.explicit(0, hashAlgorithm(hash)),
    der.explicit(1, der.sequence(der.oid(mgf), hashAlgorithm(mgfHash))),
    der.explicit(2, der.integer(saltLength)),
    ...(trailer === undefined ? [] : [der.explicit(3, der.integer(trailer))]),
  ];
  return der.sequence(der.oid(OID.RSA_PSS), der.sequence(...fields));
}

function parse(identifier: Uint8Array): ReturnType<typeof parseSignatureAlgorithm> {
  return parseSignatureAlgorithm(readDer(identifier));
}

test('RSASSA-PSS with one hash for all verifies', () => {
  for (const [oid, hash, saltLength] of [
    [OID.SHA256, 'sha256', 32],
    [OID.SHA384, 'sha384', 48],
    [OID.SHA512, 'sha512', 64],
  ] as const) {
    const algorithm = parse(pss({ hash: oid, saltLength }));
    const signature = sign(hash, signed, {
      key: rsa.privateKey,
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength,
    });
    assert.equal(isSignatureValid(algorithm, rsa.publicKey, signed, signature), true);
    assert.equal(isSignatureValid(algorithm, rsa.publicKey, Buffer.from('other'), signature), false);
    assert.equal(isSignatureValid(algorithm, ec.publicKey, signed, signature), false);
    assert.equal(isSignatureValid(algorithm, rsa.publicKey, signed, new Uint8Array(0)), false);
  }
});

const refused: [string, Uint8Array][] = [
  ['SHA-1 with RSA', der.sequence(der.oid('1.2.840.113549.1.1.5'), der.null())],
  ['MD5 with RSA', der.sequence(der.oid('1.2.840.113549.1.1.4'), der.null())],
  ['SHA-1 with ECDSA', der.sequence(der.oid('1.2.840.10045.4.1'))],
  ['Ed448', der.sequence(der.oid('1.3.101.113'))],
  ['ECDSA with parameters', der.sequence(der.oid(OID.ECDSA_SHA256), der.null())],
  ['RSA with odd parameters', der.sequence(der.oid(OID.RSA_SHA256), der.integer(1))],
  ['RSA with too many parameters', der.sequence(der.oid(OID.RSA_SHA256), der.null(), der.null())],
  ['PSS without parameters', der.sequence(der.oid(OID.RSA_PSS))],
  ['PSS with the default parameters, which mean SHA-1', der.sequence(der.oid(OID.RSA_PSS), der.sequence())],
  ['PSS with SHA-1', pss({ hash: '1.3.14.3.2.26', saltLength: 20 })],
  ['PSS with another hash in the mask', pss({ mgfHash: OID.SHA512 })],
  ['PSS with another mask', pss({ mgf: OID.SHA256 })],
  ['PSS with a short salt', pss({ saltLength: 0 })],
  ['PSS with a trailer field', pss({ trailer: 1 })],
  ['nothing', der.sequence()],
];
for (const [name, identifier] of refused) {
  test(`refuses ${name}`, () => {
    assert.throws(() => parse(identifier), { code: 'ERR_CERTIFICATE_ALGORITHM' });
  });
}

test('an algorithm verifies only with a key of its type', () => {
  const algorithm = parse(der.sequence(der.oid(OID.ECDSA_SHA256)));
  const signature = sign('sha256', signed, ec.privateKey);
  assert.equal(isSignatureValid(algorithm, ec.publicKey, signed, signature), true);
  assert.equal(isSignatureValid(algorithm, rsa.publicKey, signed, signature), false);
  assert.equal(
    isSignatureValid(algorithm, generateKeyPairSync('ed25519').publicKey, signed, signature),
    false,
  );
});
