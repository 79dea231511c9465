// SPIFFE IDs, valid and not.
import type { SpiffeErrorCode } from '@muster/spiffe';
import type { IdVector, Judgement, MadeVectors } from './vector.ts';

const valid: readonly [name: string, text: string, rule: string][] = [
  ['valid', 'spiffe://example.org/workload', 'SPIFFE-ID 2'],
  ['valid-trust-domain', 'spiffe://td', 'SPIFFE-ID 2.2'],
  ['valid-ipv4', 'spiffe://1.2.3.4/a', 'SPIFFE-ID 2.1'],
  ['valid-underscore', 'spiffe://a_b-c.d/e', 'SPIFFE-ID 2.1'],
  ['valid-two-dots-in-trust-domain', 'spiffe://example..org', 'SPIFFE-ID 2.1'],
  ['valid-dash-first', 'spiffe://-a', 'SPIFFE-ID 2.1'],
  ['valid-dot-first', 'spiffe://.a', 'SPIFFE-ID 2.1'],
  ['valid-three-dots', 'spiffe://td/...', 'SPIFFE-ID 2.2'],
  ['valid-dot-in-segment', 'spiffe://td/.a/b./c.d', 'SPIFFE-ID 2.2'],
  ['valid-all-characters', 'spiffe://td/a.b_c-D9/0', 'SPIFFE-ID 2.2'],
  ['valid-trust-domain-of-255', `spiffe://${'a'.repeat(255)}/a`, 'SPIFFE-ID 2.3, ID-2'],
  ['valid-2048', `spiffe://td/${'a'.repeat(2048 - 12)}`, 'SPIFFE-ID 2.3, ID-2'],
];

const invalid: readonly [
  name: string,
  text: string,
  ours: SpiffeErrorCode,
  rule: string,
  goSpiffe?: Judgement,
][] = [
  ['empty', '', 'ERR_ID_EMPTY', 'SPIFFE-ID 2'],
  ['no-scheme', 'td/a', 'ERR_ID_SCHEME', 'SPIFFE-ID 2, ID-1'],
  ['http', 'http://td/a', 'ERR_ID_SCHEME', 'SPIFFE-ID 2, ID-1'],
  ['one-slash', 'spiffe:/td', 'ERR_ID_SCHEME', 'SPIFFE-ID 2, ID-1'],
  ['upper-case-scheme', 'SPIFFE://td/a', 'ERR_ID_SCHEME', 'SPIFFE-ID 2.4 (strict reading)'],
  ['white-space-first', ' spiffe://td/a', 'ERR_ID_SCHEME', 'SPIFFE-ID 2'],
  ['trust-domain-missing', 'spiffe://', 'ERR_ID_TRUST_DOMAIN_MISSING', 'SPIFFE-ID 2.1, ID-1'],
  ['trust-domain-missing-with-path', 'spiffe:///a', 'ERR_ID_TRUST_DOMAIN_MISSING', 'SPIFFE-ID 2.1, ID-1'],
  ['trust-domain-upper-case', 'spiffe://TD/a', 'ERR_ID_TRUST_DOMAIN_CHARACTER', 'SPIFFE-ID 2.1'],
  ['trust-domain-percent', 'spiffe://t%64/a', 'ERR_ID_TRUST_DOMAIN_CHARACTER', 'SPIFFE-ID 2.1, ID-1'],
  ['trust-domain-dollar', 'spiffe://t$d/a', 'ERR_ID_TRUST_DOMAIN_CHARACTER', 'SPIFFE-ID 2.1, ID-1'],
  ['port', 'spiffe://td:80/a', 'ERR_ID_TRUST_DOMAIN_CHARACTER', 'SPIFFE-ID 2.1, ID-1'],
  ['user-info', 'spiffe://u@td/a', 'ERR_ID_TRUST_DOMAIN_CHARACTER', 'SPIFFE-ID 2.1, ID-1'],
  ['ipv6', 'spiffe://[::1]/a', 'ERR_ID_TRUST_DOMAIN_CHARACTER', 'SPIFFE-ID 2.1, ID-1'],
  ['query-without-path', 'spiffe://td?q', 'ERR_ID_TRUST_DOMAIN_CHARACTER', 'SPIFFE-ID 2, ID-1'],
  ['trust-domain-not-ascii', 'spiffe://dömäne/a', 'ERR_ID_TRUST_DOMAIN_CHARACTER', 'SPIFFE-ID 2.1, ID-1'],
  [
    'trust-domain-look-alike',
    'spiffe://ex\u0430mple.org/a',
    'ERR_ID_TRUST_DOMAIN_CHARACTER',
    'SPIFFE-ID 2.1',
  ],
  ['trust-domain-nul', 'spiffe://t\0d/a', 'ERR_ID_TRUST_DOMAIN_CHARACTER', 'SPIFFE-ID 2.1, ID-1'],
  [
    'trust-domain-of-256',
    `spiffe://${'a'.repeat(256)}`,
    'ERR_ID_TRUST_DOMAIN_TOO_LONG',
    'SPIFFE-ID 2.3',
    'accepted',
  ],
  ['2049', `spiffe://td/${'a'.repeat(2049 - 12)}`, 'ERR_ID_TOO_LONG', 'SPIFFE-ID 2.3', 'accepted'],
  ['trailing-slash', 'spiffe://td/', 'ERR_ID_PATH_TRAILING_SLASH', 'SPIFFE-ID 2.2, ID-1'],
  ['trailing-slash-after-path', 'spiffe://td/a/', 'ERR_ID_PATH_TRAILING_SLASH', 'SPIFFE-ID 2.2'],
  ['empty-segment-first', 'spiffe://td//a', 'ERR_ID_PATH_EMPTY_SEGMENT', 'SPIFFE-ID 2.2, ID-1'],
  ['empty-segment', 'spiffe://td/a//b', 'ERR_ID_PATH_EMPTY_SEGMENT', 'SPIFFE-ID 2.2, ID-1'],
  ['dot-segment', 'spiffe://td/./a', 'ERR_ID_PATH_DOT_SEGMENT', 'SPIFFE-ID 2.2, ID-1'],
  ['two-dot-segment', 'spiffe://td/a/..', 'ERR_ID_PATH_DOT_SEGMENT', 'SPIFFE-ID 2.2, ID-1'],
  ['path-percent', 'spiffe://td/a%20b', 'ERR_ID_PATH_CHARACTER', 'SPIFFE-ID 2.2, ID-1'],
  ['path-exclamation-mark', 'spiffe://td/a!b', 'ERR_ID_PATH_CHARACTER', 'SPIFFE-ID 2.2, ID-1'],
  ['path-not-ascii', 'spiffe://td/ä', 'ERR_ID_PATH_CHARACTER', 'SPIFFE-ID 2.2, ID-1'],
  ['path-line-break', 'spiffe://td/a\nb', 'ERR_ID_PATH_CHARACTER', 'SPIFFE-ID 2.2'],
  ['path-nul', 'spiffe://td/a\0', 'ERR_ID_PATH_CHARACTER', 'SPIFFE-ID 2.2, ID-1'],
  ['query', 'spiffe://td/a?q', 'ERR_ID_PATH_CHARACTER', 'SPIFFE-ID 2, ID-1'],
  ['fragment', 'spiffe://td/a#f', 'ERR_ID_PATH_CHARACTER', 'SPIFFE-ID 2, ID-1'],
];

export function makeIdVectors(): MadeVectors {
  const accepted = valid.map(([name, text, rule]): IdVector => ({
    kind: 'id',
    name,
    text,
    rule,
    ours: 'accepted',
  }));
  const refused = invalid.map(([name, text, ours, rule, goSpiffe]): IdVector => ({
    kind: 'id',
    name,
    text,
    rule,
    ours,
    ...(goSpiffe === undefined ? {} : { goSpiffe }),
  }));
  return { vectors: [...accepted, ...refused].map((vector) => ({ vector })), shared: new Map() };
}
