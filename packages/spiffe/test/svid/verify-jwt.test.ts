import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';

import { createTestJwtAuthority, generateEcKeyPair, signJwt } from '@muster/testing';
import type { JwtOverrides } from '@muster/testing';
import * as fc from 'fast-check';

import { isSpiffeError, JwtBundle, JwtBundleSet, TrustDomain, verifyJwtSvid } from '../../src/index.ts';
import type { JwtBundleSource, VerifiedJwtSvid } from '../../src/index.ts';

const NOW = Date.UTC(2030, 5, 1);
const SECONDS = NOW / 1000;
const ID = 'spiffe://example.org/workload';
const AUDIENCE = 'spiffe://example.org/callout';
const td = TrustDomain.parse('example.org');
const authority = createTestJwtAuthority('example.org', NOW);
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });

function verify(token: string, bundles: JwtBundleSource = authority.bundle): VerifiedJwtSvid {
  return verifyJwtSvid(token, { bundles, audience: AUDIENCE, now: NOW });
}

function verifyWith(overrides: JwtOverrides): VerifiedJwtSvid {
  return verify(authority.issue(ID, AUDIENCE, overrides));
}

function bundleOf(...keys: object[]): JwtBundle {
  return JwtBundle.fromJwks(td, JSON.stringify({ keys }));
}

test('a good token gives ID, audience, times and claims', () => {
  const verified = verify(
    authority.issue(ID, [AUDIENCE, 'other'], { claims: { jti: 'abc', extra: { a: 1 } } }),
  );
  assert.equal(verified.id.toString(), ID);
  assert.deepEqual(verified.audience, [AUDIENCE, 'other']);
  assert.equal(verified.expiresAt, NOW + 300_000);
  assert.equal(verified.issuedAt, NOW);
  assert.equal(verified.jti, 'abc');
  assert.deepEqual(verified.claims['extra'], { a: 1 });
});

test('the same header text twice is verified twice', () => {
  const token = authority.issue(ID, AUDIENCE);
  verify(token);
  verify(token);
  assert.throws(() => verify(`${token.slice(0, -4)}AAAA`), { code: 'ERR_JWT_SIGNATURE' });
});

test('what is no text is refused like any other bad token', () => {
  // What a caller without types passes on when a request has no token.
  for (const missing of [undefined, null, 1, ['a.b.c'], {}]) {
    assert.throws(() => verify(missing as never), { name: 'SpiffeError', code: 'ERR_JWT_MALFORMED' });
  }
});

test('the audience that was wanted is named', () => {
  assert.throws(() => verify(authority.issue(ID, 'other')), {
    code: 'ERR_JWT_AUDIENCE_MISMATCH',
    message: `Cannot accept JWT-SVID: it is meant for another audience than "${AUDIENCE}"`,
  });
  const bundles = authority.bundle;
  assert.throws(
    () =>
      verifyJwtSvid(authority.issue(ID, 'undefined'), { bundles, audience: undefined as never, now: NOW }),
    {
      code: 'ERR_JWT_AUDIENCE_MISMATCH',
    },
  );
});

const good: [string, JwtOverrides][] = [
  ['an audience as a string', {}],
  ['no kid', { header: { kid: undefined } }],
  ['no typ', { header: { typ: undefined } }],
  ['typ JOSE', { header: { typ: 'JOSE' } }],
  ['an unknown private header parameter', { header: { 'example.org/x': 1 } }],
  ['no iat', { claims: { iat: undefined } }],
  ['nbf now', { claims: { nbf: SECONDS } }],
  ['nbf within the leeway', { claims: { nbf: SECONDS + 60 } }],
  ['iat within the leeway', { claims: { iat: SECONDS + 60 } }],
  ['a fraction in exp', { claims: { exp: SECONDS + 0.5 } }],
  ['claims that are not ASCII', { claims: { name: 'Zürich ✓' } }],
  ['a jti that is no string', { claims: { jti: 5 } }],
];
for (const [name, overrides] of good) {
  test(`accepts ${name}`, () => {
    assert.equal(verifyWith(overrides).id.toString(), ID);
  });
}

const bad: [string, string, JwtOverrides][] = [
  ['A1 alg none', 'ERR_JWT_ALGORITHM', { header: { alg: 'none' } }],
  ['A1 alg None', 'ERR_JWT_ALGORITHM', { header: { alg: 'None' } }],
  ['A1 alg nOnE', 'ERR_JWT_ALGORITHM', { header: { alg: 'nOnE' } }],
  ['A1 alg empty', 'ERR_JWT_ALGORITHM', { header: { alg: '' } }],
  ['A1 alg missing', 'ERR_JWT_ALGORITHM', { header: { alg: undefined } }],
  ['A1 alg as a list', 'ERR_JWT_ALGORITHM', { header: { alg: ['ES256'] } }],
  ['A1 alg toString', 'ERR_JWT_ALGORITHM', { header: { alg: 'toString' } }],
  ['A1 EdDSA', 'ERR_JWT_ALGORITHM', { header: { alg: 'EdDSA' } }],
  ['A1 ES256K', 'ERR_JWT_ALGORITHM', { header: { alg: 'ES256K' } }],
  ['A3 alg of another key type', 'ERR_JWT_KEY_ALGORITHM', { header: { alg: 'RS256' } }],
  ['A3 alg of another curve', 'ERR_JWT_KEY_ALGORITHM', { header: { alg: 'ES384' } }],
  ['A4 kid unknown', 'ERR_JWT_KEY_NOT_FOUND', { header: { kid: 'key-2' } }],
  ['A4 kid is a path', 'ERR_JWT_KEY_NOT_FOUND', { header: { kid: '../../key-1' } }],
  ['A4 kid is a URL', 'ERR_JWT_KEY_NOT_FOUND', { header: { kid: 'https://evil.example/key-1' } }],
  ['A4 kid is SQL', 'ERR_JWT_KEY_NOT_FOUND', { header: { kid: "key-1' OR '1'='1" } }],
  ['A4 kid is __proto__', 'ERR_JWT_KEY_NOT_FOUND', { header: { kid: '__proto__' } }],
  ['A4 kid is a list', 'ERR_JWT_KEY_ID', { header: { kid: ['key-1'] } }],
  ['A4 kid is null', 'ERR_JWT_KEY_ID', { header: { kid: null } }],
  ['A4 kid is empty', 'ERR_JWT_KEY_ID', { header: { kid: '' } }],
  ['A4 kid of 256 characters', 'ERR_JWT_KEY_ID', { header: { kid: 'a'.repeat(256) } }],
  ['A5 jwk', 'ERR_JWT_HEADER_PARAMETER', { header: { jwk: { kty: 'EC' } } }],
  ['A5 jku', 'ERR_JWT_HEADER_PARAMETER', { header: { jku: 'https://evil.example/jwks' } }],
  ['A5 x5u', 'ERR_JWT_HEADER_PARAMETER', { header: { x5u: 'https://evil.example/cert' } }],
  ['A5 x5c', 'ERR_JWT_HEADER_PARAMETER', { header: { x5c: ['AAAA'] } }],
  ['A5 x5t#S256', 'ERR_JWT_HEADER_PARAMETER', { header: { 'x5t#S256': 'AAAA' } }],
  ['A6 crit', 'ERR_JWT_CRITICAL_HEADER', { header: { crit: ['exp'] } }],
  ['A6 empty crit', 'ERR_JWT_CRITICAL_HEADER', { header: { crit: [] } }],
  ['A7 b64 false', 'ERR_JWT_HEADER_PARAMETER', { header: { b64: false } }],
  ['A7 b64 false with crit', 'ERR_JWT_CRITICAL_HEADER', { header: { b64: false, crit: ['b64'] } }],
  ['A13 typ wit+jwt', 'ERR_JWT_TYPE', { header: { typ: 'wit+jwt' } }],
  ['A13 typ at+jwt', 'ERR_JWT_TYPE', { header: { typ: 'at+jwt' } }],
  ['A13 typ jwt in lower case', 'ERR_JWT_TYPE', { header: { typ: 'jwt' } }],
  ['A9 no exp', 'ERR_JWT_EXPIRY', { claims: { exp: undefined } }],
  ['A9 exp as a string', 'ERR_JWT_EXPIRY_MALFORMED', { claims: { exp: String(SECONDS + 300) } }],
  ['A9 exp null', 'ERR_JWT_EXPIRY_MALFORMED', { claims: { exp: null } }],
  ['A9 exp negative', 'ERR_JWT_EXPIRY_MALFORMED', { claims: { exp: -1 } }],
  ['A9 exp in milliseconds', 'ERR_JWT_EXPIRY_MALFORMED', { claims: { exp: NOW + 300_000 } }],
  ['A9 exp now', 'ERR_JWT_EXPIRED', { claims: { exp: SECONDS } }],
  ['A9 exp in the past', 'ERR_JWT_EXPIRED', { claims: { exp: SECONDS - 300 } }],
  ['A9 nbf in the future', 'ERR_JWT_NOT_YET_VALID', { claims: { nbf: SECONDS + 61 } }],
  ['A9 nbf as a string', 'ERR_JWT_NOT_BEFORE', { claims: { nbf: '0' } }],
  ['A9 iat far ahead', 'ERR_JWT_ISSUED_IN_FUTURE', { claims: { iat: SECONDS + 61 } }],
  ['A9 iat as a list', 'ERR_JWT_ISSUED_AT', { claims: { iat: [SECONDS] } }],
  ['A10 no aud', 'ERR_JWT_AUDIENCE', { claims: { aud: undefined } }],
  ['A10 empty list as aud', 'ERR_JWT_AUDIENCE', { claims: { aud: [] } }],
  ['A10 empty aud', 'ERR_JWT_AUDIENCE', { claims: { aud: '' } }],
  ['A10 aud with a number', 'ERR_JWT_AUDIENCE_MALFORMED', { claims: { aud: [AUDIENCE, 1] } }],
  ['A10 aud with an object', 'ERR_JWT_AUDIENCE_MALFORMED', { claims: { aud: { 0: AUDIENCE } } }],
  ['A10 aud with a longer name', 'ERR_JWT_AUDIENCE_MISMATCH', { claims: { aud: `${AUDIENCE}-prod` } }],
  ['A10 aud with a shorter name', 'ERR_JWT_AUDIENCE_MISMATCH', { claims: { aud: AUDIENCE.slice(0, -1) } }],
  ['A10 aud in upper case', 'ERR_JWT_AUDIENCE_MISMATCH', { claims: { aud: AUDIENCE.toUpperCase() } }],
  ['A10 aud with a trailing slash', 'ERR_JWT_AUDIENCE_MISMATCH', { claims: { aud: `${AUDIENCE}/` } }],
  [
    'A10 aud of another service',
    'ERR_JWT_AUDIENCE_MISMATCH',
    { claims: { aud: ['spiffe://example.org/other', 'nats'] } },
  ],
  ['A18 sub that is no SPIFFE ID', 'ERR_JWT_SUBJECT', { claims: { sub: 'user@example.org' } }],
  ['no sub', 'ERR_JWT_SUBJECT_MISSING', { claims: { sub: undefined } }],
  ['sub as a list', 'ERR_JWT_SUBJECT', { claims: { sub: [ID] } }],
  ['sub without a path', 'ERR_JWT_SUBJECT_PATH', { claims: { sub: 'spiffe://example.org' } }],
  ['A21 sub with dot segments', 'ERR_JWT_SUBJECT', { claims: { sub: 'spiffe://example.org/a/../b' } }],
  ['A22 sub in upper case', 'ERR_JWT_SUBJECT', { claims: { sub: 'spiffe://EXAMPLE.ORG/a' } }],
  ['sub of an unknown trust domain', 'ERR_BUNDLE_NOT_FOUND', { claims: { sub: 'spiffe://other.org/a' } }],
];
for (const [name, code, overrides] of bad) {
  test(`refuses ${name}`, () => {
    assert.throws(() => verifyWith(overrides), { name: 'SpiffeError', code });
  });
}

test('A2 HS256 with the public key in every spelling is refused', () => {
  const publicKey = authority.keyPair.publicKey;
  const pem = publicKey.export({ format: 'pem', type: 'spki' }) as string;
  const secrets = [
    pem,
    ` ${pem}`,
    pem.replaceAll('\n', '\r\n'),
    publicKey.export({ format: 'der', type: 'spki' }),
    JSON.stringify(publicKey.export({ format: 'jwk' })),
  ];
  const [, claims] = authority.issue(ID, AUDIENCE).split('.');
  for (const secret of secrets) {
    for (const alg of ['HS256', 'HS384', 'HS512']) {
      const header = Buffer.from(JSON.stringify({ alg, kid: 'key-1', typ: 'JWT' })).toString('base64url');
      const mac = createHmac(`sha${alg.slice(2)}`, secret)
        .update(`${header}.${claims}`)
        .digest('base64url');
      assert.throws(() => verify(`${header}.${claims}.${mac}`), { code: 'ERR_JWT_ALGORITHM' });
    }
  }
});

test('A3 the alg of the key in the bundle binds', () => {
  const jwk = { kid: 'key-1', ...rsa.publicKey.export({ format: 'jwk' }) };
  const claims = { sub: ID, aud: AUDIENCE, exp: SECONDS + 300 };
  const bound = bundleOf({ ...jwk, alg: 'RS256' });
  verify(signJwt({ alg: 'RS256', kid: 'key-1' }, claims, rsa.privateKey), bound);
  assert.throws(() => verify(signJwt({ alg: 'PS256', kid: 'key-1' }, claims, rsa.privateKey), bound), {
    code: 'ERR_JWT_KEY_ALGORITHM',
  });
});

test('every algorithm of the standard verifies, and none verifies as another', () => {
  const keyPairs = {
    RS: rsa,
    PS: rsa,
    ES256: generateEcKeyPair(),
    ES384: generateEcKeyPair('P-384'),
    ES512: generateEcKeyPair('P-521'),
  };
  for (const alg of ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512']) {
    const keyPair = keyPairs[(alg in keyPairs ? alg : alg.slice(0, 2)) as keyof typeof keyPairs];
    const bundle = bundleOf({ kid: 'k', ...keyPair.publicKey.export({ format: 'jwk' }) });
    const claims = { sub: ID, aud: AUDIENCE, exp: SECONDS + 300 };
    const token = signJwt({ alg, kid: 'k' }, claims, keyPair.privateKey);
    assert.equal(verify(token, bundle).id.toString(), ID, alg);
    const [, body, signature] = token.split('.');
    for (const other of ['RS256', 'RS512', 'PS256', 'ES256', 'ES384'].filter((name) => name !== alg)) {
      const header = Buffer.from(JSON.stringify({ alg: other, kid: 'k' })).toString('base64url');
      assert.throws(
        () => verify(`${header}.${body}.${signature}`, bundle),
        isSpiffeError,
        `${alg} as ${other}`,
      );
    }
  }
});

test('A8 duplicate members are refused, whatever their spelling', () => {
  const key = authority.keyPair.privateKey;
  const header = '{"alg":"ES256","kid":"key-1"}';
  const claims = `{"sub":"${ID}","aud":"${AUDIENCE}","exp":${SECONDS + 300}}`;
  verify(signJwt(header, claims, key));
  const headers = [
    '{"alg":"ES256","alg":"ES256"}',
    '{"alg":"ES256","\\u0061lg":"none"}',
    '{"alg":"ES256","kid":"key-1","kid":"key-1"}',
  ];
  for (const text of headers) {
    assert.throws(() => verify(signJwt(text, claims, key)), { code: 'ERR_JSON_DUPLICATE_MEMBER' }, text);
  }
  const bodies = [
    claims.replace('}', `,"sub":"spiffe://example.org/admin"}`),
    claims.replace('}', `,"exp":${SECONDS + 999_999}}`),
    claims.replace('}', ',"\\u0073ub":"spiffe://example.org/admin"}'),
    claims.replace('}', ',"x":[{"a":1,"a":2}]}'),
    claims.replace('}', ',"__proto__":1,"__proto__":2}'),
  ];
  for (const text of bodies) {
    assert.throws(() => verify(signJwt(header, text, key)), { code: 'ERR_JSON_DUPLICATE_MEMBER' }, text);
  }
  // The same name in different objects is no duplicate, nor is a value that looks like a name.
  verify(
    signJwt(
      header,
      claims.replace('}', ',"x":{"sub":"a","y":{"sub":"b"}},"l":["sub","sub",{"sub":1}]}'),
      key,
    ),
  );
});

test('A9 numbers beyond all bounds are refused', () => {
  const text = (exp: string): string => `{"sub":"${ID}","aud":"${AUDIENCE}","exp":${exp}}`;
  for (const exp of ['1e400', '-1e400', '1e12', '253402300800', 'true', '{}', '[]']) {
    assert.throws(
      () => verify(signJwt('{"alg":"ES256"}', text(exp), authority.keyPair.privateKey)),
      { code: 'ERR_JWT_EXPIRY_MALFORMED' },
      exp,
    );
  }
  verify(signJwt('{"alg":"ES256"}', text('253402300799'), authority.keyPair.privateKey));
});

test('an inherited exp does not count', () => {
  const text = `{"sub":"${ID}","aud":"${AUDIENCE}","__proto__":{"exp":${SECONDS + 300}}}`;
  assert.throws(() => verify(signJwt('{"alg":"ES256"}', text, authority.keyPair.privateKey)), {
    code: 'ERR_JWT_EXPIRY',
  });
});

test('leeways are what they are set to', () => {
  const late = authority.issue(ID, AUDIENCE, { claims: { exp: SECONDS - 10 } });
  const options = { bundles: authority.bundle, audience: AUDIENCE, now: NOW };
  assert.throws(() => verifyJwtSvid(late, options), { code: 'ERR_JWT_EXPIRED' });
  verifyJwtSvid(late, { ...options, expiryLeewayMs: 10_001 });
  assert.throws(() => verifyJwtSvid(late, { ...options, expiryLeewayMs: 10_000 }), {
    code: 'ERR_JWT_EXPIRED',
  });
  const early = authority.issue(ID, AUDIENCE, { claims: { nbf: SECONDS + 1 } });
  assert.throws(() => verifyJwtSvid(early, { ...options, leewayMs: 0 }), { code: 'ERR_JWT_NOT_YET_VALID' });
});

test('A14 a key marked for another use does not verify tokens', () => {
  const jwk = { kid: 'key-1', ...authority.keyPair.publicKey.export({ format: 'jwk' }) };
  for (const use of ['x509-svid', 'wit-svid', 'sig', '', null]) {
    const bundle = bundleOf({ ...jwk, use });
    assert.equal(bundle.ignored.length, 1);
    assert.throws(() => verify(authority.issue(ID, AUDIENCE), bundle), { code: 'ERR_BUNDLE_EMPTY' });
  }
  verify(authority.issue(ID, AUDIENCE), bundleOf({ ...jwk, use: 'jwt-svid' }));
  verify(authority.issue(ID, AUDIENCE), bundleOf(jwk));
});

test('A15 keys that are too weak or odd do not get into a bundle', () => {
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' });
  const k1 = generateEcKeyPair('secp256k1').publicKey.export({ format: 'jwk' });
  const p192 = { kty: 'EC', crv: 'P-192', x: 'AA', y: 'AA' };
  const octets = { kty: 'oct', k: 'AAAA' };
  const ed25519 = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
  const notOnCurve = { kty: 'EC', crv: 'P-256', x: 'A'.repeat(43), y: 'A'.repeat(43) };
  const bundle = bundleOf(
    ...[weak, k1, p192, octets, ed25519, notOnCurve].map((jwk) => ({ kid: 'key-1', ...jwk })),
  );
  assert.equal(bundle.authorities.length, 0);
  assert.equal(bundle.ignored.length, 6);
});

test('A15 signatures in another form are refused', () => {
  const token = authority.issue(ID, AUDIENCE);
  const signed = token.slice(0, token.lastIndexOf('.'));
  const raw = Buffer.from(token.slice(token.lastIndexOf('.') + 1), 'base64url');
  const zero = Buffer.alloc(32);
  const order = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex');
  const inDer = sign('sha256', Buffer.from(signed), authority.keyPair.privateKey);
  const forms: [string, Buffer][] = [
    ['DER', inDer],
    ['r and s zero', Buffer.alloc(64)],
    ['r zero', Buffer.concat([zero, raw.subarray(32)])],
    ['s zero', Buffer.concat([raw.subarray(0, 32), zero])],
    ['r and s the order', Buffer.concat([order, order])],
    ['a byte more', Buffer.concat([raw, Buffer.from([0])])],
    ['a byte less', raw.subarray(0, 63)],
    ['a byte before', Buffer.concat([Buffer.from([0]), raw])],
    ['half', raw.subarray(0, 32)],
    ['96 bytes', Buffer.concat([raw, zero])],
    ['600 bytes', Buffer.alloc(600, 1)],
  ];
  for (const [name, signature] of forms) {
    assert.throws(
      () => verify(`${signed}.${signature.toString('base64url')}`),
      { code: 'ERR_JWT_SIGNATURE' },
      name,
    );
  }
});

test('A15 the other of two equal signatures is the same token to the standard', () => {
  // r, s and r, n - s are both valid in ECDSA and JWS knows no low-s rule: nobody may tell tokens apart by their text.
  const token = authority.issue(ID, AUDIENCE);
  const [header, claims, signature] = token.split('.');
  const raw = Buffer.from(signature!, 'base64url');
  const order = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551');
  const other = (order - BigInt(`0x${raw.subarray(32).toString('hex')}`)).toString(16).padStart(64, '0');
  verify(
    `${header}.${claims}.${Buffer.concat([raw.subarray(0, 32), Buffer.from(other, 'hex')]).toString('base64url')}`,
  );
});

test('A16 only one spelling of base64url is accepted', () => {
  const token = authority.issue(ID, AUDIENCE);
  const [header, claims, signature] = token.split('.') as [string, string, string];
  const lastCharacter = signature.at(-1)!;
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const sameBytes = alphabet.at(alphabet.indexOf(lastCharacter) + 1)!;
  assert.deepEqual(
    Buffer.from(signature.slice(0, -1) + sameBytes, 'base64url'),
    Buffer.from(signature, 'base64url'),
  );
  const spellings = [
    `${header}.${claims}.${signature}==`,
    `${header}=.${claims}.${signature}`,
    `${header}.${claims}=.${signature}`,
    `${header}.${claims}.${signature.slice(0, -1)}${sameBytes}`,
    `${header}.${claims}.${signature} `,
    ` ${token}`,
    `${token}\n`,
    `${header}.${claims}.${signature.slice(0, 10)}\n${signature.slice(10)}`,
    `${header}.${claims}.+${signature.slice(1)}`,
    `${header}.${claims}./${signature.slice(1)}`,
    `${header}.${claims}.${signature}A`.replace(signature, `${signature}AAA`),
    `${header}.${claims}.ü${signature.slice(1)}`,
  ];
  for (const text of spellings) {
    assert.throws(() => verify(text), isSpiffeError, text);
  }
  for (const text of [
    `${header}=.${claims}.${signature}`,
    `${header}.${claims}=.${signature}`,
    `${header}.${claims}.${signature}==`,
  ]) {
    assert.throws(() => verify(text), { code: 'ERR_JWT_BASE64' }, text);
  }
});

test('A17 tokens beyond the size are refused before any work', () => {
  const long = authority.issue(ID, AUDIENCE, { claims: { x: 'a'.repeat(10_000) } });
  assert.throws(() => verify(long), { code: 'ERR_JWT_TOO_LONG' });
  verifyJwtSvid(long, { bundles: authority.bundle, audience: AUDIENCE, now: NOW, maxTokenLength: 20_000 });
  assert.throws(() => verify('a'.repeat(10_000_000)), { code: 'ERR_JWT_TOO_LONG' });
  const big = { bundles: authority.bundle, audience: AUDIENCE, now: NOW, maxTokenLength: 10_000_000 };
  const key = authority.keyPair.privateKey;
  const members = Array.from({ length: 10_001 }, (_, index) => `"c${index}":1`).join(',');
  assert.throws(() => verifyJwtSvid(signJwt('{"alg":"ES256"}', `{${members}}`, key), big), {
    code: 'ERR_JSON_MALFORMED',
  });
  const deep = `{"x":${'['.repeat(10_000)}${']'.repeat(10_000)}}`;
  assert.throws(() => verifyJwtSvid(signJwt('{"alg":"ES256"}', deep, key), big), {
    code: 'ERR_JSON_MALFORMED',
  });
});

test('other forms than three parts are refused', () => {
  const token = authority.issue(ID, AUDIENCE);
  const json = JSON.stringify({ payload: token.split('.')[1], signatures: [] });
  for (const text of [
    '',
    '.',
    '..',
    'a',
    'a.b',
    'a..c',
    '.b.c',
    'a.b.',
    `${token}.`,
    `${token}.x`,
    `.${token}`,
    json,
  ]) {
    assert.throws(() => verify(text), { code: 'ERR_JWT_MALFORMED' }, text);
  }
});

test('headers and claims that are not JSON objects are refused, each by its own code', () => {
  const key = authority.keyPair.privateKey;
  const header = '{"alg":"ES256"}';
  for (const text of ['[]', 'null', '"x"', '1', 'true']) {
    assert.throws(() => verify(signJwt(text, '{}', key)), { code: 'ERR_JWT_HEADER' }, text);
    assert.throws(() => verify(signJwt(header, text, key)), { code: 'ERR_JWT_CLAIMS' }, text);
  }
  for (const text of ['{', '{}x', '\ufeff{}', "{'a':1}", '{"a":NaN}', '{"a":1,}', '{"a":01}', 'undefined']) {
    assert.throws(() => verify(signJwt(text, '{}', key)), { code: 'ERR_JSON_MALFORMED' }, text);
    assert.throws(() => verify(signJwt(header, text, key)), { code: 'ERR_JSON_MALFORMED' }, text);
  }
  assert.throws(() => verify(signJwt('', '{}', key)), { code: 'ERR_JWT_MALFORMED' });
  const notUtf8 = Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]).toString('base64url');
  const encoded = Buffer.from(header).toString('base64url');
  assert.throws(() => verify(`${encoded}.${notUtf8}.AAAA`), { code: 'ERR_JSON_MALFORMED' });
  assert.throws(() => verify(`${notUtf8}.${encoded}.AAAA`), { code: 'ERR_JSON_MALFORMED' });
});

test('A19 a token of a key that left the bundle is refused', () => {
  const next = createTestJwtAuthority('example.org', NOW, { keyId: 'key-2' });
  assert.throws(() => verify(authority.issue(ID, AUDIENCE), next.bundle), { code: 'ERR_JWT_KEY_NOT_FOUND' });
});

test('A20 the same kid in another trust domain does not help', () => {
  const other = createTestJwtAuthority('other.org', NOW, { keyId: 'key-1' });
  const both = new JwtBundleSet([authority.bundle, other.bundle]);
  assert.throws(() => verify(other.issue(ID, AUDIENCE), both), { code: 'ERR_JWT_SIGNATURE' });
  assert.throws(() => verify(other.issue(ID, AUDIENCE, { header: { kid: undefined } }), both), {
    code: 'ERR_JWT_SIGNATURE',
  });
  assert.throws(() => verify(other.issue(ID, AUDIENCE), { getJwtBundle: () => other.bundle }), {
    code: 'ERR_BUNDLE_NOT_FOUND',
  });
  verify(other.issue('spiffe://other.org/a', AUDIENCE), both);
});

test('without kid every fitting key is tried, but not without end', () => {
  const jwk = authority.keyPair.publicKey.export({ format: 'jwk' });
  const others = Array.from({ length: 16 }, (_, index) => ({
    kid: `other-${index}`,
    ...generateEcKeyPair().publicKey.export({ format: 'jwk' }),
  }));
  const token = authority.issue(ID, AUDIENCE, { header: { kid: undefined } });
  verify(token, bundleOf(...others.slice(0, 15), { kid: 'key-1', ...jwk }));
  assert.throws(() => verify(token, bundleOf(...others, { kid: 'key-1', ...jwk })), {
    code: 'ERR_JWT_SIGNATURE',
  });
});

test('no error carries the token or a part of it', () => {
  const token = authority.issue(ID, AUDIENCE, { claims: { secret: 'hidden' } });
  const [header, claims, signature] = token.split('.') as [string, string, string];
  for (const text of [
    `${token}x`,
    `${header}.${claims.slice(0, -1)}.${signature}`,
    `${header}.${claims}.${signature.slice(2)}`,
  ]) {
    assert.throws(
      () => verify(text),
      (error: Error) =>
        !error.message.includes(claims.slice(0, 20)) &&
        !error.message.includes(signature.slice(5, 20)) &&
        !error.message.includes('hidden'),
    );
  }
});

test('whatever character is changed: refused with the own error', () => {
  const token = authority.issue(ID, AUDIENCE);
  fc.assert(
    fc.property(
      fc.nat(token.length - 1),
      fc.string({ unit: 'binary', minLength: 0, maxLength: 2 }),
      (position, replacement) => {
        const changed = token.slice(0, position) + replacement + token.slice(position + 1);
        if (changed === token) {
          return;
        }
        assert.throws(() => verify(changed), isSpiffeError);
      },
    ),
    { numRuns: 1500 },
  );
});

test('whatever the claims: verified as they are, or refused with the own error', () => {
  const claims = fc.record(
    {
      sub: fc.oneof(fc.constant(ID), fc.anything()),
      aud: fc.oneof(fc.constant(AUDIENCE), fc.array(fc.string()), fc.anything()),
      exp: fc.oneof(fc.constant(SECONDS + 300), fc.anything()),
      nbf: fc.anything(),
      iat: fc.anything(),
      other: fc.jsonValue(),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(claims, (candidate) => {
      let text: string;
      try {
        text = JSON.stringify(candidate);
      } catch {
        return;
      }
      try {
        const verified = verify(signJwt('{"alg":"ES256"}', text, authority.keyPair.privateKey));
        assert.equal(verified.id.toString(), ID);
        assert.ok(verified.audience.includes(AUDIENCE));
        assert.ok(verified.expiresAt > NOW);
      } catch (error) {
        assert.ok(isSpiffeError(error), String(error));
      }
    }),
    { numRuns: 500 },
  );
});
