import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, it } from 'node:test';
import { JwtAuthority } from '../../src/ca/jwt-authority.ts';

const NOW = Date.UTC(2026, 5, 1, 12, 0, 0, 900);
const ID = 'spiffe://muster.internal/callout';

function decode(part: string | undefined): Record<string, unknown> {
  return JSON.parse(Buffer.from(part ?? '', 'base64url').toString('utf8')) as Record<string, unknown>;
}

describe('JwtAuthority', () => {
  const authority = new JwtAuthority(NOW, 3_600_000);

  it('signs a compact token with the three headers and five claims that are wanted', () => {
    const svid = authority.issue(ID, ['spiffe://muster.internal/a', 'b'], NOW, NOW + 60_000);
    const [header, claims, signature] = svid.token.split('.');
    assert.deepEqual(decode(header), { alg: 'ES256', kid: authority.keyId, typ: 'JWT' });
    assert.deepEqual(decode(claims), {
      sub: ID,
      aud: ['spiffe://muster.internal/a', 'b'],
      iat: Math.floor(NOW / 1000),
      exp: Math.floor((NOW + 60_000) / 1000),
      jti: svid.tokenId,
    });
    const key = createPublicKey({ key: authority.toJwk(), format: 'jwk' });
    const isValid = verify(
      'sha256',
      Buffer.from(`${header}.${claims}`),
      { key, dsaEncoding: 'ieee-p1363' },
      Buffer.from(signature ?? '', 'base64url'),
    );
    assert.equal(isValid, true);
  });

  it('lists an only audience too', () => {
    const [, claims] = authority.issue(ID, ['one'], NOW, NOW + 60_000).token.split('.');
    assert.deepEqual(decode(claims)['aud'], ['one']);
  });

  it('never lets a token outlive its key', () => {
    const svid = authority.issue(ID, ['a'], NOW, NOW + 86_400_000);
    assert.equal(svid.expiresAt, Math.floor(authority.expiresAt / 1000) * 1000);
  });

  it('gives every token an id of its own', () => {
    const ids = Array.from({ length: 50 }, () => authority.issue(ID, ['a'], NOW, NOW + 1000).tokenId);
    assert.equal(new Set(ids).size, 50);
  });

  it('publishes a key marked for JWT-SVIDs without its private half', () => {
    const jwk = authority.toJwk();
    assert.deepEqual(Object.keys(jwk).sort(), ['crv', 'kid', 'kty', 'use', 'x', 'y']);
    assert.equal(jwk['use'], 'jwt-svid');
  });

  it('shows no private key when printed', () => {
    assert.doesNotMatch(inspect(authority, { depth: 9, showHidden: true }), /"d":|PRIVATE KEY|privateKey/i);
  });
});
