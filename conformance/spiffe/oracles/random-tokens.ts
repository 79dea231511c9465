// Random tokens and the keys they are verified with. Times are relative to now, since go-spiffe takes no other.
import { createRandom, mutateBytes, mutateJson, signJwt } from '@muster/testing';
import * as fc from 'fast-check';
import { generateJwtKeys, toJwtKey } from '../vectors/make-jwt.ts';
import { AUDIENCE, ID, TRUST_DOMAIN } from '../vectors/vector.ts';
import type { JwtCase } from './judge.ts';

const keys = generateJwtKeys();
const signers = [
  { kid: 'main', algorithms: ['ES256'], pair: keys.main },
  { kid: 'rsa', algorithms: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'], pair: keys.rsa },
  { kid: 'p384', algorithms: ['ES384'], pair: keys.p384 },
  { kid: 'p521', algorithms: ['ES512'], pair: keys.p521 },
] as const;
const document = {
  keys: [...signers.map(({ kid, pair }) => toJwtKey(kid, pair)), toJwtKey('ed25519', keys.ed25519)],
};

function mostly<T>(good: T, ...others: readonly [T, ...T[]]): fc.Arbitrary<T> {
  return fc.oneof(
    { weight: 10, arbitrary: fc.constant(good) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  );
}

const ABSENT = undefined;
const spec = fc.record({
  signer: fc.nat(signers.length - 1),
  algorithm: fc.nat(),
  kid: mostly<unknown>('own', ABSENT, 'main', 'rsa', 'unknown', 1, '', null),
  alg: mostly<unknown>('own', 'none', 'HS256', 'EdDSA', 'ES256', 'RS256', ABSENT, null, ['ES256']),
  typ: mostly<unknown>('JWT', 'JOSE', ABSENT, 'jwt', 'at+jwt', '', null, 5, 'wit+jwt'),
  header: mostly<object>(
    {},
    { crit: ['exp'] },
    { crit: [] },
    { b64: false },
    { jwk: {} },
    { x5c: ['AAAA'] },
    { cty: 'JWT' },
    { zip: 'DEF' },
    { a: 1 },
    { jku: 'https://a.example' },
    { nonce: 'a' },
    { nonce: 1 },
  ),
  sub: mostly<unknown>(
    ID,
    'spiffe://example.org',
    'spiffe://other.org/a',
    ABSENT,
    '',
    1,
    'user',
    'spiffe://example.org/a/',
    null,
    [ID],
  ),
  aud: mostly<unknown>(
    [AUDIENCE],
    AUDIENCE,
    ['a', AUDIENCE],
    [],
    ABSENT,
    'a',
    [1, AUDIENCE],
    null,
    [''],
    { a: 1 },
    `${AUDIENCE}/`,
    [AUDIENCE, ''],
  ),
  exp: mostly<unknown>(300, -30, -90, -86_400, ABSENT, 'text', null, 1e13, 0.5 + 300, 4e9, -4e9, 1e300),
  nbf: mostly<unknown>(ABSENT, -10, 10, 900, 86_400, 'text', null, -4e9),
  iat: mostly<unknown>(-10, ABSENT, 10, 900, 'text', null, 0.25),
  /** How the whole is changed after it was made. */
  mutation: mostly<'none' | 'header' | 'claims' | 'token' | 'keys'>(
    'none',
    'header',
    'claims',
    'token',
    'keys',
  ),
  seed: fc.nat(),
});

export const randomToken: fc.Arbitrary<JwtCase> = spec.map((one) => {
  const at = Date.now();
  const random = createRandom(one.seed);
  const signer = signers[one.signer]!;
  const algorithm = signer.algorithms[one.algorithm % signer.algorithms.length]!;
  const header = {
    alg: one.alg === 'own' ? algorithm : one.alg,
    kid: one.kid === 'own' ? signer.kid : one.kid,
    typ: one.typ,
    ...one.header,
  };
  const claims = {
    sub: one.sub,
    aud: one.aud,
    exp: toInstant(one.exp, at),
    nbf: toInstant(one.nbf, at),
    iat: toInstant(one.iat, at),
  };
  const isOf = (what: string): boolean => one.mutation === what;
  // The algorithm in the header may be any; the signature is made by the one that fits the key.
  const parts = [
    isOf('header') ? mutateJson(header, random) : header,
    isOf('claims') ? mutateJson(claims, random) : claims,
  ];
  const [first, second] = parts.map((part) => JSON.stringify(part) ?? '');
  let token = signJwt(first ?? '', second ?? '', signer.pair.privateKey, algorithm);
  if (isOf('token'))
    token = mutateBytes(Buffer.from(token), random, [Buffer.from('.=+/ "')]).toString('latin1');
  return {
    kind: 'jwt',
    trustDomain: TRUST_DOMAIN,
    token,
    document: Buffer.from(JSON.stringify(toDocument())),
    audience: AUDIENCE,
    at,
  };

  function toDocument(): object {
    if (!isOf('keys')) return document;
    const changes = [
      { alg: algorithm },
      { alg: 'RS512' },
      { use: undefined },
      { use: 'x509-svid' },
      { use: 'sig' },
      { key_ops: ['verify'] },
      { key_ops: ['sign'] },
    ];
    return { keys: document.keys.map((key) => ({ ...key, ...random.pick(changes) })) };
  }
});

/** Numbers below a billion are seconds from now; those above are what they are. */
function toInstant(value: unknown, at: number): unknown {
  return typeof value === 'number' && Math.abs(value) < 1e9 ? Math.floor(at / 1000) + value : value;
}
