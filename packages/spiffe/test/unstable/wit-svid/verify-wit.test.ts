import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { suite, test } from 'node:test';

import { createTestJwtAuthority, generateEcKeyPair, signJwt } from '@muster/testing';

import { JwtBundle } from '../../../src/bundle/jwt-bundle.ts';
import { TrustDomain } from '../../../src/id/trust-domain.ts';
import { verifyJwtSvid } from '../../../src/svid/verify-jwt.ts';
import { marshalWitBundle, WitBundle } from '../../../src/unstable/index.ts';
import { AUDIENCE, createWitWorld, hasCode, NOW, NOW_SECONDS, SUBJECT, trustDomain } from './support.ts';
import type { Changes } from './support.ts';

const hash = (token: string): string => createHash('sha256').update(token).digest('base64url');
const world = createWitWorld(hash);
const { issue, prove, verify, workload, issuer } = world;
const publicJwk = workload.publicKey.export({ format: 'jwk' });
const goodJwk = { ...publicJwk, alg: 'ES256' };

async function refuses(code: string, wit: string, proof = prove(wit)): Promise<void> {
  await assert.rejects(verify({ wit, proof }), hasCode(code, wit, proof));
}

test('a WIT-SVID with its proof is accepted, and says who called', async () => {
  const wit = issue({ claims: { jti: 'one', iss: 'https://issuer.example', extra: 1 } });
  const verified = await verify({ wit, proof: prove(wit) });
  assert.equal(verified.id.toString(), SUBJECT);
  assert.equal(verified.expiresAt, NOW + 300_000);
  assert.equal(verified.issuedAt, NOW);
  assert.equal(verified.jti, 'one');
  assert.equal(verified.claims['extra'], 1);
});

suite('the form of a WIT-SVID', () => {
  const bad: Readonly<Record<string, readonly [string, Changes]>> = {
    'A1 alg none': ['ERR_JWT_ALGORITHM', { header: { alg: 'none' } }],
    'A1 alg missing': ['ERR_JWT_ALGORITHM', { header: { alg: undefined } }],
    'A2 alg HS256': ['ERR_JWT_ALGORITHM', { header: { alg: 'HS256' } }],
    'alg EdDSA': ['ERR_JWT_ALGORITHM', { header: { alg: 'EdDSA' } }],
    'kid missing': ['ERR_JWT_KEY_ID', { header: { kid: undefined } }],
    'A4 kid a list': ['ERR_JWT_KEY_ID', { header: { kid: ['wit-1'] } }],
    'A4 kid unknown': ['ERR_JWT_KEY_NOT_FOUND', { header: { kid: '../../wit-1' } }],
    'A5 a key of its own': ['ERR_JWT_HEADER_PARAMETER', { header: { jwk: goodJwk } }],
    'A6 crit': ['ERR_JWT_CRITICAL_HEADER', { header: { crit: ['exp'], exp: 1 } }],
    'A13 typ JWT': ['ERR_WIT_TYPE', { header: { typ: 'JWT' } }],
    'A13 typ missing': ['ERR_WIT_TYPE', { header: { typ: undefined } }],
    'A13 typ in upper case': ['ERR_WIT_TYPE', { header: { typ: 'WIT+JWT' } }],
    'A13 typ of a proof': ['ERR_WIT_TYPE', { header: { typ: 'wpt+jwt' } }],
    'no subject': ['ERR_JWT_SUBJECT_MISSING', { claims: { sub: undefined } }],
    'a subject that is no text': ['ERR_JWT_SUBJECT', { claims: { sub: 7 } }],
    'a subject of another scheme': ['ERR_JWT_SUBJECT', { claims: { sub: 'wimse://example.org/caller' } }],
    'a subject without a path': ['ERR_JWT_SUBJECT_PATH', { claims: { sub: 'spiffe://example.org' } }],
    'A9 no exp': ['ERR_JWT_EXPIRY', { claims: { exp: undefined } }],
    'A9 exp as text': ['ERR_JWT_EXPIRY_MALFORMED', { claims: { exp: '1' } }],
    'A9 exp in ms': ['ERR_JWT_EXPIRY_MALFORMED', { claims: { exp: NOW + 300_000 } }],
    'A9 nbf as text': ['ERR_JWT_NOT_BEFORE', { claims: { nbf: '1' } }],
    'A9 iat as text': ['ERR_JWT_ISSUED_AT', { claims: { iat: '1' } }],
    'A9 nbf in the future': ['ERR_JWT_NOT_YET_VALID', { claims: { nbf: NOW_SECONDS + 61 } }],
    'A9 iat in the future': ['ERR_JWT_ISSUED_IN_FUTURE', { claims: { iat: NOW_SECONDS + 61 } }],
    expired: ['ERR_JWT_EXPIRED', { claims: { exp: NOW_SECONDS } }],
    'A11 an audience': ['ERR_WIT_AUDIENCE', { claims: { aud: AUDIENCE } }],
    'A11 an empty list as audience': ['ERR_WIT_AUDIENCE', { claims: { aud: [] } }],
    'A11 null as audience': ['ERR_WIT_AUDIENCE', { claims: { aud: null } }],
    'no cnf': ['ERR_WIT_CONFIRMATION', { claims: { cnf: undefined } }],
    'cnf without jwk': ['ERR_WIT_CONFIRMATION', { claims: { cnf: { jkt: 'x' } } }],
    'cnf.jwk without alg': ['ERR_WIT_CONFIRMATION', { claims: { cnf: { jwk: publicJwk } } }],
    'cnf.jwk with alg none': [
      'ERR_WIT_CONFIRMATION',
      { claims: { cnf: { jwk: { ...publicJwk, alg: 'none' } } } },
    ],
    'A3 cnf.jwk with the alg of another key type': [
      'ERR_WIT_CONFIRMATION',
      { claims: { cnf: { jwk: { ...publicJwk, alg: 'RS256' } } } },
    ],
    'A3 cnf.jwk with the alg of another curve': [
      'ERR_WIT_CONFIRMATION',
      { claims: { cnf: { jwk: { ...publicJwk, alg: 'ES384' } } } },
    ],
    'cnf.jwk with its private key': [
      'ERR_WIT_CONFIRMATION',
      { claims: { cnf: { jwk: { ...workload.privateKey.export({ format: 'jwk' }), alg: 'ES256' } } } },
    ],
    'cnf.jwk that is a secret': [
      'ERR_WIT_CONFIRMATION',
      { claims: { cnf: { jwk: { kty: 'oct', k: 'AAAA', alg: 'HS256' } } } },
    ],
  };
  for (const [name, [code, changes]] of Object.entries(bad)) {
    test(name, async () => {
      const key = changes.header?.['alg'] === 'HS256' ? issuer.privateKey : undefined;
      await refuses(code, issue(changes, key));
    });
  }

  test('unknown header parameters are passed over', async () => {
    const wit = issue({ header: { unheard: 'of' } });
    await verify({ wit, proof: prove(wit) });
  });

  test('A8 members named twice, also by an escape', async () => {
    const claims = `"exp":${NOW_SECONDS + 300},"cnf":{"jwk":${JSON.stringify(goodJwk)}}}`;
    const header = '{"alg":"ES256","kid":"wit-1","typ":"wit+jwt"}';
    for (const twice of [
      '"sub":"spiffe://example.org/x","sub":',
      '"sub":"spiffe://example.org/x","\\u0073ub":',
    ]) {
      await refuses(
        'ERR_JSON_DUPLICATE_MEMBER',
        signJwt(header, `{${twice}"${SUBJECT}",${claims}`, issuer.privateKey),
      );
    }
  });

  test('A16 base64 that is not strict, and A17 a token that is too long', async () => {
    const [header = '', claims = '', signature = ''] = issue().split('.');
    for (const wit of [`${header}.${claims}.${signature}=`, `${header} .${claims}.${signature}`]) {
      await refuses('ERR_JWT_BASE64', wit);
    }
    for (const wit of ['', 'a', 'a.b', `${header}.${claims}.`, `${header}.${claims}.${signature}.x`]) {
      await refuses('ERR_JWT_MALFORMED', wit);
    }
    await refuses('ERR_JWT_TOO_LONG', issue({ claims: { pad: 'x'.repeat(8192) } }));
  });
});

suite('the signature of a WIT-SVID', () => {
  test('of another key, or changed, is refused', async () => {
    await refuses('ERR_JWT_SIGNATURE', issue({}, generateEcKeyPair().privateKey));
    const [header, , signature] = issue().split('.');
    const [, claims] = issue({ claims: { sub: 'spiffe://example.org/admin' } }).split('.');
    await refuses('ERR_JWT_SIGNATURE', `${header}.${claims}.${signature}`);
  });

  test('A20 a key of another trust domain with the same kid is not used', async () => {
    const other = TrustDomain.parse('other.example');
    const wit = issue({ claims: { sub: 'spiffe://other.example/caller' } });
    const presentation = { wit, proof: prove(wit) };
    await assert.rejects(verify(presentation), hasCode('ERR_BUNDLE_NOT_FOUND'));
    // A source that gives away the wrong bundle is not believed.
    const liar = { getWitBundle: () => world.bundle };
    await assert.rejects(verify(presentation, { bundles: liar }), hasCode('ERR_BUNDLE_NOT_FOUND'));
    const otherBundle = WitBundle.fromJwks(
      other,
      marshalWitBundle([{ keyId: 'wit-1', publicKey: generateEcKeyPair().publicKey }]),
    );
    await assert.rejects(verify(presentation, { bundles: otherBundle }), hasCode('ERR_JWT_SIGNATURE'));
  });

  test('A19 a retired key', async () => {
    const wit = issue();
    const bundles = WitBundle.fromJwks(trustDomain, '{"keys":[]}');
    await assert.rejects(verify({ wit, proof: prove(wit) }, { bundles }), hasCode('ERR_JWT_KEY_NOT_FOUND'));
  });
});

suite('A12 the proof', () => {
  const wit = issue();

  test('A12 a WIT-SVID without a proof is refused: there is no bearer use', async () => {
    await assert.rejects(verify({ wit, proof: '' }), hasCode('ERR_JWT_MALFORMED'));
  });

  const bad: Readonly<Record<string, readonly [string, Changes]>> = {
    'A12 for another URI': ['ERR_WIT_PROOF_AUDIENCE', { claims: { aud: 'https://api.example.org/admin' } }],
    'A12 for another host': ['ERR_WIT_PROOF_AUDIENCE', { claims: { aud: 'https://evil.example/orders' } }],
    'A10 for a longer URI': ['ERR_WIT_PROOF_AUDIENCE', { claims: { aud: `${AUDIENCE}/1` } }],
    'A10 for several': ['ERR_WIT_PROOF_AUDIENCE', { claims: { aud: [AUDIENCE, 'https://other.example'] } }],
    'A10 without an audience': ['ERR_WIT_PROOF_AUDIENCE', { claims: { aud: undefined } }],
    'A12 of another WIT-SVID': ['ERR_WIT_PROOF_BINDING', { claims: { wth: hash('other') } }],
    'A12 of no WIT-SVID': ['ERR_WIT_PROOF_BINDING', { claims: { wth: undefined } }],
    'A3 of another algorithm': ['ERR_WIT_PROOF_ALGORITHM', { header: { alg: 'ES512' } }],
    'A1 without an algorithm': ['ERR_JWT_ALGORITHM', { header: { alg: 'none' } }],
    'A13 of another type': ['ERR_WIT_TYPE', { header: { typ: 'JWT' } }],
    'A13 without a type': ['ERR_WIT_TYPE', { header: { typ: undefined } }],
    'A13 of the type of a DPoP proof': ['ERR_WIT_TYPE', { header: { typ: 'dpop+jwt' } }],
    'A5 with a key of its own': ['ERR_JWT_HEADER_PARAMETER', { header: { jwk: goodJwk } }],
    'without exp': ['ERR_WIT_PROOF_CLAIMS', { claims: { exp: undefined } }],
    'with exp as text': ['ERR_WIT_PROOF_CLAIMS', { claims: { exp: 'soon' } }],
    expired: ['ERR_WIT_PROOF_EXPIRED', { claims: { exp: NOW_SECONDS } }],
    'valid for too long': ['ERR_WIT_PROOF_LIFETIME', { claims: { exp: NOW_SECONDS + 361 } }],
    'made in the future': ['ERR_WIT_PROOF_LIFETIME', { claims: { iat: NOW_SECONDS + 61 } }],
    'without jti': ['ERR_WIT_PROOF_CLAIMS', { claims: { jti: undefined } }],
    'with an endless jti': ['ERR_WIT_PROOF_CLAIMS', { claims: { jti: 'x'.repeat(256) } }],
    'for a transaction token that did not come': ['ERR_WIT_PROOF_BINDING', { claims: { tth: hash('txn') } }],
    'for another token that did not come': [
      'ERR_WIT_PROOF_BINDING',
      { claims: { oth: { 'x-user': hash('u') } } },
    ],
    'with oth that is no object': ['ERR_WIT_PROOF_BINDING', { claims: { oth: 7 } }],
  };
  for (const [name, [code, changes]] of Object.entries(bad)) {
    test(name, async () => {
      await refuses(code, wit, prove(wit, changes));
    });
  }

  test('A12 signed by another key than cnf.jwk', async () => {
    await refuses('ERR_WIT_PROOF_SIGNATURE', wit, prove(wit, {}, generateEcKeyPair().privateKey));
    await refuses('ERR_WIT_PROOF_SIGNATURE', wit, prove(wit, {}, issuer.privateKey));
  });

  test('A12 replayed', async () => {
    const proof = prove(wit);
    await verify({ wit, proof });
    await refuses('ERR_WIT_PROOF_REPLAYED', wit, proof);
    // A renewed WIT-SVID of the same workload does not make it new.
    const renewed = issue({ claims: { jti: 'renewed' } });
    await refuses('ERR_WIT_PROOF_BINDING', renewed, proof);
  });

  test('a proof that is refused is not remembered, so that nobody can spoil the jti of another', async () => {
    await refuses(
      'ERR_WIT_PROOF_SIGNATURE',
      wit,
      prove(wit, { claims: { jti: 'spoilt' } }, generateEcKeyPair().privateKey),
    );
    await refuses('ERR_WIT_PROOF_AUDIENCE', wit, prove(wit, { claims: { jti: 'spoilt', aud: 'x' } }));
    await verify({ wit, proof: prove(wit, { claims: { jti: 'spoilt' } }) });
  });

  test('query and fragment of the target URI do not count, and a list of one audience does', async () => {
    await verify({ wit, proof: prove(wit, { claims: { aud: `${AUDIENCE}?a=1#b` } }) });
    await verify({ wit, proof: prove(wit, { claims: { aud: [AUDIENCE] } }) }, { audience: `${AUDIENCE}?q` });
    const audience = ['https://other.example/', AUDIENCE];
    await verify({ wit, proof: prove(wit) }, { audience });
    await verify({ wit, proof: prove(wit, { header: { typ: 'application/WPT+JWT' } }) });
  });

  test('a replay cache that cannot tell refuses', async () => {
    const replayCache = {
      remember: async () => await Promise.reject(new Error('the cache is away')),
    };
    await assert.rejects(verify({ wit, proof: prove(wit) }, { replayCache }), /the cache is away/);
  });
});

suite('A13 one kind of token is not accepted as another', () => {
  const authority = createTestJwtAuthority('example.org', NOW, { keyId: 'wit-1', keyPair: issuer });
  const jwtSvid = authority.issue(SUBJECT, AUDIENCE);
  const wit = issue();
  const verifyJwt = (token: string): unknown =>
    verifyJwtSvid(token, { bundles: authority.bundle, audience: AUDIENCE, now: NOW });

  test('A13 a JWT-SVID as WIT-SVID or as proof', async () => {
    verifyJwt(jwtSvid);
    await refuses('ERR_WIT_TYPE', jwtSvid);
    await refuses('ERR_WIT_TYPE', wit, jwtSvid);
  });

  test('A13 a WIT-SVID as JWT-SVID or as proof, a proof as WIT-SVID or as JWT-SVID', async () => {
    const proof = prove(wit);
    assert.throws(() => verifyJwt(wit), hasCode('ERR_JWT_TYPE'));
    assert.throws(() => verifyJwt(proof), hasCode('ERR_JWT_TYPE'));
    await refuses('ERR_WIT_TYPE', proof);
    await refuses('ERR_WIT_TYPE', wit, wit);
  });

  test('A13 A14 a key of one use does not verify tokens of another', async () => {
    const document = (use: string): string =>
      JSON.stringify({ keys: [{ ...issuer.publicKey.export({ format: 'jwk' }), use, kid: 'wit-1' }] });
    for (const use of ['jwt-svid', 'x509-svid', 'sig', '']) {
      const bundles = WitBundle.fromJwks(trustDomain, document(use));
      assert.equal(bundles.authorities.length, 0);
      await assert.rejects(verify({ wit, proof: prove(wit) }, { bundles }), hasCode('ERR_JWT_KEY_NOT_FOUND'));
    }
    const jwtBundle = JwtBundle.fromJwks(trustDomain, document('wit-svid'));
    assert.equal(jwtBundle.authorities.length, 0);
  });
});

test('tokens that are bound to the request must come with it as they were bound', async () => {
  const wit = issue();
  const claims = { tth: hash('txn'), oth: { 'x-user': hash('user') } };
  const tokens = { txnToken: 'txn', otherTokens: { 'X-User': ' user ' } };
  await verify({ wit, proof: prove(wit, { claims }) }, tokens);
  for (const wrong of [
    { ...tokens, txnToken: 'other' },
    { ...tokens, txnToken: undefined },
    { ...tokens, otherTokens: { 'x-user': 'other' } },
    { ...tokens, otherTokens: {} },
    { ...tokens, otherTokens: { 'x-user': 'user', 'x-more': 'token' } },
  ]) {
    await assert.rejects(
      verify({ wit, proof: prove(wit, { claims }) }, wrong),
      hasCode('ERR_WIT_PROOF_BINDING'),
    );
  }
});

test('RSA keys of issuer and workload work, with both kinds of padding', async () => {
  const issuerKey = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const bundles = WitBundle.fromJwks(
    trustDomain,
    marshalWitBundle([{ keyId: 'wit-1', publicKey: issuerKey.publicKey }]),
  );
  for (const alg of ['RS256', 'PS512']) {
    const wit = issue({ header: { alg } }, issuerKey.privateKey);
    await verify({ wit, proof: prove(wit) }, { bundles });
  }
});
