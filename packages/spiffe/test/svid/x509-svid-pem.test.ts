import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { createTestCa, generateEcKeyPair } from '@muster/testing';
import * as fc from 'fast-check';

import {
  isSpiffeError,
  loadX509Svid,
  marshalCertificatesPem,
  marshalPrivateKeyPem,
  marshalX509SvidDer,
  marshalX509SvidPem,
  parseX509Svid,
  parseX509SvidPem,
} from '../../src/index.ts';
import type { X509Svid } from '../../src/index.ts';

const ID = 'spiffe://example.org/workload';
const ca = createTestCa();
const issued = ca.createIntermediate().issueX509Svid(ID);
const svid = parseX509Svid(issued.chainDer, issued.keyDer);
const chain = marshalCertificatesPem(svid);
const key = marshalPrivateKeyPem(svid);
const directory = mkdtempSync(join(tmpdir(), 'x509-svid-pem-'));
after(() => {
  rmSync(directory, { recursive: true });
});

function assertSame(one: X509Svid, other: X509Svid = svid): void {
  assert.ok(one.id.equals(other.id));
  assert.deepEqual(one.certificates.map(Buffer.from), other.certificates.map(Buffer.from));
  assert.ok(one.privateKey.equals(other.privateKey));
}

test('PEM and DER come back as they were written, for each kind of key', () => {
  for (const keyPair of [
    generateEcKeyPair('P-384'),
    generateEcKeyPair('P-521'),
    generateKeyPairSync('ed25519'),
    generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ]) {
    const each = ca.issueX509Svid(ID, { keyPair });
    const parsed = parseX509Svid(each.chainDer, each.keyDer);
    assertSame(parseX509SvidPem(marshalX509SvidPem(parsed)), parsed);
    const { chain: chainDer, privateKey } = marshalX509SvidDer(parsed);
    assertSame(parseX509Svid(chainDer, privateKey), parsed);
  }
});

test('what is marshalled is read by OpenSSL, the leaf first', () => {
  const pem = marshalX509SvidPem(svid);
  assert.deepEqual(new X509Certificate(pem).raw, Buffer.from(svid.certificates[0]!));
  assert.ok(createPrivateKey(pem).equals(svid.privateKey));
  assert.ok(
    createPrivateKey({
      key: Buffer.from(marshalX509SvidDer(svid).privateKey),
      format: 'der',
      type: 'pkcs8',
    }).equals(svid.privateKey),
  );
});

test('key and certificates may come in any order, in one text or two, as text or as bytes', () => {
  const [leaf, intermediate] = chain.match(/-----BEGIN[^]+?-----END CERTIFICATE-----\n/g) as [string, string];
  for (const pem of [chain + key, key + chain, leaf + key + intermediate]) {
    assertSame(parseX509SvidPem(pem));
    assertSame(parseX509SvidPem(Buffer.from(pem)));
  }
  assertSame(parseX509SvidPem(chain, { key }));
  assertSame(parseX509SvidPem(key, { key: chain }));
  assert.equal(parseX509SvidPem(chain + key, { hint: 'internal' }).hint, 'internal');
  assertSame(parseX509SvidPem((key + chain).replaceAll('\n', '\r\n')));
  assertSame(parseX509SvidPem((key + chain).trimEnd()));
});

test('A35 text around the blocks is passed over', () => {
  const text = `Bag Attributes\n  friendlyName: web\nsubject=CN = web\n${key}\n\n# the chain\n${chain}trailer`;
  assertSame(parseX509SvidPem(text));
});

const broken: [string, string, string][] = [
  ['A35 two keys', key + key + chain, 'ERR_FILE_MALFORMED'],
  [
    'A35 the key of another beside the own',
    marshalPrivateKeyPem(svidOf()) + key + chain,
    'ERR_FILE_MALFORMED',
  ],
  ['no key', chain, 'ERR_FILE_MALFORMED'],
  ['no certificate', key, 'ERR_SVID_CHAIN_EMPTY'],
  ['nothing', '', 'ERR_FILE_MALFORMED'],
  ['no PEM', 'spiffe://example.org/workload', 'ERR_FILE_MALFORMED'],
  ['another key', marshalPrivateKeyPem(svidOf()) + chain, 'ERR_SVID_KEY_MISMATCH'],
  [
    'a key in SEC 1',
    chain + issued.privateKey.export({ format: 'pem', type: 'sec1' }).toString(),
    'ERR_FILE_MALFORMED',
  ],
  ['an encrypted key', chain + encrypted(), 'ERR_FILE_MALFORMED'],
  [
    'a public key',
    chain + key + ca.keyPair.publicKey.export({ format: 'pem', type: 'spki' }).toString(),
    'ERR_FILE_MALFORMED',
  ],
  [
    'a trusted certificate',
    `${chain.replaceAll('CERTIFICATE', 'TRUSTED CERTIFICATE')}${key}`,
    'ERR_FILE_MALFORMED',
  ],
  ['a block that does not end', (key + chain).slice(0, -20), 'ERR_FILE_MALFORMED'],
  ['a block cut off', (key + chain).slice(0, -80), 'ERR_FILE_MALFORMED'],
  ['a block that does not begin', chain.slice(30) + key, 'ERR_FILE_MALFORMED'],
  ['a block in a block', key.replace('\n', `\n${chain}`), 'ERR_FILE_MALFORMED'],
  [
    'an end of another label',
    chain.replace('END CERTIFICATE', 'END PRIVATE KEY') + key,
    'ERR_FILE_MALFORMED',
  ],
  ['headers in a block', key.replace('\n', '\nProc-Type: 4,ENCRYPTED\n\n') + chain, 'ERR_FILE_MALFORMED'],
  ['other characters in a block', chain.replace('MII', 'M*I') + key, 'ERR_FILE_MALFORMED'],
  ['an empty block', `-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n${key}`, 'ERR_FILE_MALFORMED'],
  ['four dashes', chain.replace('-----BEGIN', '----BEGIN') + key, 'ERR_FILE_MALFORMED'],
  ['nine certificates', chain + chain + chain + chain + chain + key, 'ERR_CERTIFICATE_MALFORMED'],
  ['A35 more than 1 MiB', key + chain + '\n'.repeat(1024 * 1024), 'ERR_FILE_MALFORMED'],
  ['A35 1001 blocks', '-----BEGIN X-----\nAAAA\n-----END X-----\n'.repeat(1001), 'ERR_FILE_MALFORMED'],
];
for (const [name, pem, code] of broken) {
  test(`refuses PEM: ${name}`, () => {
    assert.throws(
      () => parseX509SvidPem(pem),
      (error) => isSpiffeError(error) && error.code === code && !error.message.includes('MII'),
    );
  });
}

test('A35 line breaks without end, and lines without break, take no time to speak of', () => {
  for (const unit of ['\r\n', '\r', ' ', '\t', '-\n', '-----BEGIN ', 'A', '=']) {
    const bomb = unit.repeat(Math.floor(1_000_000 / unit.length));
    for (const pem of [
      bomb,
      key.replace('\n', `\n${bomb}`),
      chain.replace('-----END', `${bomb}\n-----END`),
    ]) {
      assert.throws(() => parseX509SvidPem(pem), isSpiffeError);
    }
  }
});

test('whatever is changed in the text: the same SVID or the own error', () => {
  const text = key + chain;
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.string({ unit: 'binary', maxLength: 3 }), (at, replacement) => {
      try {
        assertSame(parseX509SvidPem(text.slice(0, at) + replacement + text.slice(at + 1)));
      } catch (error) {
        // A certificate whose signature or serial number has changed is still one, as long as nobody verifies it.
        assert.ok(
          isSpiffeError(error) || (error as { code?: string }).code === 'ERR_ASSERTION',
          String(error),
        );
      }
    }),
    { numRuns: 200 },
  );
});

test('loads an SVID from one file or two', async () => {
  const [both, certificates, keys] = ['both.pem', 'chain.pem', 'key.pem'].map((name) =>
    join(directory, name),
  ) as [string, string, string];
  writeFileSync(both, marshalX509SvidPem(svid));
  writeFileSync(certificates, chain);
  writeFileSync(keys, key);
  assertSame(await loadX509Svid(both));
  assertSame(await loadX509Svid(certificates, { keyPath: keys }));
  assert.equal((await loadX509Svid(both, { hint: 'h' })).hint, 'h');
  await assert.rejects(loadX509Svid(certificates), { code: 'ERR_FILE_MALFORMED' });
  await assert.rejects(loadX509Svid(join(directory, 'missing')), { code: 'ERR_FILE_READ' });
  await assert.rejects(loadX509Svid(directory), { code: 'ERR_FILE_READ' });
});

function svidOf(): X509Svid {
  const other = ca.issueX509Svid(ID);
  return parseX509Svid(other.chainDer, other.keyDer);
}

function encrypted(): string {
  return issued.privateKey
    .export({ format: 'pem', type: 'pkcs8', cipher: 'aes-128-cbc', passphrase: 'x' })
    .toString();
}
