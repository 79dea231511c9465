import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import {
  readDer,
  readDerBitString,
  readDerBoolean,
  readDerChildren,
  readDerOid,
  DER_TAG,
} from '@muster/spiffe/wire';
import { X509Authority } from '../../src/ca/x509-authority.ts';

const NOW = Date.UTC(2026, 5, 1, 12, 0, 0, 900);
const ID = 'spiffe://muster.internal/callout';

interface Extension {
  readonly isCritical: boolean;
  readonly value: Uint8Array;
}

function extensionsOf(certificate: Uint8Array): ReadonlyMap<string, Extension> {
  const [toBeSigned] = readDerChildren(readDer(certificate), DER_TAG.SEQUENCE);
  assert.ok(toBeSigned);
  const last = readDerChildren(toBeSigned, DER_TAG.SEQUENCE).at(-1);
  assert.ok(last);
  const list = readDerChildren(readDer(last.contents), DER_TAG.SEQUENCE);
  return new Map(
    list.map((element) => {
      const [oid, second, third] = readDerChildren(element, DER_TAG.SEQUENCE);
      assert.ok(oid && second);
      return third === undefined
        ? [readDerOid(oid), { isCritical: false, value: second.contents }]
        : [readDerOid(oid), { isCritical: readDerBoolean(second), value: third.contents }];
    }),
  );
}

describe('X509Authority', () => {
  const authority = X509Authority.create('spiffe://muster.internal', NOW, 3_600_000);
  const issuer = new X509Certificate(authority.certificate);

  it('makes a self-signed signing certificate without a path in its SPIFFE ID', () => {
    assert.equal(issuer.ca, true);
    assert.equal(issuer.subjectAltName, 'URI:spiffe://muster.internal');
    assert.ok(issuer.verify(issuer.publicKey));
    assert.ok(issuer.checkIssued(issuer));
    const usage = extensionsOf(authority.certificate).get('2.5.29.15');
    assert.equal(usage?.isCritical, true);
    assert.deepEqual([...readDerBitString(readDer(usage.value)).bytes], [0b0000_0110]);
    assert.equal(extensionsOf(authority.certificate).get('2.5.29.19')?.isCritical, true);
  });

  it('gives each authority a subject of its own', () => {
    const other = new X509Certificate(
      X509Authority.create('spiffe://muster.internal', NOW, 3_600_000).certificate,
    );
    assert.notEqual(other.subject, issuer.subject);
    assert.match(issuer.subject, /serialNumber=\d+/);
  });

  it('issues a leaf that its certificate verifies', () => {
    const svid = authority.issue(ID, [], NOW, NOW + 60_000);
    const leaf = new X509Certificate(svid.certificate);
    assert.equal(leaf.ca, false);
    assert.equal(leaf.subjectAltName, `URI:${ID}`);
    assert.ok(leaf.checkIssued(issuer));
    assert.ok(leaf.verify(issuer.publicKey));
    assert.deepEqual([...(leaf.keyUsage ?? [])].sort(), ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
    assert.equal(leaf.serialNumber.toLowerCase(), svid.serial);
  });

  it('marks key usage critical and grants neither certificate nor CRL signing to a leaf', () => {
    const extensions = extensionsOf(authority.issue(ID, [], NOW, NOW + 60_000).certificate);
    const usage = extensions.get('2.5.29.15');
    assert.equal(usage?.isCritical, true);
    assert.deepEqual([...readDerBitString(readDer(usage.value)).bytes], [0b1010_1000]);
    assert.deepEqual([...(extensions.get('2.5.29.19')?.value ?? [])], [0x30, 0x00], 'no CA');
    assert.deepEqual([...extensions.keys()].sort(), [
      '2.5.29.14',
      '2.5.29.15',
      '2.5.29.17',
      '2.5.29.19',
      '2.5.29.35',
      '2.5.29.37',
    ]);
  });

  it('puts DNS names beside the SPIFFE ID and the first one into the subject', () => {
    const svid = authority.issue(ID, ['a.example', 'b.example'], NOW, NOW + 60_000);
    const leaf = new X509Certificate(svid.certificate);
    assert.equal(leaf.subjectAltName, `URI:${ID}, DNS:a.example, DNS:b.example`);
    assert.match(leaf.subject, /CN=a\.example/);
  });

  it('begins ten seconds early and ends when asked, in whole seconds', () => {
    const svid = authority.issue(ID, [], NOW, NOW + 10_000);
    assert.equal(svid.notBeforeAt, Date.UTC(2026, 5, 1, 11, 59, 50));
    assert.equal(svid.expiresAt, Date.UTC(2026, 5, 1, 12, 0, 10));
    const leaf = new X509Certificate(svid.certificate);
    assert.equal(leaf.validFromDate.getTime(), svid.notBeforeAt);
    assert.equal(leaf.validToDate.getTime(), svid.expiresAt);
  });

  it('never lets a leaf begin before or end after the authority', () => {
    const svid = authority.issue(ID, [], NOW, NOW + 86_400_000);
    assert.equal(svid.expiresAt, authority.expiresAt);
    const late = authority.issue(ID, [], authority.notBeforeAt, NOW + 1000);
    assert.equal(late.notBeforeAt, authority.notBeforeAt);
  });

  it('writes instants after 2049 as GeneralizedTime', () => {
    const at = Date.UTC(2050, 0, 2);
    const future = X509Authority.create('spiffe://muster.internal', at, 3_600_000);
    assert.equal(new X509Certificate(future.certificate).validToDate.getTime(), at + 3_600_000);
  });

  it('gives every leaf a key and a serial number of its own', () => {
    const svids = Array.from({ length: 50 }, () => authority.issue(ID, [], NOW, NOW + 60_000));
    assert.equal(new Set(svids.map((svid) => svid.serial)).size, 50);
    assert.equal(new Set(svids.map((svid) => Buffer.from(svid.privateKey).toString('hex'))).size, 50);
    for (const { serial } of svids) assert.match(serial, /^01[0-9a-f]{32}$/);
  });
});
