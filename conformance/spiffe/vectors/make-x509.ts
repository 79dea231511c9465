// One good chain, and one chain per rule that is broken. Certificates are written, never read here: our reader has no say.
import { der } from '@muster/spiffe/wire';
import type { SpiffeErrorCode } from '@muster/spiffe';
import {
  basicConstraintsExtension,
  buildCertificate,
  type CaOverrides,
  createTestCa,
  distinguishedName,
  extension,
  generateEcKeyPair,
  KEY_USAGE,
  keyUsageExtension,
  type LeafOverrides,
  subjectAltNameExtension,
  type TestCa,
} from '@muster/testing';
import { makeAnchors, makeIntermediates } from './make-authorities.ts';
import { makeLeaves } from './make-leaves.ts';
import { makeMalformed } from './make-malformed.ts';
import {
  ID,
  type Judgement,
  LAST,
  LONG_AGO,
  type MadeVectors,
  NOW,
  toPem,
  TRUST_DOMAIN,
  type X509Vector,
} from './vector.ts';

const lasting = { notBeforeAt: LONG_AGO, expiresAt: LAST };
export const unknownCritical: Uint8Array = extension('1.3.6.1.4.1.55555.1', der.null(), true);

export function makeAuthority(overrides: CaOverrides = {}): TestCa {
  return createTestCa(TRUST_DOMAIN, NOW, { ...lasting, ...overrides });
}

export interface X509Expectation {
  readonly rule: string;
  readonly ours: 'accepted' | SpiffeErrorCode;
  readonly goSpiffe?: Judgement;
  readonly openssl?: Judgement;
  readonly opensslStrict?: Judgement;
}

export function makeX509Vectors(): MadeVectors {
  const authority = makeAuthority({ subject: distinguishedName({ commonName: 'authority' }) });
  const shared = new Map([
    ['authority.pem', toPem([authority.certificate])],
    ['empty.pem', ''],
  ]);
  const vectors: { vector: X509Vector; contents: string }[] = [];
  const add = (
    name: string,
    chain: readonly Uint8Array[],
    expected: X509Expectation,
    bundle = 'authority.pem',
    trustDomain = TRUST_DOMAIN,
  ): void => {
    vectors.push({
      vector: { kind: 'x509', name, trustDomain, bundle, ...expected },
      contents: toPem(chain),
    });
  };
  const addLeaf = (name: string, overrides: LeafOverrides, expected: X509Expectation): void => {
    add(name, authority.issueX509Svid(ID, { ...lasting, ...overrides }).certificates, expected);
  };
  const addBelow = (
    name: string,
    overrides: CaOverrides,
    expected: X509Expectation,
    leaf: LeafOverrides = {},
  ): void => {
    const intermediate = authority.createIntermediate({ ...lasting, ...overrides });
    add(name, intermediate.issueX509Svid(ID, { ...lasting, ...leaf }).certificates, expected);
  };
  const addAnchor = (name: string, overrides: CaOverrides, expected: X509Expectation): void => {
    const anchor = makeAuthority(overrides);
    shared.set(`${name}.authority.pem`, toPem([anchor.certificate]));
    add(name, anchor.issueX509Svid(ID, lasting).certificates, expected, `${name}.authority.pem`);
  };
  makeLeaves(addLeaf);
  makeIntermediates(addBelow);
  makeAnchors(addAnchor);
  makeChains(authority, add, shared);
  for (const { name, chain, expected } of makeMalformed(authority)) add(name, chain, expected);
  return { vectors, shared: new Map([...shared].map(([name, text]) => [`x509/${name}`, text])) };
}

type Add = (
  name: string,
  chain: readonly Uint8Array[],
  expected: X509Expectation,
  bundle?: string,
  trustDomain?: string,
) => void;

function makeChains(authority: TestCa, add: Add, shared: Map<string, string>): void {
  const first = authority.createIntermediate(lasting);
  const second = first.createIntermediate(lasting);
  const [leaf, near, far] = second.issueX509Svid(ID, lasting).certificates as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const stranger = makeAuthority();
  const double = makeAuthority({ subject: distinguishedName({ commonName: 'authority' }) });
  const accepted = (rule: string): X509Expectation => ({ ours: 'accepted', rule });
  add('valid-two-intermediates', [leaf, near, far], accepted('RFC 5280 6'));
  add('valid-intermediates-out-of-order', [leaf, far, near], accepted('RFC 8446 4.4.2'));
  add('valid-stranger-in-chain', [leaf, stranger.certificate, near, far], accepted('RFC 8446 4.4.2'));
  shared.set('intermediate.authority.pem', toPem([near]));
  add(
    'valid-anchor-not-self-signed',
    [leaf],
    accepted('X509-SVID 4.1, Trust Domain and Bundle 4.2'),
    'intermediate.authority.pem',
  );
  shared.set(
    'several.authority.pem',
    toPem([stranger.certificate, authority.certificate, double.certificate]),
  );
  add('valid-several-authorities', [leaf, near, far], accepted('X509-SVID 5, XS-4'), 'several.authority.pem');
  const named = makeIntermediateWithPath(authority);
  add('intermediate-spiffe-id-with-path', named, {
    ours: 'ERR_CA_SPIFFE_ID_PATH',
    rule: 'X509-SVID 3.1',
    goSpiffe: 'accepted',
    openssl: 'accepted',
  });
  add('chain-empty', [], { ours: 'ERR_SVID_CHAIN_EMPTY', rule: 'X509-SVID 5' });
  add('chain-too-long', [leaf, ...Array.from({ length: 8 }, () => near), far], {
    ours: 'ERR_SVID_CHAIN_TOO_LONG',
    rule: 'own limit',
    goSpiffe: 'accepted',
    openssl: 'accepted',
  });
  add('intermediate-missing', [leaf, near], { ours: 'ERR_SVID_UNTRUSTED', rule: 'RFC 5280 6' });
  add('leaf-not-first', [near, leaf, far], {
    ours: 'ERR_SVID_PATH_MISSING',
    rule: 'RFC 8446 4.4.2',
    openssl: 'accepted',
  });
  const none = authority.createIntermediate({ ...lasting, pathLength: 0 });
  add('path-length-exceeded', none.createIntermediate(lasting).issueX509Svid(ID, lasting).certificates, {
    ours: 'ERR_CA_PATH_LENGTH',
    rule: 'RFC 5280 6.1.4 (m)',
  });
  add('untrusted', stranger.issueX509Svid(ID, lasting).certificates, {
    ours: 'ERR_SVID_UNTRUSTED',
    rule: 'X509-SVID 5, XV-5',
  });
  add('untrusted-authority-of-the-same-name', double.issueX509Svid(ID, lasting).certificates, {
    ours: 'ERR_CA_SIGNATURE',
    rule: 'X509-SVID 5, XV-5',
  });
  const [good] = authority.issueX509Svid(ID, lasting).certificates as [Uint8Array];
  const changed = Buffer.from(good);
  changed.write('/workl0ad', changed.indexOf('/workload'), 'latin1');
  add('contents-changed', [changed], { ours: 'ERR_CA_SIGNATURE', rule: 'RFC 5280 6.1.3 (a)' });
  const elsewhere = authority.issueX509Svid('spiffe://other.org/workload', lasting).certificates;
  add('trust-domain-without-bundle', elsewhere, {
    ours: 'ERR_BUNDLE_NOT_FOUND',
    rule: 'X509-SVID 5, XV-15',
    openssl: 'accepted',
  });
  add(
    'bundle-of-another-trust-domain',
    [good],
    { ours: 'ERR_BUNDLE_NOT_FOUND', rule: 'X509-SVID 5, XF-2', openssl: 'accepted' },
    'authority.pem',
    'other.org',
  );
  add(
    'bundle-empty',
    [good],
    { ours: 'ERR_BUNDLE_EMPTY', rule: 'Trust Domain and Bundle 4.1.3' },
    'empty.pem',
  );
}

/** An authority whose SPIFFE ID names a workload, and a leaf of it. */
function makeIntermediateWithPath(authority: TestCa): Uint8Array[] {
  const keyPair = generateEcKeyPair();
  const subject = distinguishedName({ commonName: 'workload' });
  const own = createTestCa(TRUST_DOMAIN, NOW, { ...lasting, keyPair, subject });
  const certificate = buildCertificate({
    subject,
    issuer: distinguishedName({ commonName: 'authority' }),
    publicKey: keyPair.publicKey,
    signingKey: authority.keyPair.privateKey,
    notBeforeAt: LONG_AGO,
    expiresAt: LAST,
    extensions: [
      basicConstraintsExtension(true),
      keyUsageExtension([KEY_USAGE.keyCertSign]),
      subjectAltNameExtension({ uris: ['spiffe://example.org/authority'] }),
    ],
  });
  return [own.issueX509Svid(ID, lasting).certificates[0]!, certificate];
}
