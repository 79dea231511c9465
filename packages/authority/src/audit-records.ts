import type { AuditCatalogue, AuditDescription, FieldDescriptions } from '@muster/lattice';

const CALL: FieldDescriptions = {
  method: {
    type: 'text',
    meaning: 'Method of the Workload API or the Delegated Identity API, `FetchX509SVID`.',
  },
  caller: {
    type: 'object',
    meaning:
      '`pid`, `uid` and `gid` of the process that called, and as `child` its name where it is an expected child.',
  },
};
const EXPIRES_AT = { type: 'text', meaning: 'When the SVID ends, RFC 3339.' } as const;
const AUDIENCE = { type: 'list of texts', meaning: 'Audience that was asked for.' } as const;

function kind(name: string): FieldDescriptions {
  return { ...CALL, kind: { type: 'text', meaning: `\`${name}\`` } };
}

function denied(when: string, reasons: readonly string[], details: FieldDescriptions): AuditDescription {
  return { when, decision: 'deny', rule: null, spiffeId: 'null', reasons, details };
}

/** Every kind of record that the authority writes. */
export const AUTHORITY_AUDIT: AuditCatalogue = {
  x509Issued: {
    when: 'An X.509-SVID was issued, to a process or, by a delegate, for a component.',
    decision: 'allow',
    rule: '<id of the entry>',
    spiffeId: 'who the SVID names',
    reasons: ['entry matches'],
    details: {
      ...kind('x509'),
      serial: { type: 'text', meaning: 'Serial number of the certificate, in hex.' },
      expiresAt: EXPIRES_AT,
    },
  },
  jwtIssued: {
    when: 'A JWT-SVID was issued.',
    decision: 'allow',
    rule: '<id of the entry>',
    spiffeId: 'who the SVID names',
    reasons: ['entry matches'],
    details: {
      ...kind('jwt'),
      audience: AUDIENCE,
      tokenId: { type: 'text', meaning: 'Its `jti`.' },
      expiresAt: EXPIRES_AT,
      delegate: {
        type: 'text',
        meaning: 'The host that asked, where the SVID is for a component.',
        isOptional: true,
      },
    },
  },
  bundleGiven: {
    when: 'A caller began to follow bundles. One record per stream.',
    decision: 'allow',
    rule: null,
    spiffeId: 'null',
    reasons: ['caller has an identity', 'caller is a delegate'],
    details: kind('bundle'),
  },
  tokenValid: {
    when: 'A JWT-SVID that a caller showed was found valid.',
    decision: 'allow',
    rule: null,
    spiffeId: 'who the SVID names',
    reasons: ['token is valid'],
    details: { ...kind('validation'), tokenId: { type: 'text or null', meaning: 'Its `jti`.' } },
  },
  noEntry: denied(
    'No entry is for what the kernel says about the caller, or none any more.',
    ['no entry matches', 'no entry matches for the wanted SPIFFE ID', 'identity withdrawn'],
    {
      ...CALL,
      wanted: { type: 'text', meaning: 'SPIFFE ID that was asked for.', isOptional: true },
      audience: { ...AUDIENCE, isOptional: true },
    },
  ),
  noComponentEntry: denied(
    'No entry is for the component that a delegate described, or none any more.',
    ['no entry matches the component', 'identity withdrawn'],
    {
      ...CALL,
      component: {
        type: 'object',
        meaning: 'What the delegate said: `component-digest`, `component-id`, `app`, `lattice`, `host-id`.',
      },
    },
  ),
  noDelegate: denied(
    'The caller may not use the Delegated Identity API.',
    ['caller is no authorized delegate'],
    CALL,
  ),
  tokenInvalid: denied('A JWT-SVID that a caller showed was not valid.', ['token is not valid'], {
    ...CALL,
    code: { type: 'text', meaning: 'Code of `@muster/spiffe`.' },
  }),
  tooMany: denied(
    'A caller makes more calls than it may in a second, or holds too many streams. Repeated refusals make one record.',
    ['too many calls', 'too many streams'],
    CALL,
  ),
  notAttested: denied(
    'The process behind a connection could not be told for sure.',
    ['Cannot attest a caller: <why>'],
    {
      method: CALL['method'] as NonNullable<(typeof CALL)['method']>,
    },
  ),
};
