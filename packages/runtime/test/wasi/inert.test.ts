import assert from 'node:assert/strict';
import { test } from 'node:test';
import { filesystemTypes, preopens } from '../../src/wasi/filesystem.ts';
import { sockets } from '../../src/wasi/sockets.ts';
import { callable, payloadOf } from './support.ts';

test('there are no preopens, and a descriptor does nothing', () => {
  assert.deepEqual(callable(preopens)['getDirectories']!(), []);
  const Descriptor = filesystemTypes['Descriptor'] as new () => Record<string, () => unknown>;
  assert.equal(
    payloadOf(() => new Descriptor()['openAt']!()),
    'not-permitted',
  );
  assert.equal(callable(filesystemTypes)['filesystemErrorCode']!(), undefined);
});

test('no socket can be made and no name resolved', () => {
  const calls: [string, string][] = [
    ['tcp-create-socket', 'createTcpSocket'],
    ['udp-create-socket', 'createUdpSocket'],
    ['ip-name-lookup', 'resolveAddresses'],
  ];
  for (const [name, fn] of calls)
    assert.equal(
      payloadOf(() => callable(sockets[name]!)[fn]!()),
      'access-denied',
    );
  const Network = sockets['network']!['Network'] as new () => object;
  assert.ok(callable(sockets['instance-network']!)['instanceNetwork']!() instanceof Network);
});
