import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';

import * as fc from 'fast-check';

import { isSpiffeError, WorkloadApiClient } from '../../src/index.ts';
import { ENDPOINT_VARIABLE, resolveEndpointAddress } from '../../src/workload-api/address.ts';

const before = process.env[ENDPOINT_VARIABLE];

afterEach(() => {
  if (before === undefined) {
    delete process.env[ENDPOINT_VARIABLE];
  } else {
    process.env[ENDPOINT_VARIABLE] = before;
  }
});

const accepted: [string, object][] = [
  ['unix:///run/api.sock', { path: '/run/api.sock' }],
  ['unix:/run/api.sock', { path: '/run/api.sock' }],
  ['unix:///run/with space:and@colon', { path: '/run/with space:and@colon' }],
  ['tcp://127.0.0.1:8000', { host: '127.0.0.1', port: 8000 }],
  ['tcp://[::1]:65535', { host: '::1', port: 65_535 }],
  ['tcp://[2001:db8::1]:1', { host: '2001:db8::1', port: 1 }],
];
for (const [address, target] of accepted) {
  test(`EP-3 takes ${address}`, () => {
    assert.deepEqual(resolveEndpointAddress(address), target);
  });
}

const refused: [string, RegExp][] = [
  ['', /must be given/],
  ['/run/api.sock', /begin with "unix:" or "tcp:"/],
  ['http://127.0.0.1:80', /begin with "unix:" or "tcp:"/],
  ['UNIX:///run/api.sock', /begin with "unix:" or "tcp:"/],
  ['unix://host/run/api.sock', /no authority/],
  ['unix://run', /no authority/],
  ['unix:run/api.sock', /absolute/],
  ['unix:', /absolute/],
  ['unix://', /absolute/],
  ['unix:///', /name a socket/],
  ['unix:////run', /it must be/],
  ['unix:///run?x', /a query/],
  ['unix:///run#x', /a fragment/],
  ['unix:///run%20', /an escape/],
  ['unix:///run\0', /a NUL/],
  [`unix:///${'a'.repeat(107)}`, /107 bytes/],
  ['tcp:127.0.0.1:80', /"tcp:\/\/"/],
  ['tcp://127.0.0.1', /a port/],
  ['tcp://127.0.0.1:', /a port/],
  ['tcp://127.0.0.1:0', /from 1 to 65535/],
  ['tcp://127.0.0.1:080', /from 1 to 65535/],
  ['tcp://127.0.0.1:65536', /from 1 to 65535/],
  ['tcp://127.0.0.1:http', /from 1 to 65535/],
  ['tcp://127.0.0.1:80:80', /from 1 to 65535/],
  ['tcp://localhost:80', /IP address/],
  ['tcp://:80', /IP address/],
  ['tcp://127.1:80', /IP address/],
  ['tcp://::1:80', /IP address/],
  ['tcp://[127.0.0.1]:80', /IP address/],
  ['tcp://127.0.0.1:80/', /no path/],
  ['tcp://127.0.0.1:80/x', /no path/],
  ['tcp://user@127.0.0.1:80', /user info/],
  ['tcp://127.0.0.1:80?x', /a query/],
  ['tcp://127.0.0.1:80#x', /a fragment/],
  ['tcp://[fe80::1%25eth0]:80', /an escape/],
];
for (const [address, reason] of refused) {
  test(`EP-4 refuses ${JSON.stringify(address).slice(0, 60)} and says why`, () => {
    assert.throws(() => resolveEndpointAddress(address), { code: 'ERR_ENDPOINT_ADDRESS', message: reason });
    if (address !== '') {
      assert.throws(() => new WorkloadApiClient({ address }), { code: 'ERR_ENDPOINT_ADDRESS' });
    }
  });
}

test('EP-1 without an address the environment names the endpoint', () => {
  process.env[ENDPOINT_VARIABLE] = 'tcp://127.0.0.1:7';
  assert.deepEqual(resolveEndpointAddress(), { host: '127.0.0.1', port: 7 });
  assert.deepEqual(resolveEndpointAddress('unix:///given'), { path: '/given' });
  process.env[ENDPOINT_VARIABLE] = '';
  assert.throws(() => new WorkloadApiClient(), {
    code: 'ERR_ENDPOINT_ADDRESS',
    message: /SPIFFE_ENDPOINT_SOCKET/,
  });
  delete process.env[ENDPOINT_VARIABLE];
  assert.throws(() => new WorkloadApiClient(), { code: 'ERR_ENDPOINT_ADDRESS' });
});

test('whatever the address: a target, or the own error', () => {
  const text = fc.oneof(
    fc.string(),
    fc.webUrl(),
    fc.ipV6().map((ip) => `tcp://[${ip}]:1`),
  );
  fc.assert(
    fc.property(text, (address) => {
      try {
        const target = resolveEndpointAddress(address === '' ? 'x' : address);
        assert.ok('path' in target ? target.path.startsWith('/') : target.port > 0);
      } catch (error) {
        assert.ok(isSpiffeError(error) && error.code === 'ERR_ENDPOINT_ADDRESS', String(error));
      }
    }),
  );
});
