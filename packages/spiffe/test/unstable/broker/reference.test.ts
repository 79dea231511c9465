import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parseBrokerAddress } from '../../../src/unstable/broker/endpoint.ts';
import { encodeReference } from '../../../src/unstable/broker/reference.ts';
import type { KubernetesObject, WorkloadReference } from '../../../src/unstable/index.ts';
import { kubernetesObjectReference, workloadPidReference } from '../../../src/wire/index.ts';

const uid = '01234567-89ab-cdef-0123-456789abcdef';
const local = { isRemote: false };

test('a process is referred to by its ID, and never over a network', () => {
  const { typeUrl, value } = encodeReference({ pid: 4711 }, local);
  assert.equal(typeUrl, 'type.googleapis.com/spiffe.broker.WorkloadPIDReference');
  assert.deepEqual(workloadPidReference.decode(value), { pid: 4711 });
  for (const pid of [0, -1, 1.5, 2 ** 31, Number.NaN]) {
    assert.throws(() => encodeReference({ pid }, local), { code: 'ERR_WORKLOAD_REFERENCE' });
  }
  assert.throws(() => encodeReference({ pid: 4711 }, { isRemote: true }), { code: 'ERR_WORKLOAD_REFERENCE' });
});

test('an object of Kubernetes is referred to by name, UID or both, also over a network', () => {
  const encode = (kubernetes: KubernetesObject): unknown => {
    const { typeUrl, value } = encodeReference({ kubernetes }, { isRemote: true });
    assert.equal(typeUrl, 'type.googleapis.com/spiffe.broker.KubernetesObjectReference');
    return kubernetesObjectReference.decode(value);
  };
  assert.deepEqual(encode({ plural: 'pods', namespace: 'shop', name: 'web', uid }), {
    type: { plural: 'pods', group: 'core' },
    key: { namespace: 'shop', name: 'web' },
    uid,
  });
  assert.deepEqual(encode({ plural: 'deployments', group: 'apps', uid }), {
    type: { plural: 'deployments', group: 'apps' },
    key: undefined,
    uid,
  });
  assert.deepEqual(encode({ plural: 'nodes', name: 'one' }), {
    type: { plural: 'nodes', group: 'core' },
    key: { namespace: '', name: 'one' },
    uid: '',
  });
  for (const bad of [
    { plural: '', name: 'a' },
    { plural: 'pods', group: '', name: 'a' },
    { plural: 'pods' },
    { plural: 'pods', name: '' },
    { plural: 'pods', namespace: 'shop' },
    { plural: 'pods', namespace: 'shop', uid },
    { plural: 'pods', uid: 'not-a-uuid' },
  ]) {
    assert.throws(() => encode(bad), { code: 'ERR_WORKLOAD_REFERENCE' }, JSON.stringify(bad));
  }
});

test('a vendor may refer by a message of its own', () => {
  const reference: WorkloadReference = {
    typeUrl: 'type.googleapis.com/vendor.Component',
    value: Uint8Array.of(1),
  };
  assert.deepEqual(encodeReference(reference, { isRemote: true }), reference);
  for (const typeUrl of ['', 'vendor.Component', 'a b/c', '/x', 'x/']) {
    assert.throws(() => encodeReference({ typeUrl, value: new Uint8Array(0) }, local), {
      code: 'ERR_WORKLOAD_REFERENCE',
    });
  }
  assert.throws(() => encodeReference({ ...reference, value: new Uint8Array(40_000) }, local), {
    code: 'ERR_WORKLOAD_REFERENCE',
  });
});

test('an endpoint is a unix socket, or a port of an IP address or DNS name', () => {
  assert.deepEqual(parseBrokerAddress('unix:///run/broker.sock'), { path: '/run/broker.sock' });
  assert.deepEqual(parseBrokerAddress('tcp://127.0.0.1:8443'), { host: '127.0.0.1', port: 8443 });
  assert.deepEqual(parseBrokerAddress('tcp://[::1]:1'), { host: '::1', port: 1 });
  assert.deepEqual(parseBrokerAddress('tcp://broker.example.org:65535'), {
    host: 'broker.example.org',
    port: 65_535,
  });
  for (const address of [
    undefined,
    '',
    'unix:relative',
    'unix://host/path',
    'http://host:1',
    'tcp:host:1',
    'tcp://host',
    'tcp://host:0',
    'tcp://host:65536',
    'tcp://host:1/',
    'tcp://host:1?a',
    'tcp://user@host:1',
    'tcp://-host:1',
    'tcp://ho_st:1',
    'tcp://[::1:1',
    'tcp://::1:1',
    `tcp://${'a.'.repeat(130)}a:1`,
  ]) {
    assert.throws(() => parseBrokerAddress(address), { code: 'ERR_ENDPOINT_ADDRESS' }, address);
  }
});
