// Signing certificates, below the authority and in its place: good ones, and one per rule that they may break.
import type { SpiffeErrorCode } from '@muster/spiffe';
import { der, OID } from '@muster/spiffe/wire';
import {
  type CaOverrides,
  distinguishedName,
  extendedKeyUsageExtension,
  extension,
  generateEcKeyPair,
  KEY_USAGE,
  type LeafOverrides,
  nameConstraintsExtension,
} from '@muster/testing';
import { generateKeyPairSync } from 'node:crypto';
import { unknownCritical, type X509Expectation } from './make-x509.ts';
import { FAR_AHEAD, JUST_PAST } from './vector.ts';

type AddBelow = (
  name: string,
  overrides: CaOverrides,
  expected: X509Expectation,
  leaf?: LeafOverrides,
) => void;

export function makeIntermediates(add: AddBelow): void {
  const refused = (ours: SpiffeErrorCode, rule: string): X509Expectation => ({ ours, rule });
  const constraints = (parts: Parameters<typeof nameConstraintsExtension>[0]): CaOverrides => ({
    extraExtensions: [nameConstraintsExtension(parts)],
  });
  add('valid-intermediate', {}, { ours: 'accepted', rule: 'RFC 5280 6, XV-2' });
  add('valid-path-length-0', { pathLength: 0 }, { ours: 'accepted', rule: 'RFC 5280 4.2.1.9' });
  add('valid-name-constraints', constraints({ permittedUris: ['example.org'] }), {
    ours: 'accepted',
    rule: 'RFC 5280 4.2.1.10',
  });
  add('intermediate-not-ca', { isCa: false }, refused('ERR_CA_NOT_CA', 'X509-SVID 4.1'));
  add(
    'intermediate-key-usage-missing',
    { keyUsage: undefined },
    { ...refused('ERR_CA_KEY_USAGE_MISSING', 'X509-SVID 4.3'), goSpiffe: 'accepted', openssl: 'accepted' },
  );
  add(
    'intermediate-no-key-cert-sign',
    { keyUsage: [KEY_USAGE.cRLSign] },
    { ...refused('ERR_CA_KEY_CERT_SIGN', 'RFC 5280 6.1.4 (n)') },
  );
  add(
    'intermediate-key-usage-not-critical',
    { isKeyUsageCritical: false },
    {
      ...refused('ERR_CA_KEY_USAGE_NOT_CRITICAL', 'X509-SVID 4.3'),
      goSpiffe: 'accepted',
      openssl: 'accepted',
    },
  );
  add('intermediate-expired', { expiresAt: JUST_PAST }, refused('ERR_CA_EXPIRED', 'RFC 5280 6.1.3'));
  add(
    'intermediate-not-yet-valid',
    { notBeforeAt: FAR_AHEAD },
    refused('ERR_CA_NOT_YET_VALID', 'RFC 5280 6.1.3'),
  );
  add(
    'intermediate-unknown-critical-extension',
    { extraExtensions: [unknownCritical] },
    refused('ERR_CERTIFICATE_CRITICAL_EXTENSION', 'RFC 5280 4.2'),
  );
  add(
    'name-constraints-other-host',
    constraints({ permittedUris: ['other.org'] }),
    refused('ERR_CA_NAME_NOT_PERMITTED', 'RFC 5280 6.1.3 (b)'),
  );
  add(
    'name-constraints-hosts-below-only',
    constraints({ permittedUris: ['.example.org'] }),
    refused('ERR_CA_NAME_NOT_PERMITTED', 'RFC 5280 4.2.1.10'),
  );
  add('name-constraints-empty', constraints({ permittedUris: [''] }), {
    ...refused('ERR_CA_NAME_NOT_PERMITTED', 'RFC 5280 4.2.1.10'),
    goSpiffe: 'accepted',
  });
  add(
    'name-constraints-excluded',
    constraints({ excludedUris: ['example.org'] }),
    refused('ERR_CA_NAME_EXCLUDED', 'RFC 5280 6.1.3 (c)'),
  );
  add(
    'name-constraints-dns',
    constraints({ permittedDnsNames: ['svc.example'] }),
    refused('ERR_CA_NAME_NOT_PERMITTED', 'RFC 5280 4.2.1.10'),
    { dnsNames: ['evil.example'] },
  );
  add(
    'intermediate-extended-key-usage-of-code',
    { extraExtensions: [extendedKeyUsageExtension(['1.3.6.1.5.5.7.3.3'])] },
    {
      ...refused('ERR_CA_EXTENDED_KEY_USAGE', 'RFC 5280 4.2.1.12'),
      goSpiffe: 'accepted',
      openssl: 'accepted',
    },
  );
  const directory = der.sequence(
    der.explicit(1, der.sequence(der.explicit(4, distinguishedName({ commonName: 'other' })))),
  );
  add(
    'name-constraints-of-another-kind',
    { extraExtensions: [extension(OID.NAME_CONSTRAINTS, directory, true)] },
    { ...refused('ERR_CA_NAME_CONSTRAINT_UNKNOWN', 'RFC 5280 4.2.1.10'), openssl: 'accepted' },
    { subject: distinguishedName({ commonName: 'workload' }) },
  );
  add(
    'intermediate-rsa-1024',
    { keyPair: generateKeyPairSync('rsa', { modulusLength: 1024 }) },
    {
      ...refused('ERR_CERTIFICATE_KEY', 'NIST SP 800-57 (own policy)'),
      openssl: 'accepted',
      goSpiffe: 'accepted',
    },
  );
}

export function makeAnchors(
  add: (name: string, overrides: CaOverrides, expected: X509Expectation) => void,
): void {
  const accepted = { ours: 'accepted', rule: 'X509-SVID 5' } as const;
  add('valid-p384-authority', { keyPair: generateEcKeyPair('P-384') }, accepted);
  add('valid-rsa-authority', { keyPair: generateKeyPairSync('rsa', { modulusLength: 2048 }) }, accepted);
  add('valid-ed25519-authority', { keyPair: generateKeyPairSync('ed25519') }, accepted);
  add(
    'valid-authority-without-key-usage',
    { keyUsage: undefined },
    { ours: 'accepted', rule: 'RFC 5280 6.1.1 (d)', opensslStrict: 'refused' },
  );
  add(
    'authority-without-name',
    { subject: distinguishedName() },
    {
      ours: 'ERR_CERTIFICATE_ISSUER_EMPTY',
      rule: 'RFC 5280 4.1.2.4',
      goSpiffe: 'accepted',
      openssl: 'accepted',
    },
  );
  add('authority-not-ca', { isCa: false }, { ours: 'ERR_CA_NOT_CA', rule: 'X509-SVID 4.1' });
  add(
    'authority-no-key-cert-sign',
    { keyUsage: [KEY_USAGE.digitalSignature] },
    { ours: 'ERR_CA_KEY_CERT_SIGN', rule: 'X509-SVID 4.3' },
  );
  add('authority-expired', { expiresAt: JUST_PAST }, { ours: 'ERR_CA_EXPIRED', rule: 'X509-SVID 5' });
  add(
    'authority-not-yet-valid',
    { notBeforeAt: FAR_AHEAD },
    { ours: 'ERR_CA_NOT_YET_VALID', rule: 'X509-SVID 5' },
  );
}
