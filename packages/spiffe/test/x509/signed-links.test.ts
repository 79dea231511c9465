import assert from 'node:assert/strict';
import { mock, test } from 'node:test';

import {
  basicConstraintsExtension,
  buildCertificate,
  createTestCa,
  distinguishedName,
  generateEcKeyPair,
  KEY_USAGE,
  keyUsageExtension,
} from '@muster/testing';

import { verifyX509Svid } from '../../src/index.ts';
import type { X509Bundle } from '../../src/index.ts';
import { Certificate, parseCertificate } from '../../src/x509/certificate.ts';
import { IssuerCache } from '../../src/x509/issuer-cache.ts';
import { SignedLinks } from '../../src/x509/signed-links.ts';

const NOW = Date.UTC(2030, 5, 1);
const ID = 'spiffe://example.org/workload';
const root = createTestCa('example.org', NOW);

/** How many signatures are checked for a chain, and the code of the refusal. */
function count(chain: readonly Uint8Array[], bundle: X509Bundle = root.bundle): [number, string] {
  const checked = mock.method(Certificate.prototype, 'isSignedBy');
  try {
    verifyX509Svid(chain, bundle, { now: NOW });
    return [checked.mock.callCount(), 'verified'];
  } catch (error) {
    return [checked.mock.callCount(), (error as { code: string }).code];
  } finally {
    checked.mock.restore();
  }
}

/** A leaf and authorities that all have the same name and key, so that each may have signed each. */
function madeUp(subject: Uint8Array): Uint8Array[] {
  const keyPair = generateEcKeyPair();
  const own = createTestCa('example.org', NOW, { keyPair, subject });
  const authorities = Array.from({ length: 7 }, () =>
    buildCertificate({
      subject,
      issuer: subject,
      publicKey: keyPair.publicKey,
      signingKey: keyPair.privateKey,
      notBeforeAt: NOW - 1000,
      expiresAt: NOW + 1000,
      extensions: [basicConstraintsExtension(true), keyUsageExtension([KEY_USAGE.keyCertSign])],
    }),
  );
  return [...own.issueX509Svid(ID).certificates, ...authorities];
}

test('A17 no signature is checked of a chain that somebody made up himself', () => {
  assert.deepEqual(count(madeUp(distinguishedName({ commonName: 'made up' }))), [0, 'ERR_SVID_UNTRUSTED']);
});

test('A17 a made-up chain that takes the name of an authority costs one check for each certificate', () => {
  const { subject } = parseCertificate(root.certificate);
  assert.deepEqual(count(madeUp(subject)), [8, 'ERR_CA_SIGNATURE']);
});

test('a chain costs one check for each certificate, whatever is sent along', () => {
  const bundle = root.bundle;
  const upper = root.createIntermediate();
  const chain = upper.createIntermediate().issueX509Svid(ID).certificates;
  assert.deepEqual(count(chain, bundle), [3, 'verified']);
  assert.deepEqual(count(chain, bundle), [1, 'verified'], 'of what is remembered only the leaf is checked');
  assert.deepEqual(count([...chain, root.certificate], bundle), [1, 'verified']);
  assert.deepEqual(count(root.issueX509Svid(ID).certificates, bundle), [1, 'verified']);
  const [leaf, ...others] = root.createIntermediate().createIntermediate().issueX509Svid(ID).certificates;
  assert.deepEqual(count([leaf!, ...others.toReversed()], bundle), [3, 'verified']);
});

test('each pair is checked once, and 64 of them at most', () => {
  const links = new SignedLinks(new IssuerCache());
  const issuer = parseCertificate(root.certificate);
  const { certificates } = root.issueX509Svid(ID);
  const leaf = parseCertificate(certificates[0]!);
  const others = Array.from({ length: 64 }, () => parseCertificate(root.certificate));
  for (let round = 0; round < 100; round += 1) {
    links.check(leaf, issuer);
  }
  for (const other of others.slice(0, 63)) {
    links.check(leaf, other);
  }
  assert.throws(() => links.check(leaf, others[63]!), {
    code: 'ERR_SVID_UNTRUSTED',
    message: /within 64 signature checks/,
  });
  links.check(leaf, issuer);
  const stranger = parseCertificate(createTestCa('example.org', NOW).certificate);
  assert.throws(() => new SignedLinks(new IssuerCache()).check(leaf, stranger), { code: 'ERR_CA_SIGNATURE' });
});

test('only what signatures lead down to from an anchor is below it', () => {
  const links = new SignedLinks(new IssuerCache());
  const upper = root.createIntermediate();
  const lower = upper.createIntermediate();
  const stranger = createTestCa('example.org', NOW);
  const [high, low, foreign] = [upper, lower, stranger.createIntermediate()].map(({ certificate }) =>
    parseCertificate(certificate),
  ) as [Certificate, Certificate, Certificate];
  const anchors = root.bundle.certificates;
  assert.deepEqual([...links.findBelow(anchors, [low, foreign, high])], [high, low]);
  assert.deepEqual([...links.findBelow(anchors, [low, foreign])], []);
  assert.deepEqual([...links.findBelow(anchors, [])], []);
  assert.equal(links.firstObstacle, undefined);
  const twin = createTestCa('example.org', NOW, { subject: parseCertificate(root.certificate).subject });
  const others = new SignedLinks(new IssuerCache());
  assert.deepEqual([...others.findBelow(twin.bundle.certificates, [high])], []);
  assert.equal(others.firstObstacle?.code, 'ERR_CA_SIGNATURE');
});
