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
