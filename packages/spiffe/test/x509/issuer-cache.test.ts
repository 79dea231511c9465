import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createTestCa, nameConstraintsExtension } from '@muster/testing';
import type { TestCa } from '@muster/testing';

import { verifyX509Svid, X509Bundle } from '../../src/index.ts';
import { parseCertificate } from '../../src/x509/certificate.ts';
import { IssuerCache } from '../../src/x509/issuer-cache.ts';

const NOW = Date.UTC(2030, 5, 1);
const HOUR_MS = 3_600_000;
const ID = 'spiffe://example.org/workload';
const root = createTestCa('example.org', NOW);
const bundle = root.bundle;

function chainOf(ca: TestCa, id: string = ID): Uint8Array[] {
  return ca.issueX509Svid(id).certificates.map((bytes) => Uint8Array.from(bytes));
}

function verify(chain: readonly Uint8Array[], from: X509Bundle = bundle, now: number = NOW): void {
  verifyX509Svid(chain, from, { now });
}

/** An intermediate that this bundle has seen already, and which therefore is remembered. */
function knownIntermediate(...parameters: Parameters<TestCa['createIntermediate']>): TestCa {
  const intermediate = root.createIntermediate(...parameters);
  verify(chainOf(intermediate));
  return intermediate;
}

function withFlippedEnd(bytes: Uint8Array): Uint8Array {
  const changed = Uint8Array.from(bytes);
  changed[changed.length - 1]! ^= 1;
  return changed;
}

test('the intermediates of a verified path are remembered by their bytes, and the leaf is not', () => {
  const cache = new IssuerCache();
  const upper = root.createIntermediate();
  const [leafBytes, lowerBytes, upperBytes] = upper.createIntermediate().issueX509Svid(ID).certificates;
  const [leaf, anchor] = [parseCertificate(leafBytes!), bundle.certificates[0]!];
  const [lower, higher] = [cache.parse(lowerBytes!), cache.parse(upperBytes!)];
  assert.notEqual(cache.parse(lowerBytes!), lower, 'nothing is remembered before a path was verified');
  cache.keep([leaf, lower, higher, anchor]);
  assert.equal(cache.parse(Uint8Array.from(lowerBytes!)), lower);
  assert.equal(cache.parse(upperBytes!), higher);
  assert.notEqual(cache.parse(leafBytes!), leaf);
  assert.deepEqual(
    [cache.isLink(lower, higher), cache.isLink(higher, anchor), cache.isLink(leaf, lower)],
    [true, true, false],
  );
  assert.equal(cache.isLink(lower, anchor), false);
  assert.equal(cache.isLink(higher, parseCertificate(root.certificate)), false, 'an equal issuer is another');
});

test('not more than 64 intermediates are remembered, and none above 8 KiB', () => {
  const cache = new IssuerCache();
  const anchor = bundle.certificates[0]!;
  const shared = createTestCa('example.org', NOW).keyPair;
  const leaf = parseCertificate(root.issueX509Svid(ID).certificates[0]!);
  const certificates = Array.from(
    { length: 65 },
    () => root.createIntermediate({ keyPair: shared }).certificate,
  );
  const parsed = certificates.map((bytes) => cache.parse(bytes));
  for (const certificate of parsed) cache.keep([leaf, certificate, anchor]);
  const remembered = certificates.filter((bytes, index) => cache.parse(bytes) === parsed[index]);
  assert.equal(remembered.length, 1, 'the 65th begins anew');
  const names = Array.from(
    { length: 200 },
    (_, at) => `${at}.a-name-that-is-long-enough.for-eight-kib.example`,
  );
  const large = root.createIntermediate({
    extraExtensions: [nameConstraintsExtension({ permittedUris: names })],
  }).certificate;
  const big = cache.parse(large);
  cache.keep([leaf, big, anchor]);
  assert.ok(large.length > 8192);
  assert.notEqual(cache.parse(large), big);
});

test('an intermediate that only ends in the bytes of a remembered one is another', () => {
  const [leaf, intermediate] = chainOf(knownIntermediate());
  for (const at of [60, 200, intermediate!.length - 40]) {
    const changed = Uint8Array.from(intermediate!);
    changed[at]! ^= 1;
    assert.throws(() => verify([leaf!, changed]), { code: /^ERR_/ }, String(at));
  }
  const cache = new IssuerCache();
  const known = cache.parse(intermediate!);
  cache.keep([parseCertificate(leaf!), known, bundle.certificates[0]!]);
  const changed = Uint8Array.from(intermediate!);
  changed[intermediate!.length - 30]! ^= 1;
  assert.equal(cache.parse(intermediate!), known);
  assert.notEqual(cache.parse(changed), known);
  cache.keep([parseCertificate(leaf!), cache.parse(changed), bundle.certificates[0]!]);
  assert.equal(cache.parse(intermediate!), known, 'the first stays');
});

test('A29 a remembered intermediate still expires', () => {
  const intermediate = knownIntermediate({ expiresAt: NOW + HOUR_MS / 2 });
  assert.throws(() => verify(chainOf(intermediate), bundle, NOW + HOUR_MS / 2 + 1), {
    code: 'ERR_CA_EXPIRED',
  });
  assert.throws(() => verify(chainOf(intermediate), bundle, NOW - HOUR_MS / 8), {
    code: 'ERR_SVID_NOT_YET_VALID',
  });
});

test('a remembered intermediate vouches for no other bundle, not even for one of the same name', () => {
  const subject = parseCertificate(root.certificate).subject;
  const impostor = createTestCa('example.org', NOW, { subject });
  const chain = chainOf(knownIntermediate());
  assert.throws(() => verify(chain, impostor.bundle), { code: 'ERR_CA_SIGNATURE' });
  verify(chain);
});

test('A55 an authority that has left the bundle is forgotten with all that it signed', () => {
  const staying = createTestCa('example.org', NOW);
  const both = X509Bundle.fromAuthorities(root.trustDomain, [root.certificate, staying.certificate]);
  const chain = chainOf(root.createIntermediate());
  verify(chain, both);
  verify(chain, both);
  const rest = X509Bundle.fromAuthorities(root.trustDomain, [staying.certificate]);
  assert.throws(() => verify(chain, rest), { code: 'ERR_SVID_UNTRUSTED' });
});

test('one other bit in a remembered intermediate, and it is another one', () => {
  const [leaf, intermediate] = chainOf(knownIntermediate());
  assert.throws(() => verify([leaf!, withFlippedEnd(intermediate!)]), { code: 'ERR_CA_SIGNATURE' });
  verify([leaf!, intermediate!]);
});

test('the signature of a leaf is checked each time, also of one seen before', () => {
  const [leaf, intermediate] = chainOf(knownIntermediate());
  verify([leaf!, intermediate!]);
  assert.throws(() => verify([withFlippedEnd(leaf!), intermediate!]), { code: 'ERR_CA_SIGNATURE' });
});

test('a leaf that names a remembered intermediate but is signed by somebody else is refused', () => {
  const intermediate = knownIntermediate();
  const [, certificate] = chainOf(intermediate);
  const impostor = createTestCa('example.org', NOW, { subject: parseCertificate(certificate!).subject });
  const [leaf] = chainOf(impostor);
  assert.throws(() => verify([leaf!, certificate!]), { code: 'ERR_CA_SIGNATURE' });
});

test('name constraints and path length of a remembered intermediate are checked each time', () => {
  const constrained = root.createIntermediate({
    pathLength: 0,
    extraExtensions: [nameConstraintsExtension({ permittedUris: ['example.org'] })],
  });
  verify(chainOf(constrained));
  assert.throws(
    () => verify(constrained.issueX509Svid(ID, { dnsNames: [], uris: [ID] }).certificates.slice(0, 1)),
    {
      code: 'ERR_SVID_UNTRUSTED',
    },
  );
  assert.throws(() => verify(chainOf(constrained.createIntermediate())), { code: 'ERR_CA_PATH_LENGTH' });
  const excluding = root.createIntermediate({
    extraExtensions: [nameConstraintsExtension({ permittedDnsNames: ['good.example'] })],
  });
  verify(excluding.issueX509Svid(ID, { dnsNames: ['good.example'] }).certificates);
  assert.throws(() => verify(excluding.issueX509Svid(ID, { dnsNames: ['bad.example'] }).certificates), {
    code: /^ERR_CA_NAME_/,
  });
});

test('what is remembered does not change with the buffer of the caller', () => {
  const intermediate = root.createIntermediate();
  const chain = chainOf(intermediate);
  verify(chain);
  const copy = chain.map((bytes) => Uint8Array.from(bytes));
  chain[1]![chain[1]!.length - 30]! ^= 1;
  assert.throws(() => verify(chain), { code: 'ERR_CA_SIGNATURE' });
  chain[1]!.fill(0);
  verify(copy);
  assert.throws(() => verify(chain), { code: 'ERR_CERTIFICATE_MALFORMED' });
});
