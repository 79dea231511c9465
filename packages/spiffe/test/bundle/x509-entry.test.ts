import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createTestCa, generateEcKeyPair } from '@muster/testing';

import { marshalSpiffeBundle, parseSpiffeBundle, TrustDomain } from '../../src/index.ts';

test('an x5c whose certificate has another key than the entry says, or a kty that is not known, is passed over', () => {
  const td = TrustDomain.parse('example.org');
  const { certificate } = createTestCa('example.org');
  const text = marshalSpiffeBundle({ x509Authorities: [certificate], jwtAuthorities: [] });
  const [entry] = (JSON.parse(text) as { keys: object[] }).keys;
  const other = generateEcKeyPair().publicKey.export({ format: 'jwk' });
  const changes = [other, { kty: 'example' }, { kty: undefined }, { crv: 'P-384' }];
  const keys = [...changes.map((change) => ({ ...entry, ...change })), entry];
  const bundle = parseSpiffeBundle(td, JSON.stringify({ keys }));
  assert.equal(bundle.x509Bundle.authorities.length, 1);
  assert.equal(bundle.ignored.length, changes.length);
});
