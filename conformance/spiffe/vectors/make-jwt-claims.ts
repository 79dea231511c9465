// Tokens whose claims break a rule.
import type { SpiffeErrorCode } from '@muster/spiffe';
import type { AddJwt, JwtExpectation } from './make-jwt.ts';
import { AUDIENCE, FAR_AHEAD, ID, JUST_PAST, LAST, seconds } from './vector.ts';

export function makeClaims(add: AddJwt): void {
  const broken = (ours: SpiffeErrorCode, rule: string): JwtExpectation => ({ ours, rule, jose: 'accepted' });
  const strictly = (ours: SpiffeErrorCode, rule: string): JwtExpectation => ({ ours, rule });
  add('sub-missing', { claims: { sub: undefined } }, strictly('ERR_JWT_SUBJECT_MISSING', 'JWT-SVID 3.1'));
  add(
    'sub-not-an-id',
    { claims: { sub: 'user@example.org' } },
    broken('ERR_JWT_SUBJECT', 'JWT-SVID 3.1, JV-19'),
  );
  add(
    'sub-https',
    { claims: { sub: 'https://example.org/workload' } },
    broken('ERR_JWT_SUBJECT', 'JWT-SVID 3.1, JV-19'),
  );
  add('sub-not-a-string', { claims: { sub: [ID] } }, broken('ERR_JWT_SUBJECT', 'RFC 7519 4.1.2'));
  add(
    'sub-path-missing',
    { claims: { sub: 'spiffe://example.org' } },
    { ...broken('ERR_JWT_SUBJECT_PATH', 'JWT-SVID 3.1'), goSpiffe: 'accepted' },
  );
  add(
    'sub-of-a-trust-domain-without-bundle',
    { claims: { sub: 'spiffe://other.org/workload' } },
    broken('ERR_BUNDLE_NOT_FOUND', 'JWT-SVID 4, JV-18'),
  );
  add('sub-of-another-trust-domain', {}, broken('ERR_BUNDLE_NOT_FOUND', 'JWT-SVID 4, JV-17'), {
    trustDomain: 'other.org',
  });
  add('aud-missing', { claims: { aud: undefined } }, strictly('ERR_JWT_AUDIENCE', 'JWT-SVID 3.2, JV-7'));
  add('aud-empty-list', { claims: { aud: [] } }, strictly('ERR_JWT_AUDIENCE', 'JWT-SVID 3.2, JV-7'));
  add(
    'aud-with-an-empty-one',
    { claims: { aud: [AUDIENCE, ''] } },
    { ...broken('ERR_JWT_AUDIENCE_MALFORMED', 'RFC 7519 4.1.3 (own policy)'), goSpiffe: 'accepted' },
  );
  add(
    'aud-not-strings',
    { claims: { aud: [AUDIENCE, 1] } },
    broken('ERR_JWT_AUDIENCE_MALFORMED', 'RFC 7519 4.1.3'),
  );
  add(
    'aud-other',
    { claims: { aud: ['spiffe://example.org/other'] } },
    strictly('ERR_JWT_AUDIENCE_MISMATCH', 'JWT-SVID 3.2, JV-8'),
  );
  add(
    'aud-longer',
    { claims: { aud: `${AUDIENCE}-prod` } },
    strictly('ERR_JWT_AUDIENCE_MISMATCH', 'RFC 7519 4.1.3, JV-8'),
  );
  add(
    'aud-other-case',
    { claims: { aud: AUDIENCE.toUpperCase() } },
    strictly('ERR_JWT_AUDIENCE_MISMATCH', 'RFC 7519 4.1.3, JV-8'),
  );
  add('exp-missing', { claims: { exp: undefined } }, strictly('ERR_JWT_EXPIRY', 'JWT-SVID 3.3, JV-11'));
  add(
    'exp-a-string',
    { claims: { exp: String(seconds(LAST)) } },
    strictly('ERR_JWT_EXPIRY_MALFORMED', 'RFC 7519 4.1.4'),
  );
  add(
    'exp-in-milliseconds',
    { claims: { exp: LAST } },
    { ...broken('ERR_JWT_EXPIRY_MALFORMED', 'own limit: the year 9999'), goSpiffe: 'accepted' },
  );
  add(
    'exp-past',
    { claims: { exp: seconds(JUST_PAST) + 300 } },
    strictly('ERR_JWT_EXPIRED', 'JWT-SVID 3.3, JV-12'),
  );
  add(
    'nbf-ahead',
    { claims: { nbf: seconds(FAR_AHEAD) } },
    strictly('ERR_JWT_NOT_YET_VALID', 'RFC 7519 4.1.5, JV-13'),
  );
  add('nbf-a-string', { claims: { nbf: '0' } }, strictly('ERR_JWT_NOT_BEFORE', 'RFC 7519 4.1.5'));
  add(
    'iat-ahead',
    { claims: { iat: seconds(FAR_AHEAD) } },
    broken('ERR_JWT_ISSUED_IN_FUTURE', 'RFC 7519 4.1.6 (own policy)'),
  );
  add('iat-a-string', { claims: { iat: '0' } }, strictly('ERR_JWT_ISSUED_AT', 'RFC 7519 4.1.6'));
  add('claims-a-list', { claims: `["${ID}"]` }, strictly('ERR_JWT_CLAIMS', 'RFC 7519 7.2, JV-25'));
  add('claims-not-json', { claims: '{"sub":' }, strictly('ERR_JSON_MALFORMED', 'RFC 7519 7.2, JV-25'));
  const twice = `{"sub":"spiffe://example.org/admin","sub":"${ID}","aud":"${AUDIENCE}","exp":${seconds(LAST)}}`;
  add('claims-member-twice', { claims: twice }, broken('ERR_JSON_DUPLICATE_MEMBER', 'RFC 7519 4'));
  add(
    'claims-member-twice-escaped',
    { claims: twice.replace('"sub"', '"\\u0073ub"') },
    broken('ERR_JSON_DUPLICATE_MEMBER', 'RFC 7519 4'),
  );
}
