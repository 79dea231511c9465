import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { isPublicAddress } from '../../src/federation/address.ts';

test('addresses of the public internet', () => {
  for (const address of [
    '1.1.1.1',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '192.167.255.255',
    '192.169.0.0',
    '198.17.255.255',
    '198.20.0.0',
    '223.255.255.255',
    '2606:4700:4700::1111',
    '2a00:1450::1',
  ]) {
    assert.ok(isPublicAddress(address), address);
  }
});

test('addresses that are not public, in each spelling', () => {
  for (const address of [
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '127.255.255.255',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.8',
    '192.168.1.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:10.0.0.1',
    '::ffff:8.8.8.8',
    '64:ff9b::a00:1',
    '2001:db8::1',
    '2001::1',
    '2002:a00:1::',
    'fc00::1',
    'fd12:3456::1',
    'fe80::1',
    'fec0::1',
    'ff02::1',
  ]) {
    assert.ok(!isPublicAddress(address), address);
  }
});

test('what is no address is not public', () => {
  for (const text of ['', 'localhost', '10.1', '0x7f.1', '1.1.1.1 ', '[::1]', '1.1.1.1:80']) {
    assert.ok(!isPublicAddress(text), text);
  }
});

test('an address is public no matter how it is mapped only if it says so itself', () => {
  fc.assert(
    fc.property(fc.ipV4(), (address) => {
      assert.ok(!isPublicAddress(`::ffff:${address}`));
    }),
  );
  fc.assert(
    fc.property(fc.ipV6(), (address) => {
      const first = Number.parseInt(address.split(':')[0] === '' ? '0' : (address.split(':')[0] ?? '0'), 16);
      assert.ok(!isPublicAddress(address) || (first >= 0x2000 && first <= 0x3fff));
    }),
  );
});
