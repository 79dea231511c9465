// One good token per algorithm, and one token per rule that is broken.
import type { SpiffeErrorCode } from '@muster/spiffe';
import { generateEcKeyPair, type KeyPair, signJwt } from '@muster/testing';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { makeClaims } from './make-jwt-claims.ts';
import { makeForms, signWithEd25519, signWithHmac } from './make-jwt-forms.ts';
import {
  AUDIENCE,
  type Judgement,
  type JwtVector,
  LAST,
  type MadeVectors,
  TRUST_DOMAIN,
  goodClaims,
  seconds,
} from './vector.ts';

export interface JwtExpectation {
  readonly rule: string;
  readonly ours: 'accepted' | SpiffeErrorCode;
  readonly goSpiffe?: Judgement;
  readonly jose?: Judgement;
}

interface Changes {
  readonly header?: Readonly<Record<string, unknown>> | string;
  readonly claims?: Readonly<Record<string, unknown>> | string;
  readonly key?: KeyObject;
  readonly spoil?: (token: string) => string;
}

export interface JwtKeys {
  readonly main: KeyPair;
  readonly rsa: KeyPair;
  readonly p384: KeyPair;
  readonly p521: KeyPair;
  readonly ed25519: KeyPair;
}

export function generateJwtKeys(): JwtKeys {
  return {
    main: generateEcKeyPair(),
    rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
    p384: generateEcKeyPair('P-384'),
    p521: generateEcKeyPair('P-521'),
    ed25519: generateKeyPairSync('ed25519'),
  };
}

export function toJwtKey(
  kid: string | undefined,
  { publicKey }: KeyPair,
  more: object = {},
): Record<string, unknown> {
  return {
    use: 'jwt-svid',
    ...(kid === undefined ? {} : { kid }),
    ...publicKey.export({ format: 'jwk' }),
    ...more,
  };
}

export function makeJwtVectors(): MadeVectors {
  const keys = generateJwtKeys();
  const document = {
    keys: [
      toJwtKey('main', keys.main),
      toJwtKey('rsa', keys.rsa),
      toJwtKey('p384', keys.p384),
      toJwtKey('p521', keys.p521),
      toJwtKey('ed25519', keys.ed25519),
    ],
  };
  const shared = new Map([
    ['jwt/authority.jwks.json', `${JSON.stringify(document)}\n`],
    [
      'jwt/double-kid.jwks.json',
      `${JSON.stringify({ keys: [document.keys[0], toJwtKey('main', keys.p384), toJwtKey('main', generateEcKeyPair())] })}\n`,
    ],
    ['jwt/empty.jwks.json', '{"keys":[]}\n'],
  ]);
  const vectors: { vector: JwtVector; contents: string }[] = [];
  const add = (
    name: string,
    changes: Changes,
    expected: JwtExpectation,
    other: Partial<JwtVector> = {},
  ): void => {
    const spoil = changes.spoil ?? ((token: string): string => token);
    const header =
      typeof changes.header === 'string'
        ? changes.header
        : { alg: 'ES256', kid: 'main', typ: 'JWT', ...changes.header };
    const claims = typeof changes.claims === 'string' ? changes.claims : { ...goodClaims, ...changes.claims };
    const token = spoil(signJwt(header, claims, changes.key ?? keys.main.privateKey));
    const vector = {
      kind: 'jwt',
      name,
      trustDomain: TRUST_DOMAIN,
      bundle: 'authority.jwks.json',
      audience: AUDIENCE,
    } as const;
    vectors.push({ vector: { ...vector, ...expected, ...other }, contents: `${token}\n` });
  };
  makeValid(add, keys);
  makeHeaders(add, keys);
  makeClaims(add);
  makeForms(add, keys);
  return { vectors, shared };
}

export type AddJwt = (
  name: string,
  changes: Changes,
  expected: JwtExpectation,
  other?: Partial<JwtVector>,
) => void;

function makeValid(add: AddJwt, keys: JwtKeys): void {
  const accepted = (rule: string): JwtExpectation => ({ ours: 'accepted', rule });
  const algorithms: [string, string, KeyPair][] = [
    ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'].map((alg): [string, string, KeyPair] => [
      alg,
      'rsa',
      keys.rsa,
    ]),
    ['ES256', 'main', keys.main],
    ['ES384', 'p384', keys.p384],
    ['ES512', 'p521', keys.p521],
  ];
  add('valid', {}, accepted('JWT-SVID 4, JV-1'));
  for (const [alg, kid, { privateKey }] of algorithms) {
    add(
      `valid-${alg.toLowerCase()}`,
      { header: { alg, kid }, key: privateKey },
      accepted('JWT-SVID 2.1, JV-2'),
    );
  }
  add(
    'valid-no-kid',
    { header: { kid: undefined } },
    { ...accepted('JWT-SVID 2.2, JV-22'), goSpiffe: 'refused' },
  );
  add('valid-no-typ', { header: { typ: undefined } }, accepted('JWT-SVID 2.3, JV-20'));
  add('valid-typ-jose', { header: { typ: 'JOSE' } }, accepted('JWT-SVID 2.3, JV-20'));
  add('valid-private-header', { header: { 'example.org/a': 1 } }, accepted('RFC 7515 4.3'));
  add('valid-aud-string', { claims: { aud: AUDIENCE } }, accepted('RFC 7519 4.1.3, JV-10'));
  add('valid-aud-list', { claims: { aud: ['other', AUDIENCE] } }, accepted('RFC 7519 4.1.3, JV-9'));
  add('valid-exp-fraction', { claims: { exp: seconds(LAST) + 0.5 } }, accepted('RFC 7519 2'));
  add('valid-no-iat', { claims: { iat: undefined } }, accepted('JWT-SVID 3'));
  add('valid-nonce-not-text', { header: { nonce: 1 } }, { ...accepted('JWT-SVID 2'), goSpiffe: 'refused' });
  add(
    'valid-two-keys-of-one-kid',
    {},
    { ...accepted('RFC 7517 4.5'), goSpiffe: 'refused' },
    { bundle: 'double-kid.jwks.json' },
  );
  add('valid-not-ascii', { claims: { name: 'Zürich ✓' } }, accepted('RFC 7519 7.1'));
}

function makeHeaders(add: AddJwt, keys: JwtKeys): void {
  const broken = (ours: SpiffeErrorCode, rule: string): JwtExpectation => ({ ours, rule });
  const algorithm = (rule: string): JwtExpectation => broken('ERR_JWT_ALGORITHM', rule);
  const both = { goSpiffe: 'accepted', jose: 'accepted' } as const;
  add(
    'alg-none',
    { header: { alg: 'none' }, spoil: (token) => token.slice(0, token.lastIndexOf('.') + 1) },
    broken('ERR_JWT_MALFORMED', 'JWT-SVID 2.1, JV-3'),
  );
  add('alg-none-with-signature', { header: { alg: 'none' } }, algorithm('JWT-SVID 2.1, JV-3'));
  add('alg-missing', { header: { alg: undefined } }, algorithm('JWT-SVID 2.1'));
  add('alg-hs256-with-public-key', { spoil: () => signWithHmac(keys.main) }, algorithm('JWT-SVID 2.1, JV-4'));
  add('alg-eddsa', { spoil: () => signWithEd25519(keys.ed25519) }, algorithm('JWT-SVID 2.1, JV-5'));
  add(
    'alg-of-another-key-type',
    { header: { alg: 'RS256' }, key: keys.rsa.privateKey },
    broken('ERR_JWT_KEY_ALGORITHM', 'RFC 7518 3.1, JV-6'),
  );
  add(
    'alg-of-another-curve',
    { header: { alg: 'ES384' } },
    broken('ERR_JWT_KEY_ALGORITHM', 'RFC 7518 3.4, JV-6'),
  );
  add('kid-unknown', { header: { kid: 'other' } }, broken('ERR_JWT_KEY_NOT_FOUND', 'JWT-SVID 4, JV-16'));
  add('kid-of-another-key', { header: { kid: 'rsa' } }, broken('ERR_JWT_KEY_ALGORITHM', 'JWT-SVID 4, JB-4'));
  add('kid-not-a-string', { header: { kid: 1 } }, broken('ERR_JWT_KEY_ID', 'RFC 7515 4.1.4'));
  add(
    'typ-other',
    { header: { typ: 'at+jwt' } },
    { ...broken('ERR_JWT_TYPE', 'JWT-SVID 2.3, JV-21'), jose: 'accepted' },
  );
  add(
    'typ-lower-case',
    { header: { typ: 'jwt' } },
    { ...broken('ERR_JWT_TYPE', 'JWT-SVID 2.3, JV-21'), jose: 'accepted' },
  );
  add(
    'crit-unknown',
    { header: { crit: ['example.org/a'], 'example.org/a': 1 } },
    broken('ERR_JWT_CRITICAL_HEADER', 'RFC 7515 4.1.11, JV-23'),
  );
  add(
    'header-jwk',
    { header: { jwk: keys.main.publicKey.export({ format: 'jwk' }) } },
    { ...broken('ERR_JWT_HEADER_PARAMETER', 'JWT-SVID 2'), ...both },
  );
  add(
    'header-jku',
    { header: { jku: 'https://example.org/keys' } },
    { ...broken('ERR_JWT_HEADER_PARAMETER', 'JWT-SVID 2'), ...both },
  );
  add(
    'header-x5c',
    { header: { x5c: ['AAAA'] } },
    { ...broken('ERR_JWT_HEADER_PARAMETER', 'JWT-SVID 2'), jose: 'accepted' },
  );
  add(
    'header-member-twice',
    { header: '{"alg":"ES256","kid":"other","kid":"main"}' },
    { ...broken('ERR_JSON_DUPLICATE_MEMBER', 'RFC 7515 4'), jose: 'accepted' },
  );
  add('header-not-json', { header: '{"alg":"ES256"' }, broken('ERR_JSON_MALFORMED', 'RFC 7515 4, JV-25'));
  add(
    'crit-empty',
    { header: { crit: [] } },
    { ...broken('ERR_JWT_CRITICAL_HEADER', 'RFC 7515 4.1.11'), goSpiffe: 'accepted' },
  );
  add('header-a-list', { header: '["ES256"]' }, broken('ERR_JWT_HEADER', 'RFC 7515 4, JV-25'));
}
