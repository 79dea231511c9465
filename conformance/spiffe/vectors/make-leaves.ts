// Leaves straight below the authority: good ones, and one per rule that a leaf may break.
import type { SpiffeErrorCode } from '@muster/spiffe';
import { OID } from '@muster/spiffe/wire';
import { distinguishedName, generateEcKeyPair, KEY_USAGE, type LeafOverrides } from '@muster/testing';
import { generateKeyPairSync } from 'node:crypto';
import { unknownCritical, type X509Expectation } from './make-x509.ts';
import { FAR_AHEAD, ID, type Judgement, JUST_PAST, NOW } from './vector.ts';

type AddLeaf = (name: string, overrides: LeafOverrides, expected: X509Expectation) => void;

export function makeLeaves(add: AddLeaf): void {
  const { digitalSignature, keyAgreement, keyCertSign, keyEncipherment, cRLSign } = KEY_USAGE;
  const subject = distinguishedName({ commonName: 'workload' });
  const accepted = (rule: string): X509Expectation => ({ rule, ours: 'accepted' });
  add('valid', {}, accepted('X509-SVID 5, XV-1'));
  add('valid-dns-sans', { dnsNames: ['a.example', 'b.example'] }, accepted('X509-SVID 2, XV-3'));
  add('valid-empty-subject-san-critical', { isSanCritical: true }, accepted('RFC 5280 4.1.2.6, XV-4'));
  add('valid-subject-san-not-critical', { subject, isSanCritical: false }, accepted('RFC 5280 4.2.1.6'));
  add('valid-no-extended-key-usage', { extendedKeyUsage: undefined }, accepted('X509-SVID 4.4'));
  add(
    'valid-key-encipherment-and-agreement',
    { keyUsage: [digitalSignature, keyEncipherment, keyAgreement] },
    accepted('X509-SVID 4.3'),
  );
  add(
    'valid-rsa-leaf',
    { keyPair: generateKeyPairSync('rsa', { modulusLength: 2048 }) },
    accepted('X509-SVID 5'),
  );
  add('valid-p384-leaf', { keyPair: generateEcKeyPair('P-384') }, accepted('X509-SVID 5'));
  add('valid-ed25519-leaf', { keyPair: generateKeyPairSync('ed25519') }, accepted('X509-SVID 5'));
  add('valid-dots-in-trust-domain-path', { uris: ['spiffe://example.org/...'] }, accepted('SPIFFE-ID 2.2'));

  add(
    'valid-in-its-last-second',
    { expiresAt: NOW },
    { ...accepted('RFC 5280 4.1.2.5'), openssl: 'refused', opensslStrict: 'refused' },
  );

  const id = (ours: SpiffeErrorCode, rule: string): X509Expectation => ({ ours, rule, openssl: 'accepted' });
  add('no-san', { uris: [], subject }, id('ERR_SVID_URI_SAN_MISSING', 'X509-SVID 2, XV-12'));
  add(
    'no-uri-san',
    { uris: [], dnsNames: ['example.org'] },
    id('ERR_SVID_URI_SAN_MISSING', 'X509-SVID 2, XV-12'),
  );
  add(
    'two-uri-sans',
    { uris: [ID, 'spiffe://example.org/other'] },
    id('ERR_SVID_URI_SAN_MULTIPLE', 'X509-SVID 2, XV-11'),
  );
  add(
    'second-uri-san-of-another-scheme',
    { uris: [ID, 'https://example.org/'] },
    id('ERR_SVID_URI_SAN_MULTIPLE', 'X509-SVID 2, XV-11'),
  );
  const uris: [string, string | Uint8Array, Judgement?][] = [
    ['https', 'https://example.org/workload'],
    ['upper-case-scheme', 'SPIFFE://example.org/workload', 'accepted'],
    ['upper-case-trust-domain', 'spiffe://EXAMPLE.org/workload'],
    ['trust-domain-missing', 'spiffe:///workload'],
    ['port', 'spiffe://example.org:443/workload'],
    ['user-info', 'spiffe://user@example.org/workload'],
    ['query', 'spiffe://example.org/workload?a'],
    ['fragment', 'spiffe://example.org/workload#a'],
    ['percent-encoding', 'spiffe://example.org/work%6coad'],
    ['dot-segment', 'spiffe://example.org/a/../workload'],
    ['trailing-slash', 'spiffe://example.org/workload/'],
    ['not-ascii', Buffer.from('spiffe://example.org/wörk', 'utf8')],
    ['nul', Buffer.from('spiffe://example.org/work\0load', 'latin1')],
  ];
  for (const [what, uri, goSpiffe] of uris) {
    const expected = id('ERR_SVID_URI_SAN_INVALID', 'SPIFFE-ID 2, XV-13');
    add(`uri-san-${what}`, { uris: [uri] }, { ...expected, ...(goSpiffe === undefined ? {} : { goSpiffe }) });
  }
  const form = (ours: SpiffeErrorCode, rule: string): X509Expectation => ({
    ...id(ours, rule),
    goSpiffe: 'accepted',
  });
  add(
    'path-missing',
    { uris: ['spiffe://example.org'] },
    form('ERR_SVID_PATH_MISSING', 'X509-SVID 5.2, XV-14'),
  );
  add('leaf-is-ca', { isCa: true }, id('ERR_SVID_LEAF_IS_CA', 'X509-SVID 5.2, XV-8'));
  add('key-usage-missing', { keyUsage: undefined }, form('ERR_SVID_KEY_USAGE_MISSING', 'X509-SVID 4.3'));
  add(
    'key-usage-not-critical',
    { isKeyUsageCritical: false },
    form('ERR_SVID_KEY_USAGE_NOT_CRITICAL', 'X509-SVID 4.3'),
  );
  add(
    'digital-signature-missing',
    { keyUsage: [keyAgreement] },
    form('ERR_SVID_DIGITAL_SIGNATURE_MISSING', 'X509-SVID 4.3'),
  );
  add(
    'key-cert-sign',
    { keyUsage: [digitalSignature, keyCertSign] },
    id('ERR_SVID_KEY_CERT_SIGN', 'X509-SVID 5.2, XV-9'),
  );
  add('crl-sign', { keyUsage: [digitalSignature, cRLSign] }, id('ERR_SVID_CRL_SIGN', 'X509-SVID 5.2, XV-10'));
  add(
    'extended-key-usage-no-client-auth',
    { extendedKeyUsage: [OID.SERVER_AUTH] },
    form('ERR_SVID_EXTENDED_KEY_USAGE', 'X509-SVID 4.4'),
  );
  add(
    'extended-key-usage-no-server-auth',
    { extendedKeyUsage: [OID.CLIENT_AUTH] },
    form('ERR_SVID_EXTENDED_KEY_USAGE', 'X509-SVID 4.4'),
  );
  add(
    'empty-subject-san-not-critical',
    { isSanCritical: false },
    form('ERR_CERTIFICATE_SAN_NOT_CRITICAL', 'RFC 5280 4.1.2.6'),
  );
  add(
    'unknown-critical-extension',
    { extraExtensions: [unknownCritical] },
    { ours: 'ERR_CERTIFICATE_CRITICAL_EXTENSION', rule: 'RFC 5280 4.2' },
  );
  add(
    'not-yet-valid',
    { notBeforeAt: FAR_AHEAD },
    { ours: 'ERR_SVID_NOT_YET_VALID', rule: 'RFC 5280 6.1.3, XV-7' },
  );
  add('expired', { expiresAt: JUST_PAST }, { ours: 'ERR_SVID_EXPIRED', rule: 'RFC 5280 6.1.3, XV-6' });
  add(
    'leaf-rsa-1024',
    { keyPair: generateKeyPairSync('rsa', { modulusLength: 1024 }) },
    form('ERR_CERTIFICATE_KEY', 'NIST SP 800-57 (own policy)'),
  );
  add('leaf-secp256k1', { keyPair: generateEcKeyPair('secp256k1') }, id('ERR_CERTIFICATE_KEY', 'own policy'));
}
