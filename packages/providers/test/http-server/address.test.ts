import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { startHttpServer } from '../../src/index.ts';
import { formatAddress, parseAddress } from '../../src/http-server/address.ts';
import { clock } from './support.ts';

test('an address is a host and a port', () => {
  assert.deepEqual(parseAddress('127.0.0.1:8000'), { host: '127.0.0.1', port: 8000 });
  assert.deepEqual(parseAddress('localhost:0'), { host: 'localhost', port: 0 });
  assert.deepEqual(parseAddress('[::1]:65535'), { host: '::1', port: 65_535 });
});

test('a formatted address parses to the same', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: 0, max: 65_535 }), (host, port) => {
      assert.deepEqual(parseAddress(formatAddress(host, port)), { host, port });
    }),
  );
});

for (const text of [
  '',
  ':80',
  '8000',
  'a:b',
  'a:65536',
  'a:123456',
  'http://a:80',
  '::1:80',
  'a b:80',
  'a:80/',
  'ä:1',
]) {
  test(`"${text}" is not an address`, () => {
    assert.throws(() => parseAddress(text), { code: 'ERR_HTTP_ADDRESS_INVALID' });
  });
}

test('an address in use is told apart from one that is not ours', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => other.once('listening', resolve));
  const { port } = other.address() as AddressInfo;
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  const deps = { handle: () => Promise.reject(new Error('unused')), isServing: () => true, logger, clock };
  await assert.rejects(startHttpServer({ address: `127.0.0.1:${port}` }, deps), {
    code: 'ERR_HTTP_ADDRESS_IN_USE',
    message: /another program uses it/,
  });
  await assert.rejects(startHttpServer({ address: '192.0.2.1:0' }, deps), {
    code: 'ERR_HTTP_ADDRESS_NOT_AVAILABLE',
  });
  await new Promise((resolve) => other.close(resolve));
});
