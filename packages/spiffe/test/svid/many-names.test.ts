import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';

import {
  basicConstraintsExtension,
  buildCertificate,
  createTestCa,
  distinguishedName,
  extension,
  generateEcKeyPair,
  KEY_USAGE,
  keyUsageExtension,
} from '@muster/testing';

import { findNameViolation, GENERAL_NAME } from '../../src/x509/name-constraints.ts';
import { verifyX509Svid } from '../../src/index.ts';
import { der, OID } from '../../src/wire/index.ts';

const NOW = Date.UTC(2030, 5, 1);
const ID = 'spiffe://example.org/workload';
const DNS = 2;

test('A17 names are compared a bounded number of times over all paths of a chain, not of each', () => {
  // The holder of one intermediate key makes more of that name and key: any order of them is a path, each is complete, and
  // each excludes the last of many names, so that all names are compared before the next path is tried.
  const root = createTestCa('example.org', NOW);
  const keyPair = generateEcKeyPair();
  const subject = distinguishedName({ commonName: 'held' });
  const held = root.createIntermediate({ keyPair, subject });
  const subtrees = (prefix: string, last: string): Uint8Array =>
    Buffer.concat(
      [...Array.from({ length: 255 }, (_, index) => `${prefix}${index}`), last].map((name) =>
        der.sequence(der.implicit(DNS, Buffer.from(name))),
      ),
    );
  const constraints = der.sequence(
    der.explicit(0, subtrees('p', 'b')),
    der.explicit(1, subtrees('e', 'last.b')),
  );
  const keyId = createHash('sha1')
    .update(keyPair.publicKey.export({ format: 'der', type: 'spki' }))
    .digest();
  const more = Array.from({ length: 6 }, () =>
    buildCertificate({
      subject,
      issuer: subject,
      publicKey: keyPair.publicKey,
      signingKey: keyPair.privateKey,
      notBeforeAt: NOW - 1000,
      expiresAt: NOW + 1000,
      extensions: [
        basicConstraintsExtension(true),
        keyUsageExtension([KEY_USAGE.keyCertSign]),
        extension(OID.SUBJECT_KEY_IDENTIFIER, der.octetString(keyId)),
        extension(OID.AUTHORITY_KEY_IDENTIFIER, der.sequence(der.implicit(0, keyId))),
        extension(OID.NAME_CONSTRAINTS, constraints, true),
      ],
    }),
  );
  const dnsNames = [...Array.from({ length: 498 }, (_, index) => `${index}.b`), 'last.b'];
  const [leaf] = held.issueX509Svid(ID, { dnsNames }).certificates;
  const verify = (chain: readonly Uint8Array[]): void => {
    verifyX509Svid(chain, root.bundle, { now: NOW });
  };
  // Half a thousand names and as many subtrees are too much at once; without the bound it would be seconds, and another code.
  assert.throws(() => verify([leaf!, ...more, held.certificate]), {
    code: 'ERR_SVID_UNTRUSTED',
    message: /within 250000 comparisons of names/,
  });
  // With fewer names the bound is met only by many paths, so the first fault is what is told.
  const [small] = held.issueX509Svid(ID, { dnsNames: [...dnsNames.slice(0, 300), 'last.b'] }).certificates;
  assert.throws(() => verify([small!, ...more, held.certificate]), { code: 'ERR_CA_NAME_EXCLUDED' });
  // The direct way is found if it comes first, whatever else is in the chain.
  verify([leaf!, held.certificate, ...more]);
});

test('A17 a long subtree counts for as many comparisons as it takes time', () => {
  const root = createTestCa('example.org', NOW);
  const verify = (length: number): void => {
    const subtree = der.sequence(der.implicit(DNS, Buffer.alloc(length, 'x')));
    const any = der.sequence(der.implicit(DNS, Buffer.from('b')));
    const constraints = der.sequence(der.explicit(0, Buffer.concat([any, subtree])));
    const issuer = root.createIntermediate({
      extraExtensions: [extension(OID.NAME_CONSTRAINTS, constraints, true)],
    });
    const dnsNames = Array.from({ length: 990 }, (_, index) => `${index}.b`);
    verifyX509Svid(issuer.issueX509Svid(ID, { dnsNames }).certificates, root.bundle, { now: NOW });
  };
  verify(8000);
  assert.throws(() => verify(20_000), { code: 'ERR_SVID_UNTRUSTED', message: /comparisons of names/ });
});

test('a directory name is below another one only where relative names end', () => {
  const relative = (text: string): Uint8Array =>
    der.set(der.sequence(der.oid(OID.COMMON_NAME), der.utf8String(text)));
  const directory = (...relatives: readonly Uint8Array[]): { tag: number; contents: Uint8Array } => ({
    tag: GENERAL_NAME.DIRECTORY,
    contents: der.sequence(...relatives),
  });
  const [a, b] = [relative('a'), relative('b')];
  const name = directory(a, b);
  const judge = (...permitted: readonly { tag: number; contents: Uint8Array }[]): string | undefined =>
    findNameViolation({ permitted, excluded: [] }, [name]);
  for (const base of [directory(), directory(a), directory(a, b)]) {
    assert.equal(judge(base), undefined);
  }
  const cut = a.slice(0, 5);
  for (const base of [directory(b), directory(a, b, a), directory(a, a), directory(cut), directory(a, cut)]) {
    assert.equal(judge(base), 'not permitted');
  }
  assert.equal(
    findNameViolation({ permitted: [directory(a)], excluded: [] }, [directory(a, cut)]),
    'not permitted',
  );
});
