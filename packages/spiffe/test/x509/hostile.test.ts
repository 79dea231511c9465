import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  basicConstraintsExtension,
  createTestCa,
  extension,
  KEY_USAGE,
  keyUsageExtension,
  subjectAltNameExtension,
} from '@muster/testing';

import { isSpiffeError, verifyX509Svid } from '../../src/index.ts';
import { der, DER_TAG, OID, parseCertificate, readDer, readDerChildren } from '../../src/wire/index.ts';

const NOW = Date.UTC(2030, 5, 1);
const ID = 'spiffe://example.org/workload';
const ca = createTestCa('example.org', NOW);

function issue(...extraExtensions: readonly Uint8Array[]): Uint8Array {
  return ca.issueX509Svid(ID, { extraExtensions }).certificates[0]!;
}

function nest(depth: number, wrap: (inner: Uint8Array) => Uint8Array): Uint8Array {
  let value: Uint8Array = der.null();
  for (let level = 0; level < depth; level += 1) {
    value = wrap(value);
  }
  return value;
}

const refused: [string, string, Uint8Array][] = [
  [
    '65 extensions',
    'ERR_CERTIFICATE_MALFORMED',
    issue(...Array.from({ length: 60 }, (_, index) => extension(`1.2.3.${index}`, der.null()))),
  ],
  ['an extension without a value', 'ERR_CERTIFICATE_MALFORMED', issue(der.sequence(der.oid('1.2.3')))],
  [
    'an extension of four parts',
    'ERR_CERTIFICATE_MALFORMED',
    issue(der.sequence(der.oid('1.2.3'), der.boolean(true), der.octetString(der.null()), der.null())),
  ],
  [
    'criticality that is neither 00 nor FF',
    'ERR_CERTIFICATE_MALFORMED',
    issue(
      der.sequence(
        der.oid('1.2.3'),
        der.element(DER_TAG.BOOLEAN, Buffer.from([1])),
        der.octetString(der.null()),
      ),
    ),
  ],
  [
    'an object identifier of 65 bytes',
    'ERR_CERTIFICATE_MALFORMED',
    issue(
      der.sequence(der.element(DER_TAG.OBJECT_IDENTIFIER, Buffer.alloc(65, 1)), der.octetString(der.null())),
    ),
  ],
  [
    'an object identifier with an endless arc',
    'ERR_CERTIFICATE_MALFORMED',
    issue(
      der.sequence(
        der.element(
          DER_TAG.OBJECT_IDENTIFIER,
          Buffer.concat([Buffer.from([0x2a]), Buffer.alloc(60, 0xff), Buffer.from([1])]),
        ),
        der.octetString(der.null()),
      ),
    ),
  ],
  [
    'an indefinite length in an extension',
    'ERR_CERTIFICATE_MALFORMED',
    issue(Buffer.from('30800603551d2004020500', 'hex')),
  ],
  [
    'bytes behind the value of an extension',
    'ERR_CERTIFICATE_MALFORMED',
    issue(extension(OID.NAME_CONSTRAINTS, Buffer.concat([der.sequence(), der.null()]))),
  ],
  [
    'an authority key identifier that is none',
    'ERR_CERTIFICATE_EXTENSION_REPEATED',
    issue(extension(OID.AUTHORITY_KEY_IDENTIFIER, der.null())),
  ],
  [
    'deeply nested name constraints',
    'ERR_CERTIFICATE_MALFORMED',
    issue(
      extension(
        OID.NAME_CONSTRAINTS,
        nest(2000, (inner) => der.sequence(inner)),
      ),
    ),
  ],
];
for (const [name, code, bytes] of refused) {
  test(`refuses a certificate with ${name}`, () => {
    assert.throws(() => parseCertificate(bytes), { code });
  });
}

test('A17 an extension that is not understood may be as deep as it likes, since nobody goes in', () => {
  const deep = issue(
    extension(
      '1.2.3',
      nest(5000, (inner) => der.sequence(inner)),
    ),
  );
  verifyX509Svid([deep], ca.bundle, { now: NOW });
});

test('A17 a thousand names are read, one more is not', () => {
  const names = (count: number): Uint8Array => {
    const dnsNames = Array.from({ length: count }, (_, index) => `h${index}.example`);
    return ca.issueX509Svid(ID, { dnsNames }).certificates[0]!;
  };
  verifyX509Svid([names(999)], ca.bundle, { now: NOW });
  assert.throws(() => verifyX509Svid([names(1000)], ca.bundle, { now: NOW }), {
    code: 'ERR_CERTIFICATE_MALFORMED',
  });
});

test('A17 lengths that promise more than there is allocate nothing', () => {
  const [leaf] = ca.issueX509Svid(ID).certificates;
  for (const prefix of [
    '3083ffffff',
    '3084ffffffff',
    '30847fffffff',
    '3085ffffffffff',
    '30880000000100000000',
    '30ff',
  ]) {
    const bytes = Buffer.concat([Buffer.from(prefix, 'hex'), leaf!]);
    assert.throws(() => parseCertificate(bytes), { code: 'ERR_CERTIFICATE_MALFORMED' }, prefix);
  }
});

test('every length field of a certificate may lie: refused by the own error', () => {
  const leaf = Buffer.from(ca.issueX509Svid(ID).certificates[0]!);
  const offsets: number[] = [];
  const walk = (bytes: Uint8Array, base: number): void => {
    let at = base;
    for (const child of readDerChildren(readDer(bytes), readDer(bytes).tag)) {
      const start = at + (bytes.length - readDer(bytes).contents.length);
      offsets.push(start + 1);
      if ((child.tag & 0x20) !== 0) {
        walk(child.bytes, start);
      }
      at += child.bytes.length;
    }
  };
  walk(leaf, 0);
  assert.ok(offsets.length > 40);
  for (const offset of offsets) {
    for (const length of [0, 1, 0x7f, 0x80, 0x81, 0x84, 0xff, leaf[offset]! + 1, leaf[offset]! - 1]) {
      const changed = Buffer.from(leaf);
      changed[offset] = length & 0xff;
      if (changed.equals(leaf)) {
        continue;
      }
      assert.throws(
        () => verifyX509Svid([changed], ca.bundle, { now: NOW }),
        isSpiffeError,
        `byte ${offset}: ${length}`,
      );
    }
  }
});

const basics: [string, Uint8Array, string | undefined][] = [
  [
    'a path length that is negative',
    der.sequence(der.boolean(true), der.element(DER_TAG.INTEGER, Buffer.from([0xff]))),
    'ERR_CERTIFICATE_MALFORMED',
  ],
  [
    'a path length of 40 bits',
    der.sequence(der.boolean(true), der.integer(2n ** 40n)),
    'ERR_CERTIFICATE_MALFORMED',
  ],
  [
    'a path length that is no integer',
    der.sequence(der.boolean(true), der.null()),
    'ERR_CERTIFICATE_MALFORMED',
  ],
  [
    'the parts in the wrong order',
    der.sequence(der.integer(0), der.boolean(true)),
    'ERR_CERTIFICATE_MALFORMED',
  ],
  [
    'three parts',
    der.sequence(der.boolean(true), der.integer(0), der.integer(0)),
    'ERR_CERTIFICATE_MALFORMED',
  ],
  ['cA that is 1', der.sequence(der.element(DER_TAG.BOOLEAN, Buffer.from([1]))), 'ERR_CERTIFICATE_MALFORMED'],
  ['no sequence', der.boolean(true), 'ERR_CERTIFICATE_MALFORMED'],
  ['cA false written out', der.sequence(der.boolean(false)), undefined],
];
for (const [name, value, code] of basics) {
  test(`basic constraints with ${name} are ${code === undefined ? 'read' : 'refused'}`, () => {
    const bytes = leafWith(
      extension(OID.BASIC_CONSTRAINTS, value, true),
      keyUsageExtension([KEY_USAGE.digitalSignature]),
    );
    if (code === undefined) {
      assert.equal(parseCertificate(bytes).extensions.basicConstraints?.isCa, false);
    } else {
      assert.throws(() => parseCertificate(bytes), { code });
    }
  });
}

test('key usage is read bit by bit, and without a bit grants nothing', () => {
  const all = [0, 1, 2, 3, 4, 5, 6, 7, 8];
  for (const bits of [[0], [5], [6], [0, 5], all]) {
    const { keyUsage } = parseCertificate(leafWith(keyUsageExtension(bits))).extensions;
    assert.deepEqual(
      [keyUsage?.hasDigitalSignature, keyUsage?.hasKeyCertSign, keyUsage?.hasCrlSign],
      [0, 5, 6].map((bit) => bits.includes(bit)),
    );
  }
  const none = leafWith(extension(OID.KEY_USAGE, der.bitString(new Uint8Array(0), 0), true));
  assert.equal(parseCertificate(none).extensions.keyUsage?.hasDigitalSignature, false);
  for (const value of [
    der.null(),
    der.octetString(Buffer.from([0x80])),
    Buffer.from('030208ff', 'hex'),
    Buffer.from('030207c0', 'hex'),
  ]) {
    assert.throws(() => parseCertificate(leafWith(extension(OID.KEY_USAGE, value, true))), {
      code: 'ERR_CERTIFICATE_MALFORMED',
    });
  }
});

/** A certificate with only these extensions. Its signature is wrong, which reading does not look at. */
function leafWith(...extensions: readonly Uint8Array[]): Uint8Array {
  const [tbs, algorithm, signature] = readDerChildren(
    readDer(ca.issueX509Svid(ID).certificates[0]!),
    DER_TAG.SEQUENCE,
  );
  const fields = readDerChildren(tbs!, DER_TAG.SEQUENCE).map(({ bytes }) => bytes);
  const all = der.explicit(3, der.sequence(...extensions, subjectAltNameExtension({ uris: [ID] })));
  return der.sequence(der.sequence(...fields.slice(0, -1), all), algorithm!.bytes, signature!.bytes);
}

test('basic constraints of the test kit are those of the standard', () => {
  const { basicConstraints } = parseCertificate(leafWith(basicConstraintsExtension(true, 3))).extensions;
  assert.deepEqual(basicConstraints, { isCa: true, pathLength: 3 });
});
