import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { inspect } from 'node:util';

import { createTestCa, KEY_USAGE } from '@muster/testing';
import * as fc from 'fast-check';

import {
  isSpiffeError,
  marshalCertificatesPem,
  marshalPrivateKeyPem,
  parseX509Svid,
} from '../../src/index.ts';

const ID = 'spiffe://example.org/workload';
const ca = createTestCa();
const good = ca.createIntermediate().issueX509Svid(ID);

test('reads chain, key, times and hint', () => {
  const svid = parseX509Svid(good.chainDer, good.keyDer, { hint: 'internal' });
  assert.equal(svid.id.toString(), ID);
  assert.equal(svid.certificates.length, 2);
  assert.equal(svid.hint, 'internal');
  assert.equal(svid.expiresAt, new X509Certificate(good.certificates[0]!).validToDate.getTime());
  assert.ok(svid.notBeforeAt < svid.expiresAt);
  assert.equal(parseX509Svid(good.chainDer, good.keyDer).hint, undefined);
});

test('does not depend on the input afterwards', () => {
  const chain = Uint8Array.from(good.chainDer);
  const svid = parseX509Svid(chain, good.keyDer);
  chain.fill(0);
  assert.deepEqual(Buffer.from(svid.certificates[0]!), Buffer.from(good.certificates[0]!));
});

test('the key does not show in JSON nor when inspected', () => {
  const svid = parseX509Svid(good.chainDer, good.keyDer);
  for (const text of [
    JSON.stringify(svid),
    inspect(svid),
    inspect({ deep: [svid] }, { depth: 9, showHidden: true }),
  ]) {
    assert.match(text, /spiffe:\/\/example\.org\/workload/);
    assert.doesNotMatch(text, /privateKey|PRIVATE/);
  }
});

test('marshals PEM that OpenSSL reads', () => {
  const svid = parseX509Svid(good.chainDer, good.keyDer);
  const pem = marshalCertificatesPem(svid);
  assert.equal(pem.match(/-----BEGIN CERTIFICATE-----\n/g)?.length, 2);
  assert.deepEqual(new X509Certificate(pem).raw, Buffer.from(good.certificates[0]!));
  assert.ok(pem.split('\n').every((line) => line.length <= 64));
  assert.ok(createPrivateKey(marshalPrivateKeyPem(svid)).equals(svid.privateKey));
});

test('refuses an empty chain, a broken one and one without end', () => {
  assert.throws(() => parseX509Svid(new Uint8Array(0), good.keyDer), { code: 'ERR_SVID_CHAIN_EMPTY' });
  assert.throws(() => parseX509Svid(good.chainDer.subarray(0, -1), good.keyDer), {
    code: 'ERR_CERTIFICATE_MALFORMED',
  });
  const many = Buffer.concat(Array.from({ length: 9 }, () => good.certificates[0]!));
  assert.throws(() => parseX509Svid(many, good.keyDer), { code: 'ERR_CERTIFICATE_MALFORMED' });
});

test('refuses a leaf that is none, and an intermediate that is none', () => {
  const asCa = ca.issueX509Svid(ID, { isCa: true });
  assert.throws(() => parseX509Svid(asCa.chainDer, asCa.keyDer), { code: 'ERR_SVID_LEAF_IS_CA' });
  const leaf = ca.issueX509Svid(ID);
  const twoLeaves = Buffer.concat([leaf.chainDer, good.certificates[0]!]);
  assert.throws(() => parseX509Svid(twoLeaves, leaf.keyDer), { code: 'ERR_CA_NOT_CA' });
  const weak = ca.createIntermediate({ keyUsage: [KEY_USAGE.digitalSignature] }).issueX509Svid(ID);
  assert.throws(() => parseX509Svid(weak.chainDer, weak.keyDer), { code: 'ERR_CA_KEY_CERT_SIGN' });
});

test('refuses an intermediate whose key peers would refuse', () => {
  const keyPair = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const { chainDer, keyDer } = ca.createIntermediate({ keyPair }).issueX509Svid(ID);
  assert.throws(() => parseX509Svid(chainDer, keyDer), { code: 'ERR_CERTIFICATE_KEY' });
});

test('refuses the key of another certificate and one of another kind', () => {
  const other = ca.issueX509Svid(ID);
  assert.throws(() => parseX509Svid(good.chainDer, other.keyDer), { code: 'ERR_SVID_KEY_MISMATCH' });
  const ed25519 = generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' });
  assert.throws(() => parseX509Svid(good.chainDer, ed25519), { code: 'ERR_SVID_KEY_MISMATCH' });
});

test('refuses keys in another form, and says nothing of them', () => {
  const sec1 = good.privateKey.export({ format: 'der', type: 'sec1' });
  const encrypted = good.privateKey.export({
    format: 'der',
    type: 'pkcs8',
    cipher: 'aes-128-cbc',
    passphrase: 'x',
  });
  const pem = Buffer.from(good.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string);
  const trailing = Buffer.concat([good.keyDer, Buffer.from([0])]);
  const publicKey = ca.keyPair.publicKey.export({ format: 'der', type: 'spki' });
  for (const key of [sec1, encrypted, pem, trailing, publicKey, new Uint8Array(0), Buffer.from('null')]) {
    assert.throws(
      () => parseX509Svid(good.chainDer, key),
      (error) => isSpiffeError(error) && error.code === 'ERR_SVID_KEY_MALFORMED' && error.cause === undefined,
    );
  }
});

test('whatever byte of the key is changed: refused, or still the same key', () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 0, max: 255 }), (position, byte) => {
      const key = Buffer.from(good.keyDer);
      key[position % key.length] = byte;
      try {
        parseX509Svid(good.chainDer, key);
      } catch (error) {
        assert.ok(isSpiffeError(error), String(error));
      }
    }),
    { numRuns: 300 },
  );
});
