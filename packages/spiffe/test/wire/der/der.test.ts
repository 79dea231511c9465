import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { isSpiffeError } from '../../../src/index.ts';
import {
  der,
  DER_TAG,
  readDer,
  readDerAll,
  readDerBitString,
  readDerBoolean,
  readDerChildren,
  readDerOid,
  readDerSmallInteger,
  readDerTime,
} from '../../../src/wire/index.ts';
import type { DerElement } from '../../../src/wire/index.ts';

function hex(text: string): Uint8Array {
  return Buffer.from(text, 'hex');
}

const malformed: [string, string][] = [
  ['nothing', ''],
  ['no length', '30'],
  ['cut contents', '300500'],
  ['indefinite length', '30800000'],
  ['length in long form below 128', '3081050000000000'],
  ['length with leading zero', `30820080${'00'.repeat(128)}`],
  ['length of five bytes', '30850000000001'],
  ['length of 4 GiB', '3084ffffffff00'],
  ['cut length', '3082ff'],
  ['tag of two bytes', '1f8100'],
  ['bytes behind', '05000500'],
];
for (const [name, text] of malformed) {
  test(`refuses: ${name}`, () => {
    assert.throws(() => readDer(hex(text)), { code: 'ERR_DER_MALFORMED' });
  });
}

test('A17 the number of elements is bounded', () => {
  assert.equal(readDerAll(hex('0500'.repeat(10_000))).length, 10_000);
  assert.throws(() => readDerAll(hex('0500'.repeat(10_001))), { code: 'ERR_DER_MALFORMED' });
});

test('contents of every length come back', () => {
  for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536]) {
    const contents = new Uint8Array(length).fill(7);
    const element = readDer(der.octetString(contents));
    assert.equal(element.tag, DER_TAG.OCTET_STRING);
    assert.deepEqual([...element.contents], [...contents]);
  }
});

test('integers are minimal and not negative', () => {
  const cases: [number | bigint | Uint8Array, string][] = [
    [0, '020100'],
    [127, '02017f'],
    [128, '02020080'],
    [256, '02020100'],
    [2n ** 64n, '0209010000000000000000'],
    [hex('00000001'), '020101'],
    [hex('ff'), '020200ff'],
    [hex('0000'), '020100'],
  ];
  for (const [value, expected] of cases) {
    assert.equal(Buffer.from(der.integer(value)).toString('hex'), expected);
  }
  assert.throws(() => der.integer(-1), { code: 'ERR_DER_MALFORMED' });
  fc.assert(
    fc.property(fc.nat(), (value) => {
      assert.equal(readDerSmallInteger(readDer(der.integer(value))), value);
    }),
  );
  for (const text of ['0200', '02020001', '0202ff80', '0201ff', '02050100000000', '040101']) {
    assert.throws(() => readDerSmallInteger(readDer(hex(text))), { code: 'ERR_DER_MALFORMED' }, text);
  }
});

test('object identifiers come back', () => {
  for (const oid of [
    '1.2.840.10045.4.3.2',
    '2.5.29.17',
    '0.9',
    '1.39',
    '2.999.1',
    '1.3.6.1.4.1.4294967295',
  ]) {
    assert.equal(readDerOid(readDer(der.oid(oid))), oid);
  }
  for (const text of [
    '0600',
    '060180',
    '06022a80',
    '06032a8001',
    `0641${'01'.repeat(65)}`,
    '06092affffffffffffffff',
  ]) {
    assert.throws(() => readDerOid(readDer(hex(text))), { code: 'ERR_DER_MALFORMED' }, text);
  }
  assert.throws(() => der.oid('1.x'), { code: 'ERR_DER_MALFORMED' });
  assert.throws(() => readDerOid(undefined), { code: 'ERR_DER_MALFORMED' });
});

test('booleans and bit strings are strict', () => {
  assert.equal(readDerBoolean(readDer(der.boolean(true))), true);
  assert.equal(readDerBoolean(readDer(der.boolean(false))), false);
  for (const text of ['010101', '0100', '0102ffff']) {
    assert.throws(() => readDerBoolean(readDer(hex(text))), { code: 'ERR_DER_MALFORMED' });
  }
  assert.deepEqual(readDerBitString(readDer(der.bitString(hex('80'), 7))), {
    bytes: Buffer.from([0x80]),
    unusedBits: 7,
  });
  for (const text of ['0300', '030101', '03020880', '03020781']) {
    assert.throws(() => readDerBitString(readDer(hex(text))), { code: 'ERR_DER_MALFORMED' }, text);
  }
});

test('times are UTCTime to 2049 and GeneralizedTime after', () => {
  const cases: [number, number, string][] = [
    [Date.UTC(2026, 10, 24, 9, 8, 7), DER_TAG.UTC_TIME, '261124090807Z'],
    [Date.UTC(2049, 11, 31, 23, 59, 59), DER_TAG.UTC_TIME, '491231235959Z'],
    [Date.UTC(2050, 0, 1), DER_TAG.GENERALIZED_TIME, '20500101000000Z'],
    [Date.UTC(1999, 0, 1), DER_TAG.UTC_TIME, '990101000000Z'],
  ];
  for (const [at, tag, text] of cases) {
    const element = readDer(der.time(at));
    assert.equal(element.tag, tag);
    assert.equal(Buffer.from(element.contents).toString(), text);
    assert.equal(readDerTime(element), at);
  }
  for (const text of [
    '2611240908Z',
    '261124090807',
    '261324090807Z',
    '260230000000Z',
    '261124240000Z',
    '26112409080 Z',
    '261124090807+0000',
  ]) {
    assert.throws(
      () => readDerTime(readDer(der.element(DER_TAG.UTC_TIME, Buffer.from(text)))),
      { code: 'ERR_DER_MALFORMED' },
      text,
    );
  }
  assert.throws(() => readDerTime(readDer(der.utf8String('261124090807Z'))), { code: 'ERR_DER_MALFORMED' });
});

test('the elements of a set are sorted', () => {
  assert.equal(
    Buffer.from(der.set(der.integer(2), der.null(), der.integer(1))).toString('hex'),
    '31080201010201020500',
  );
});

test('a child of another tag is refused', () => {
  const sequence = readDer(der.sequence(der.null(), der.explicit(0, der.null()), der.implicit(1, hex('aa'))));
  assert.deepEqual(
    readDerChildren(sequence, DER_TAG.SEQUENCE).map((child) => child.tag),
    [5, 0xa0, 0x81],
  );
  assert.throws(() => readDerChildren(sequence, DER_TAG.SET), { code: 'ERR_DER_MALFORMED' });
});

test('whatever the bytes: elements that add up to the input, or the own error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (input) => {
      try {
        const elements = readDerAll(input);
        assert.deepEqual(Buffer.concat(elements.map((element) => element.bytes)), Buffer.from(input));
        for (const element of elements) {
          assert.deepEqual(
            Buffer.from(der.element(element.tag, element.contents)),
            Buffer.from(element.bytes),
          );
        }
      } catch (error) {
        assert.ok(isSpiffeError(error), String(error));
      }
    }),
    { numRuns: 1000 },
  );
});

test('an element cannot reach beyond the one it is in, though bytes follow there', () => {
  for (const inside of ['04', '0402', '0481', '048180', '04820100', '0404aaaa', '1f8100']) {
    const contents = hex(inside);
    const outer = Buffer.concat([Buffer.of(DER_TAG.SEQUENCE, contents.length), contents]);
    const [element] = readDerAll(Buffer.concat([outer, der.octetString(new Uint8Array(300))]));
    assert.throws(() => readDerChildren(element!, DER_TAG.SEQUENCE), { code: 'ERR_DER_MALFORMED' }, inside);
  }
});

test('children are the same for an element that was read and for one of its parts by themselves', () => {
  const whole = readDer(der.sequence(der.octetString(hex('aa')), der.sequence(der.null()), der.integer(5)));
  const summary = (elements: readonly DerElement[]): unknown =>
    elements.map(({ tag, contents, bytes }) => [tag, [...contents], [...bytes]]);
  const { tag, contents, bytes } = whole;
  assert.deepEqual(
    summary(readDerChildren(whole, DER_TAG.SEQUENCE)),
    summary(readDerChildren({ tag, contents, bytes }, DER_TAG.SEQUENCE)),
  );
  assert.deepEqual(summary(readDerChildren(whole, DER_TAG.SEQUENCE)), [
    [DER_TAG.OCTET_STRING, [0xaa], [4, 1, 0xaa]],
    [DER_TAG.SEQUENCE, [5, 0], [0x30, 2, 5, 0]],
    [DER_TAG.INTEGER, [5], [2, 1, 5]],
  ]);
  assert.throws(() => readDerChildren(whole, DER_TAG.SEQUENCE, 2), { code: 'ERR_DER_MALFORMED' });
});
