import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { createTestJwtAuthority, signJwt } from '@muster/testing';
import { attempt, freshTimes } from './clients.ts';
import { AUDIENCE, AUTH_TIMEOUT_MS, Fixture, HOST_ID, TRUST_DOMAIN } from './fixture.ts';

describe('who is refused by the callout', () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await Fixture.start();
  });
  after(() => fixture.stop());

  const good = (): string => fixture.issuer.issue(HOST_ID, AUDIENCE, freshTimes());
  const withHeader = (header: object): string =>
    `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${good().split('.')[1] ?? ''}`;
  const cases: readonly (readonly [string, string, () => string | undefined])[] = [
    ['no token', 'ERR_TOKEN_MISSING', () => undefined],
    ['garbage', 'ERR_JWT_MALFORMED', () => 'garbage'],
    [
      'wrong audience',
      'ERR_JWT_AUDIENCE_MISMATCH',
      () => fixture.issuer.issue(HOST_ID, 'spiffe://muster.internal/other', freshTimes()),
    ],
    ['expired', 'ERR_JWT_EXPIRED', () => fixture.issuer.issue(HOST_ID, AUDIENCE, freshTimes(-60))],
    [
      'unknown trust domain',
      'ERR_BUNDLE_NOT_FOUND',
      () =>
        createTestJwtAuthority('other.example').issue(
          'spiffe://other.example/lattice/default/host/a',
          AUDIENCE,
        ),
    ],
    ['unknown key', 'ERR_JWT_SIGNATURE', () => createTestJwtAuthority(TRUST_DOMAIN).issue(HOST_ID, AUDIENCE)],
    ['alg none', 'ERR_JWT_ALGORITHM', () => `${withHeader({ alg: 'none', kid: 'key-1' })}.AAAAAAAAAAAA`],
    [
      'HS256 with the public key',
      'ERR_JWT_ALGORITHM',
      () => {
        const signed = withHeader({ alg: 'HS256', kid: 'key-1', typ: 'JWT' });
        const pem = fixture.issuer.keyPair.publicKey.export({ format: 'pem', type: 'spki' });
        return `${signed}.${createHmac('sha256', pem).update(signed).digest('base64url')}`;
      },
    ],
    [
      'a SPIFFE ID without a rule',
      'ERR_NO_RULE',
      () => fixture.issuer.issue(`spiffe://${TRUST_DOMAIN}/nats/test`, AUDIENCE, freshTimes()),
    ],
    [
      'a key that the bundle does not have',
      'ERR_JWT_KEY_NOT_FOUND',
      () =>
        signJwt(
          { alg: 'ES256', kid: 'other' },
          { sub: HOST_ID, aud: AUDIENCE, ...freshTimes().claims },
          fixture.issuer.keyPair.privateKey,
        ),
    ],
    [
      'a token that is too long',
      'ERR_TOKEN_TOO_LONG',
      () =>
        fixture.issuer.issue(HOST_ID, AUDIENCE, {
          claims: { pad: 'x'.repeat(7_000), ...freshTimes().claims },
        }),
    ],
  ];

  for (const [what, code, makeToken] of cases) {
    test(`${what}: refused before the server's own time is up, and audited`, async () => {
      const token = makeToken();
      const seen = fixture.audit().length;
      const result = await attempt(fixture, token === undefined ? {} : { token });
      assert.equal(result.isIn, false);
      assert.match(result.error, /Authorization Violation/);
      assert.equal(result.error.includes('ERR_'), false, 'the client must not learn why');
      assert.equal(result.tookMs < AUTH_TIMEOUT_MS - 500, true, `took ${result.tookMs} ms`);
      const records = fixture.audit().slice(seen);
      assert.equal(records.length, 1);
      assert.equal(records[0]?.decision, 'deny');
      assert.equal(records[0]?.reason.split(':')[0], code);
      assert.equal(token === undefined || !JSON.stringify(records).includes(token), true);
    });
  }

  test('a good one is let in beside them, and both ends tell the same', async () => {
    const result = await attempt(fixture, { token: good() });
    assert.deepEqual([result.isIn, result.error], [true, '']);
    const record = fixture.audit().at(-1);
    assert.deepEqual([record?.decision, record?.spiffeId, record?.rule], ['allow', HOST_ID, 'host-ctl']);
  });

  test('a user and password, or an nkey, beside a good token is refused', async () => {
    assert.equal((await attempt(fixture, { token: good(), user: 'x', pass: 'y' })).isIn, false);
    assert.equal(fixture.audit().at(-1)?.reason.split(':')[0], 'ERR_CREDENTIAL_MIXED');
  });

  test('nothing secret is in the log of the callout', () => {
    assert.equal(/eyJ|SA[A-Z2-7]{56}|SU[A-Z2-7]{56}|SX[A-Z2-7]{56}/.test(fixture.calloutLog), false);
  });
});
