import assert from 'node:assert/strict';
import { test } from 'node:test';

import { distinguishedName } from '@muster/testing';

import { der, readDer } from '../../src/wire/index.ts';
import { OID } from '../../src/x509/oid.ts';
import { checkName } from '../../src/x509/name.ts';

const type = der.oid(OID.COMMON_NAME);
const nameOf = (...attributes: readonly Uint8Array[]): Uint8Array => der.sequence(der.set(...attributes));
const text = (tag: number, bytes: Uint8Array | string): Uint8Array =>
  nameOf(der.sequence(type, der.element(tag, Buffer.from(bytes as Uint8Array))));

test('names of types and values are names', () => {
  for (const name of [
    distinguishedName(),
    distinguishedName({ commonName: 'Zürich', serialNumber: '1' }),
    nameOf(
      der.sequence(type, der.utf8String('a')),
      der.sequence(type, der.printableString("A-9 '()+,./:=?*&")),
    ),
    text(0x16, 'user@example.org'),
    text(0x14, Buffer.of(0xff)),
    text(0x1e, Buffer.of(0, 0x41)),
    text(0x12, '12 3'),
  ]) {
    checkName(readDer(name));
  }
});

test('what is not built as a name, and text that is not what its tag says, is refused', () => {
  const good = der.sequence(type, der.utf8String('a'));
  for (const name of [
    der.sequence(der.null()),
    der.sequence(good),
    der.sequence(der.set()),
    nameOf(der.sequence()),
    nameOf(der.sequence(type)),
    nameOf(der.sequence(der.utf8String('a'), type)),
    nameOf(der.sequence(type, der.utf8String('a'), der.null())),
    der.sequence(der.set(good), Buffer.of(0)),
    der.sequence(...Array.from({ length: 65 }, () => der.set(good))),
    text(0x0c, Buffer.of(0xc3)),
    text(0x13, 'a_b'),
    text(0x16, Buffer.of(0x80)),
    text(0x12, 'a'),
    text(0x1e, Buffer.of(0)),
    text(0x1e, Buffer.of(0xd8, 0)),
    text(0x1e, Buffer.of(0xff, 0xff)),
    text(0x1e, Buffer.of(0xfd, 0xd0)),
    text(0x02, Buffer.of(1)),
    text(0x30, Buffer.alloc(0)),
  ]) {
    assert.throws(
      () => checkName(readDer(name)),
      { code: 'ERR_DER_MALFORMED' },
      Buffer.from(name).toString('hex'),
    );
  }
});
