import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';

import {
  createTestCa,
  createTestJwtAuthority,
  distinguishedName,
  generateEcKeyPair,
  signJwt,
} from '@muster/testing';

import {
  isSpiffeError,
  JwtBundle,
  matchId,
  SpiffeId,
  TrustDomain,
  verifyJwtSvid,
  verifyX509Svid,
} from '../../src/index.ts';
import { der, OID } from '../../src/wire/index.ts';

const NOW = Date.UTC(2030, 5, 1);
const SECONDS = NOW / 1000;
const ID = 'spiffe://example.org/workload';
const AUDIENCE = 'spiffe://example.org/callout';
const td = TrustDomain.parse('example.org');
const authority = createTestJwtAuthority('example.org', NOW);
const ca = createTestCa('example.org', NOW);
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const claims = { sub: ID, aud: AUDIENCE, exp: SECONDS + 300 };

function verify(token: string, bundle = authority.bundle, maxTokenLength?: number): string {
  const options = { bundles: bundle, audience: AUDIENCE, now: NOW, maxTokenLength };
  return verifyJwtSvid(token, options).id.toString();
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

test('A1 a token without a signature is refused, whatever its alg says', () => {
  for (const alg of ['none', 'NONE', 'ES256', 'RS256', '', undefined]) {
    const unsigned = `${encode({ alg, kid: 'key-1' })}.${encode(claims)}.`;
    assert.throws(() => verify(unsigned), { code: 'ERR_JWT_MALFORMED' }, alg);
    assert.throws(() => verify(unsigned.slice(0, -1)), { code: 'ERR_JWT_MALFORMED' }, alg);
    assert.throws(() => verify(`${unsigned}AA`), isSpiffeError, alg);
  }
});

test('A1 no spelling of a good algorithm is one', () => {
  for (const alg of [
    'es256',
    'ES256 ',
    ' ES256',
    'ES-256',
    'ES256\0',
    'ＥＳ256',
    'SHA256withECDSA',
    'constructor',
  ]) {
    assert.throws(
      () => verify(authority.issue(ID, AUDIENCE, { header: { alg } })),
      { code: 'ERR_JWT_ALGORITHM' },
      alg,
    );
  }
});

test('A2 HS256 with a public RSA key or parts of it as the secret is refused', () => {
  const jwk = rsa.publicKey.export({ format: 'jwk' });
  const bundle = JwtBundle.fromJwks(td, JSON.stringify({ keys: [{ kid: 'key-1', ...jwk }] }));
  assert.equal(verify(signJwt({ alg: 'RS256', kid: 'key-1' }, claims, rsa.privateKey), bundle), ID);
  const pem = rsa.publicKey.export({ format: 'pem', type: 'spki' }) as string;
  const pkcs1 = rsa.publicKey.export({ format: 'pem', type: 'pkcs1' }) as string;
  const body = pem.replaceAll(/-----[^-]+-----|\n/g, '');
  const secrets = [
    pem,
    pem.trimEnd(),
    `\n ${pem}`,
    pem.replaceAll('\n', '\r\n'),
    pkcs1,
    body,
    Buffer.from(body, 'base64'),
    Buffer.from(jwk.n!, 'base64url'),
    jwk.n!,
    JSON.stringify({ keys: [{ kid: 'key-1', ...jwk }] }),
    '',
  ];
  for (const secret of secrets) {
    for (const alg of ['HS256', 'hs256', 'HS512']) {
      const signed = `${encode({ alg, kid: 'key-1', typ: 'JWT' })}.${encode(claims)}`;
      const mac = createHmac(`sha${alg.slice(2)}`, secret)
        .update(signed)
        .digest('base64url');
      assert.throws(() => verify(`${signed}.${mac}`, bundle), { code: 'ERR_JWT_ALGORITHM' });
      // Nor does it help to call the code an RSA or ECDSA signature.
      const renamed = `${encode({ alg: 'RS256', kid: 'key-1' })}.${encode(claims)}.${mac}`;
      assert.throws(() => verify(renamed, bundle), { code: 'ERR_JWT_SIGNATURE' });
    }
  }
});

test('A5 no header brings a key, says where one is, or changes how the token is read', () => {
  const attacker = generateEcKeyPair();
  const jwk = attacker.publicKey.export({ format: 'jwk' });
  for (const header of [
    { jwk },
    { jwk: null },
    { jku: 'https://evil.example/keys' },
    { x5u: 'file:///etc/passwd' },
    { x5c: [] },
    { x5t: 'AAAA' },
    { 'x5t#S256': 'AAAA' },
    { zip: 'DEF' },
    { enc: 'A256GCM' },
    { cty: 'JWT' },
  ]) {
    const token = signJwt({ alg: 'ES256', kid: 'key-1', ...header }, claims, attacker.privateKey);
    assert.throws(() => verify(token), { code: 'ERR_JWT_HEADER_PARAMETER' }, JSON.stringify(header));
  }
});

test('A10 of many audiences the own one must be there as it is written', () => {
  const many = Array.from({ length: 200 }, (_, index) => `spiffe://example.org/service-${index}`);
  assert.equal(verify(authority.issue(ID, [...many, AUDIENCE]), undefined, 100_000), ID);
  for (const near of [
    `${AUDIENCE} `,
    ` ${AUDIENCE}`,
    `${AUDIENCE}\0`,
    'spiffe://example.org/*',
    '*',
    'spiffe://example.org',
  ]) {
    assert.throws(() => verify(authority.issue(ID, [...many, near]), undefined, 100_000), {
      code: 'ERR_JWT_AUDIENCE_MISMATCH',
    });
  }
});

test('A15 RSA of 512 bits, P-192 and curves of other families are in no bundle', () => {
  const keys = [
    generateKeyPairSync('rsa', { modulusLength: 512 }).publicKey.export({ format: 'jwk' }),
    { kty: 'EC', crv: 'P-192', x: 'A'.repeat(32), y: 'A'.repeat(32) },
    { kty: 'EC', crv: 'secp256k1', x: 'A'.repeat(43), y: 'A'.repeat(43) },
    generateKeyPairSync('ed448').publicKey.export({ format: 'jwk' }),
    generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' }),
  ];
  const bundle = JwtBundle.fromJwks(
    td,
    JSON.stringify({ keys: keys.map((key) => ({ kid: 'key-1', ...key })) }),
  );
  assert.equal(bundle.authorities.length, 0);
  assert.throws(() => verify(authority.issue(ID, AUDIENCE), bundle), { code: 'ERR_BUNDLE_EMPTY' });
});

test('A17 huge tokens cost no more memory than they have', () => {
  const key = authority.keyPair.privateKey;
  const hostile: [string, string][] = [
    ['10 MB of one claim', `{"x":"${'a'.repeat(10_000_000)}"}`],
    ['10,000 claims', `{${Array.from({ length: 10_001 }, (_, index) => `"c${index}":${index}`).join(',')}}`],
    ['10,000 deep', `{"x":${'{"y":'.repeat(10_000)}1${'}'.repeat(10_001)}`],
    ['100,000 audiences', `{"aud":[${'"a",'.repeat(100_000)}"a"]}`],
    ['a million braces', '['.repeat(1_000_000)],
  ];
  for (const [name, text] of hostile) {
    const token = signJwt('{"alg":"ES256"}', text, key);
    assert.throws(() => verify(token), { code: 'ERR_JWT_TOO_LONG' }, name);
    const before = process.memoryUsage().rss;
    assert.throws(() => verify(token, undefined, 100_000_000), isSpiffeError, name);
    const grown = process.memoryUsage().rss - before;
    assert.ok(grown < 10 * token.length + 64 * 1024 * 1024, `${name}: ${grown} bytes`);
  }
});

test('A18 an ID token of OpenID Connect is no SVID, even if a key of the bundle signed it', () => {
  const oidc = {
    iss: 'https://oidc.example.org',
    aud: AUDIENCE,
    exp: SECONDS + 300,
    iat: SECONDS,
    nonce: 'n',
  };
  for (const sub of [
    'user@example.org',
    '248289761001',
    'https://example.org/user',
    'example.org/workload',
  ]) {
    const token = signJwt(
      { alg: 'ES256', kid: 'key-1', typ: 'JWT' },
      { ...oidc, sub },
      authority.keyPair.privateKey,
    );
    assert.throws(() => verify(token), { code: 'ERR_JWT_SUBJECT' });
  }
  // The issuer named in the token never leads to keys: only the trust domain of the subject does.
  const foreign = { ...oidc, sub: 'spiffe://oidc.example.org/user' };
  const token = signJwt({ alg: 'ES256', kid: 'key-1' }, foreign, authority.keyPair.privateKey);
  assert.throws(() => verify(token), { code: 'ERR_BUNDLE_NOT_FOUND' });
});

test('A36 no pattern of the subject of a certificate says who it is', () => {
  const admin = SpiffeId.parse('spiffe://example.org/admin');
  for (const commonName of [
    admin.toString(),
    `x, CN=${admin.toString()}`,
    `x+URI=${admin.toString()}`,
    '*',
  ]) {
    const { certificates } = ca.issueX509Svid(ID, { subject: distinguishedName({ commonName }) });
    const verified = verifyX509Svid(certificates, ca.bundle, { now: NOW });
    assert.equal(verified.id.toString(), ID);
    assert.throws(
      () => {
        matchId(admin)(verified.id);
      },
      { code: 'ERR_ID_NOT_AUTHORIZED' },
    );
  }
});

test('A30 a name of another kind that spells a URI name is none', () => {
  // As text, as node:tls gives it, this looks like two names.
  const otherName = der.explicit(
    0,
    Buffer.concat([der.oid('1.2.3'), der.explicit(0, der.utf8String(`URI:${ID}`))]),
  );
  const kinds: Uint8Array[] = [
    otherName,
    der.implicit(1, Buffer.from(ID)),
    der.explicit(4, distinguishedName({ commonName: ID })),
    der.implicit(8, Buffer.from([0x2a])),
  ];
  for (const name of kinds) {
    const alone = ca.issueX509Svid(ID, {
      uris: [],
      extraExtensions: [
        der.sequence(der.oid(OID.SUBJECT_ALT_NAME), der.boolean(true), der.octetString(der.sequence(name))),
      ],
    });
    assert.throws(() => verifyX509Svid(alone.certificates, ca.bundle, { now: NOW }), {
      code: 'ERR_SVID_URI_SAN_MISSING',
    });
  }
});

test('A46 certificates with keys made to be slow are refused before they are used', () => {
  const odd = (bytes: number): Buffer => {
    const number = Buffer.alloc(bytes, 0xa5);
    number[0] = 0xc5;
    return number;
  };
  const rsaKey = (modulus: number, exponent: Uint8Array | number): Uint8Array =>
    der.sequence(
      der.sequence(der.oid('1.2.840.113549.1.1.1'), der.null()),
      der.bitString(der.sequence(der.integer(odd(modulus)), der.integer(exponent))),
    );
  const prime = odd(66);
  const explicit = der.sequence(
    der.sequence(
      der.oid('1.2.840.10045.2.1'),
      der.sequence(
        der.integer(1),
        der.sequence(der.oid('1.2.840.10045.1.1'), der.integer(prime)),
        der.sequence(der.octetString(prime), der.octetString(prime)),
        der.octetString(Buffer.concat([Buffer.from([2]), prime])),
        der.integer(prime),
      ),
    ),
    der.bitString(Buffer.concat([Buffer.from([2]), prime])),
  );
  const keys: [string, Uint8Array][] = [
    ['RSA of 480,000 bits', rsaKey(60_000, 65_537)],
    ['RSA of 8,200 bits', rsaKey(1025, 65_537)],
    ['RSA with an exponent as long as the modulus', rsaKey(256, odd(256))],
    ['RSA with exponent 1', rsaKey(256, 1)],
    ['RSA with an even exponent', rsaKey(256, 65_536)],
    ['RSA of 512 bits', rsaKey(64, 65_537)],
    ['a curve of its own', explicit],
    [
      'Diffie-Hellman',
      der.sequence(
        der.sequence(der.oid('1.2.840.113549.1.3.1'), der.sequence(der.integer(odd(2000)), der.integer(2))),
        der.bitString(der.integer(odd(2000))),
      ),
    ],
  ];
  for (const [name, spki] of keys) {
    const publicKey = { export: () => spki } as unknown as ReturnType<typeof generateEcKeyPair>['publicKey'];
    const keyPair = { publicKey, privateKey: ca.keyPair.privateKey };
    const { certificates } = ca.issueX509Svid(ID, { keyPair: { ...keyPair } });
    assert.throws(
      () => verifyX509Svid(certificates, ca.bundle, { now: NOW }),
      { code: 'ERR_CERTIFICATE_KEY' },
      name,
    );
  }
});
