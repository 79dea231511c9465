import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveHostConfig } from '../src/config.ts';
import type { HostConfig } from '../src/config.ts';
import { hostLabels } from '../src/labels.ts';

const minimal: HostConfig = {
  lattice: 'default',
  trustDomain: 'muster.internal',
  name: 'a',
  servers: ['tls://127.0.0.1:4222'],
  workloadApi: 'unix:///run/api.sock',
};

test('identities follow from trust domain, lattice and name', () => {
  const config = resolveHostConfig(minimal);
  assert.equal(config.spiffeId.toString(), 'spiffe://muster.internal/lattice/default/host/a');
  assert.equal(config.audience, 'spiffe://muster.internal/callout');
  assert.equal(config.heartbeatIntervalMs, 30_000);
  assert.deepEqual(config.allowFileFrom, []);
});

for (const [name, change] of [
  ['a lattice of two tokens', { lattice: 'a.b' }],
  ['a lattice that is a wildcard', { lattice: '*' }],
  ['a name with a slash', { name: 'a/b' }],
  ['a name that climbs', { name: '..' }],
  ['an empty name', { name: '' }],
  ['a trust domain with a path', { trustDomain: 'a/b' }],
  ['an upper case trust domain', { trustDomain: 'Muster.internal' }],
  ['an identity of another trust domain', { spiffeId: 'spiffe://other/lattice/default/host/a' }],
  ['no server', { servers: [] }],
  ['a heartbeat of zero', { heartbeatIntervalMs: 0 }],
  ['a negative artifact size', { maxArtifactBytes: -1 }],
] as const) {
  test(`${name} is refused`, () => {
    assert.throws(() => resolveHostConfig({ ...minimal, ...change }), { code: 'ERR_HOST_CONFIG_INVALID' });
  });
}

test('labels tell the machine in the words of v1, and the operator has the last one', () => {
  assert.deepEqual(hostLabels({ zone: 'x', 'hostcore.os': 'mine' }, { arch: 'arm64', platform: 'darwin' }), {
    'hostcore.arch': 'aarch64',
    'hostcore.os': 'mine',
    'hostcore.osfamily': 'unix',
    zone: 'x',
  });
  assert.deepEqual(hostLabels({}, { arch: 'x64', platform: 'linux' }), {
    'hostcore.arch': 'x86_64',
    'hostcore.os': 'linux',
    'hostcore.osfamily': 'unix',
  });
});
