import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  brokerJwtSvidRequest,
  encodeErrorInfo,
  findErrorInfo,
  kubernetesObjectReference,
  subscribeRequest,
  workloadPidReference,
} from '../../../src/wire/index.ts';

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

test('references and requests have the field numbers of brokerapi.proto', () => {
  assert.equal(hex(workloadPidReference.encode({ pid: 300 })), '08ac02');
  const object = { type: { plural: 'p', group: 'g' }, key: { namespace: 'n', name: 'm' }, uid: 'u' };
  assert.equal(hex(kubernetesObjectReference.encode(object)), '0a060a017012016712060a016e12016d1a0175');
  const reference = { reference: { typeUrl: 't', value: Uint8Array.of(7) } };
  const encoded = '0a080a060a0174120107';
  assert.equal(hex(subscribeRequest.encode({ reference })), encoded);
  const request = { reference, audience: ['a', 'b'], spiffeId: 'i' };
  assert.equal(hex(brokerJwtSvidRequest.encode(request)), `${encoded}1201611201621a0169`);
  assert.deepEqual(brokerJwtSvidRequest.decode(brokerJwtSvidRequest.encode(request)), {
    ...request,
    reference: { reference: { typeUrl: 't', value: Buffer.of(7) } },
  });
});

test('ErrorInfo is found by its domain, and details that cannot be read hold none', () => {
  const details = encodeErrorInfo(5, 'gone', { reason: 'WORKLOAD_NOT_FOUND', domain: 'spiffe.io' });
  assert.deepEqual(findErrorInfo(details, 'spiffe.io'), {
    reason: 'WORKLOAD_NOT_FOUND',
    domain: 'spiffe.io',
  });
  assert.equal(findErrorInfo(details, 'other.example'), undefined);
  assert.equal(findErrorInfo(undefined, 'spiffe.io'), undefined);
  for (let length = 1; length < details.length; length += 1) {
    assert.equal(findErrorInfo(details.subarray(0, length), 'spiffe.io'), undefined, String(length));
  }
});
