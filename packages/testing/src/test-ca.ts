import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { TrustDomain, X509Bundle } from '@muster/spiffe';
import { der, OID } from '@muster/spiffe/wire';

import {
  basicConstraintsExtension,
  buildCertificate,
  distinguishedName,
  extendedKeyUsageExtension,
  extension,
  KEY_USAGE,
  keyUsageExtension,
  subjectAltNameExtension,
} from './certificates.ts';

const HOUR_MS = 3_600_000;

/** An SVID as the Workload API would deliver it. */
export interface TestX509Svid {
  /** One certificate in DER each, leaf first, without the root. */
  readonly certificates: readonly Uint8Array[];
  /** The same, concatenated. */
  readonly chainDer: Uint8Array;
  readonly privateKey: KeyObject;
  readonly keyDer: Uint8Array;
}

/** What differs from a good leaf. `keyUsage: undefined` leaves the extension out, and so does `extendedKeyUsage: undefined`. */
export interface LeafOverrides {
  readonly uris?: readonly (string | Uint8Array)[];
  readonly dnsNames?: readonly string[];
  readonly subject?: Uint8Array;
  readonly isSanCritical?: boolean;
  readonly isCa?: boolean;
  readonly keyUsage?: readonly number[] | undefined;
  readonly isKeyUsageCritical?: boolean;
  readonly extendedKeyUsage?: readonly string[] | undefined;
  readonly extraExtensions?: readonly Uint8Array[];
  readonly notBeforeAt?: number;
  readonly expiresAt?: number;
  readonly keyPair?: KeyPair;
}

/** What differs from a good authority. */
export interface CaOverrides {
  readonly isCa?: boolean;
  readonly pathLength?: number;
  readonly keyUsage?: readonly number[] | undefined;
  readonly isKeyUsageCritical?: boolean;
  readonly extraExtensions?: readonly Uint8Array[];
  readonly subject?: Uint8Array;
  readonly notBeforeAt?: number;
  readonly expiresAt?: number;
  readonly keyPair?: KeyPair;
}

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** A certificate authority for tests: real keys and real certificates, good by default, broken on demand. */
export interface TestCa {
  readonly trustDomain: TrustDomain;
  readonly certificate: Uint8Array;
  readonly keyPair: KeyPair;
  /** A bundle of just this authority. */
  readonly bundle: X509Bundle;
  issueX509Svid(id: string, overrides?: LeafOverrides): TestX509Svid;
  createIntermediate(overrides?: CaOverrides): TestCa;
}

export function generateEcKeyPair(namedCurve = 'P-256'): KeyPair {
  return generateKeyPairSync('ec', { namedCurve });
}

/** Creates a self-signed authority, valid from an hour before `now` to a day after it. */
export function createTestCa(
  trustDomain = 'example.org',
  now: number = Date.now(),
  overrides: CaOverrides = {},
): TestCa {
  const keyPair = overrides.keyPair ?? generateEcKeyPair();
  const subject = overrides.subject ?? uniqueName();
  const certificate = buildCa({
    keyPair,
    subject,
    issuer: subject,
    signingKey: keyPair.privateKey,
    issuerKey: keyPair.publicKey,
    trustDomain,
    now,
    overrides,
  });
  return toTestCa(TrustDomain.parse(trustDomain), now, { keyPair, subject, certificate, chain: [] });
}

interface Authority {
  readonly keyPair: KeyPair;
  readonly subject: Uint8Array;
  readonly certificate: Uint8Array;
  /** Certificates that a leaf of this authority is sent with. */
  readonly chain: readonly Uint8Array[];
}

function toTestCa(trustDomain: TrustDomain, now: number, authority: Authority): TestCa {
  const { keyPair, subject, certificate, chain } = authority;
  return {
    trustDomain,
    certificate,
    keyPair,
    get bundle() {
      return X509Bundle.fromAuthorities(trustDomain, [certificate]);
    },
    issueX509Svid: (id, overrides = {}) => issueLeaf(authority, id, now, overrides),
    createIntermediate(overrides = {}) {
      const own = overrides.keyPair ?? generateEcKeyPair();
      const name = overrides.subject ?? uniqueName();
      const signed = buildCa({
        keyPair: own,
        subject: name,
        issuer: subject,
        signingKey: keyPair.privateKey,
        issuerKey: keyPair.publicKey,
        trustDomain: trustDomain.name,
        now,
        overrides,
      });
      return toTestCa(trustDomain, now, {
        keyPair: own,
        subject: name,
        certificate: signed,
        chain: [signed, ...chain],
      });
    },
  };
}

interface CaParts {
  readonly keyPair: KeyPair;
  readonly subject: Uint8Array;
  readonly issuer: Uint8Array;
  readonly signingKey: KeyObject;
  readonly issuerKey: KeyObject;
  readonly trustDomain: string;
  readonly now: number;
  readonly overrides: CaOverrides;
}

function buildCa(parts: CaParts): Uint8Array {
  const { keyPair, overrides, now } = parts;
  const keyUsage = 'keyUsage' in overrides ? overrides.keyUsage : [KEY_USAGE.keyCertSign, KEY_USAGE.cRLSign];
  return buildCertificate({
    subject: parts.subject,
    issuer: parts.issuer,
    publicKey: keyPair.publicKey,
    signingKey: parts.signingKey,
    notBeforeAt: overrides.notBeforeAt ?? now - HOUR_MS,
    expiresAt: overrides.expiresAt ?? now + 24 * HOUR_MS,
    extensions: [
      basicConstraintsExtension(overrides.isCa ?? true, overrides.pathLength),
      ...(keyUsage === undefined ? [] : [keyUsageExtension(keyUsage, overrides.isKeyUsageCritical)]),
      subjectAltNameExtension({ uris: [`spiffe://${parts.trustDomain}`] }),
      ...keyIdentifiers(keyPair.publicKey, parts.issuerKey),
      ...(overrides.extraExtensions ?? []),
    ],
  });
}

function issueLeaf(authority: Authority, id: string, now: number, overrides: LeafOverrides): TestX509Svid {
  const keyPair = overrides.keyPair ?? generateEcKeyPair();
  const keyUsage = 'keyUsage' in overrides ? overrides.keyUsage : [KEY_USAGE.digitalSignature];
  const extendedKeyUsage =
    'extendedKeyUsage' in overrides ? overrides.extendedKeyUsage : [OID.SERVER_AUTH, OID.CLIENT_AUTH];
  const uris = overrides.uris ?? [id];
  const dnsNames = overrides.dnsNames ?? [];
  const leaf = buildCertificate({
    subject: overrides.subject ?? distinguishedName(),
    issuer: authority.subject,
    publicKey: keyPair.publicKey,
    signingKey: authority.keyPair.privateKey,
    notBeforeAt: overrides.notBeforeAt ?? now - 10_000,
    expiresAt: overrides.expiresAt ?? now + HOUR_MS,
    extensions: [
      basicConstraintsExtension(overrides.isCa ?? false),
      ...(keyUsage === undefined ? [] : [keyUsageExtension(keyUsage, overrides.isKeyUsageCritical)]),
      ...(extendedKeyUsage === undefined ? [] : [extendedKeyUsageExtension(extendedKeyUsage)]),
      ...(uris.length + dnsNames.length === 0
        ? []
        : [subjectAltNameExtension({ uris, dnsNames }, overrides.isSanCritical ?? true)]),
      ...keyIdentifiers(keyPair.publicKey, authority.keyPair.publicKey),
      ...(overrides.extraExtensions ?? []),
    ],
  });
  const certificates = [leaf, ...authority.chain];
  return {
    certificates,
    chainDer: Buffer.concat(certificates),
    privateKey: keyPair.privateKey,
    keyDer: keyPair.privateKey.export({ format: 'der', type: 'pkcs8' }),
  };
}

function keyIdentifiers(subjectKey: KeyObject, issuerKey: KeyObject): Uint8Array[] {
  const keyId = (key: KeyObject): Uint8Array =>
    createHash('sha1')
      .update(key.export({ format: 'der', type: 'spki' }))
      .digest();
  return [
    extension(OID.SUBJECT_KEY_IDENTIFIER, der.octetString(keyId(subjectKey))),
    extension(OID.AUTHORITY_KEY_IDENTIFIER, der.sequence(der.implicit(0, keyId(issuerKey)))),
  ];
}

function uniqueName(): Uint8Array {
  return distinguishedName({ commonName: 'test authority', serialNumber: randomBytes(8).toString('hex') });
}
