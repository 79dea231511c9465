import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { auditProblems, createNkey, createXkey, identityToken } from '@muster/lattice';
import type { JwtBundle } from '@muster/spiffe';
import { CALLOUT_AUDIT } from '../src/audit-records.ts';
import { RequestChecker } from '../src/authorization-request.ts';
import { DecisionMaker } from '../src/decision.ts';
import type { Decision } from '../src/decision.ts';
import { defaultRules } from '../src/default-rules.ts';
import { compileRules } from '../src/rules.ts';
import { VerifiedTokenCache } from '../src/token-cache.ts';
import { FakeNatsServer } from './fake-nats-server.ts';
import type { Granted, RequestOverrides } from './fake-nats-server.ts';
import { AUDIENCE, encode, HOST_ID, NOW, OPERATOR_ID, TestIssuer, TRUST_DOMAIN } from './support.ts';

const issuerKey = createNkey('A');
const xkey = createXkey();
const server = new FakeNatsServer(issuerKey.publicKey, xkey.publicKey);
const issuer = new TestIssuer();
const foreign = new TestIssuer('key-1', 'other.example');

interface Fixture {
  bundles?: readonly JwtBundle[];
  tokens?: VerifiedTokenCache;
  userTtlMs?: number;
  random?: number;
}

function maker({
  bundles = [issuer.bundle, foreign.bundle],
  tokens = new VerifiedTokenCache(0),
  userTtlMs = 3_600_000,
  random = 0,
}: Fixture = {}): DecisionMaker {
  return new DecisionMaker({
    checker: new RequestChecker({ xkey, issuer: issuerKey.publicKey, leewayMs: 1_000 }),
    signer: { issuer: issuerKey, xkey },
    matchRule: compileRules(defaultRules({ trustDomain: TRUST_DOMAIN, lattice: 'default' })),
    bundles: {
      getJwtBundle: (trustDomain) => bundles.find((bundle) => bundle.trustDomain.equals(trustDomain)),
    },
    tokens,
    trustDomain: TRUST_DOMAIN,
    audience: AUDIENCE,
    userTtlMs,
    maxTokenLength: 4_096,
    leewayMs: 1_000,
    random: () => random,
  });
}

function decide(
  token: string | undefined,
  overrides: RequestOverrides = {},
  fixture: Fixture = {},
): Decision {
  const decision = maker(fixture).decide(server.request(token, overrides), server.xkey.publicKey, NOW);
  assert.deepEqual(auditProblems(CALLOUT_AUDIT, { details: {}, ...decision.entry }), []);
  return decision;
}

function granted(decision: Decision): Granted {
  const answer = server.read(decision.answer);
  return typeof answer === 'string' ? assert.fail(`refused: ${decision.entry.reason}`) : answer;
}

/** Refused with the fixed word, audited with this code, and the token is nowhere in the record. */
function assertDenied(decision: Decision, code: string, token?: string): void {
  assert.equal(decision.kind, 'denied');
  assert.equal(server.read(decision.answer), 'denied');
  assert.equal(decision.entry.decision, 'deny');
  assert.equal(decision.entry.rule, null);
  assert.equal(decision.entry.reason.split(':')[0], code, decision.entry.reason);
  assert.equal(decision.entry.details?.['clientId'], 7);
  if (token !== undefined && token !== '') {
    const secret = token.split('.').at(-1) ?? token;
    assert.equal(secret.length > 8 && JSON.stringify(decision.entry).includes(secret), false);
  }
}

test('a host is let in by name, into HOSTS, with both permission sides written', () => {
  const decision = decide(issuer.issue(HOST_ID));
  const { claims, pub, sub, resp } = granted(decision);
  assert.equal(claims['name'], HOST_ID);
  assert.equal(claims['aud'], 'HOSTS');
  assert.equal(claims['iat'], NOW / 1_000);
  assert.equal(claims['exp'], NOW / 1_000 + 3_600);
  assert.notEqual(pub.allow?.length ?? 0, 0);
  assert.equal(sub.allow?.includes(`_INBOX.${identityToken(HOST_ID)}.>`), true);
  assert.deepEqual(resp, { max: 1, ttl: 10_000_000_000 });
  assert.deepEqual(decision.entry, {
    requestId: decision.entry.requestId,
    spiffeId: HOST_ID,
    decision: 'allow',
    rule: 'host-ctl',
    reason: 'rule matched',
    details: {
      serverId: server.key.publicKey,
      serverName: 'muster',
      clientId: 7,
      clientHost: '127.0.0.1',
      connection: 'ctl',
      account: 'HOSTS',
      userExpiresAt: NOW + 3_600_000,
    },
  });
});

test('the connection name chooses between the rules of a host', () => {
  const named = (name: string): Decision =>
    decide(issuer.issue(HOST_ID), { connect: { name }, client: { name } });
  assert.equal(named('rpc').entry.rule, 'host-rpc');
  assertDenied(named('other'), 'ERR_NO_RULE');
  assertDenied(named(''), 'ERR_NO_RULE');
});

test('the life of a connection is its own, has jitter, and never passes the bound', () => {
  const shortSvid = issuer.issue(HOST_ID, { exp: NOW / 1_000 + 5 });
  const expiry = (fixture: Fixture): number =>
    Number(granted(decide(shortSvid, {}, fixture)).claims['exp']) - NOW / 1_000;
  assert.equal(expiry({ userTtlMs: 60_000 }), 60);
  assert.equal(expiry({ userTtlMs: 60_000, random: 1 }), 54);
  assert.equal(expiry({ userTtlMs: 86_400_000 }), 3_600);
  assert.equal(expiry({ userTtlMs: 1 }), 1);
});

const tokens: readonly (readonly [string, string, string | undefined])[] = [
  ['no token', 'ERR_TOKEN_MISSING', undefined],
  ['an empty token', 'ERR_TOKEN_MISSING', ''],
  ['garbage', 'ERR_JWT_MALFORMED', 'garbage-garbage-garbage'],
  [
    'wrong audience',
    'ERR_JWT_AUDIENCE_MISMATCH',
    issuer.issue(HOST_ID, { aud: ['spiffe://muster.internal/other'] }),
  ],
  [
    'an audience that begins alike',
    'ERR_JWT_AUDIENCE_MISMATCH',
    issuer.issue(HOST_ID, { aud: [`${AUDIENCE}-evil`] }),
  ],
  ['no audience', 'ERR_JWT_AUDIENCE', issuer.issue(HOST_ID, { aud: undefined })],
  ['expired', 'ERR_JWT_EXPIRED', issuer.issue(HOST_ID, { exp: NOW / 1_000 - 5 })],
  ['without expiry', 'ERR_JWT_EXPIRY', issuer.issue(HOST_ID, { exp: undefined })],
  [
    'unknown trust domain',
    'ERR_BUNDLE_NOT_FOUND',
    issuer.issue('spiffe://nowhere.example/lattice/default/host/a'),
  ],
  ['unknown key', 'ERR_JWT_SIGNATURE', new TestIssuer().issue(HOST_ID)],
  ['unknown key id', 'ERR_JWT_KEY_NOT_FOUND', new TestIssuer('key-2').issue(HOST_ID)],
  ['the key of another trust domain with the same id', 'ERR_JWT_SIGNATURE', foreign.issue(HOST_ID)],
  ['alg none without a signature', 'ERR_JWT_MALFORMED', unsigned('none', '')],
  ['alg none with a signature', 'ERR_JWT_ALGORITHM', unsigned('none', 'AAAAAAAAAAAA')],
  ['alg nOnE', 'ERR_JWT_ALGORITHM', unsigned('nOnE', 'AAAAAAAAAAAA')],
  ['HS256 with the public key as secret', 'ERR_JWT_ALGORITHM', forgeHs256()],
  ['a changed claim', 'ERR_JWT_SIGNATURE', changeSubject(issuer.issue(HOST_ID))],
  [
    'an ID with dot segments',
    'ERR_JWT_SUBJECT',
    issuer.issue('spiffe://muster.internal/lattice/default/host/../../operator/ann'),
  ],
  [
    'an ID that breaks out of JSON',
    'ERR_JWT_SUBJECT',
    issuer.issue('spiffe://muster.internal/operator/a","aud":"SYS'),
  ],
];

for (const [what, code, token] of tokens) {
  test(`refused and audited: ${what}`, () => {
    const decision = decide(token);
    assertDenied(decision, code, token);
    assert.equal(decision.entry.spiffeId, null);
  });
}

test('refused and audited: a good JWT-SVID of a SPIFFE ID without a rule', () => {
  for (const path of [
    '/nats/muster',
    '/callout',
    '/authority',
    '/lattice/default/app/a/component/c',
    '/lattice/other/host/a',
    '/lattice/default/host/a/b',
    '/lattice/default/host',
    '/operator',
    '/x',
  ]) {
    const decision = decide(issuer.issue(`spiffe://${TRUST_DOMAIN}${path}`));
    assertDenied(decision, 'ERR_NO_RULE');
    assert.equal(decision.entry.spiffeId, `spiffe://${TRUST_DOMAIN}${path}`);
  }
});

test('refused and audited: a federated trust domain whose bundle is known', () => {
  assertDenied(decide(foreign.issue('spiffe://other.example/lattice/default/host/a')), 'ERR_TRUST_DOMAIN');
});

test('refused before any cryptography: a token that is too long', () => {
  assertDenied(decide(issuer.issue(HOST_ID, { pad: 'x'.repeat(5_000) })), 'ERR_TOKEN_TOO_LONG');
});

test('refused: other credentials beside the JWT-SVID, and other kinds of connection', () => {
  const token = issuer.issue(HOST_ID);
  assertDenied(decide(token, { connect: { user: 'x' } }), 'ERR_CREDENTIAL_MIXED');
  assertDenied(decide(undefined, { connect: { pass: token } }), 'ERR_CREDENTIAL_MIXED');
  for (const client of [
    { kind: 'Leafnode', type: '' },
    { type: 'mqtt' },
    { type: 'websocket' },
    { kind: 'Router' },
  ]) {
    assertDenied(decide(token, { client }), 'ERR_CONNECTION_KIND');
  }
});

test('without bundles nobody gets in', () => {
  assertDenied(decide(issuer.issue(HOST_ID), {}, { bundles: [] }), 'ERR_BUNDLE_NOT_FOUND');
});

test('an authorization request that is not genuine gets no answer, and is audited', () => {
  const decision = decide(issuer.issue(HOST_ID), { signer: createNkey('N') });
  assert.equal(decision.kind, 'ignored');
  assert.equal(decision.answer, undefined);
  assert.equal(decision.entry.decision, 'deny');
  assert.match(decision.entry.reason, /^ERR_REQUEST_SIGNATURE/);
});

test('an answer is good for its own request only (A57)', () => {
  const decision = decide(issuer.issue(HOST_ID));
  const other = new FakeNatsServer(issuerKey.publicKey, xkey.publicKey);
  assert.throws(() => other.read(decision.answer));
});

test('a remembered JWT-SVID is used until it expires or the bundles change', () => {
  const cache = new VerifiedTokenCache(2);
  const token = issuer.issue(HOST_ID);
  const withKeys = (bundles: readonly JwtBundle[], now = NOW): Decision =>
    maker({ tokens: cache, bundles }).decide(
      server.request(token, { claims: { exp: now / 1_000 + 3 } }),
      server.xkey.publicKey,
      now,
    );
  assert.equal(withKeys([issuer.bundle]).kind, 'allowed');
  assert.equal(withKeys([]).kind, 'allowed');
  assertDenied(withKeys([issuer.bundle], NOW + 62_000), 'ERR_JWT_EXPIRED');
  assert.equal(withKeys([issuer.bundle]).kind, 'allowed');
  cache.clear();
  assertDenied(withKeys([]), 'ERR_BUNDLE_NOT_FOUND');
});

test('refusals are not remembered, and the memory is bounded', () => {
  const cache = new VerifiedTokenCache(2);
  const bad = new TestIssuer().issue(HOST_ID);
  assertDenied(decide(bad, {}, { tokens: cache }), 'ERR_JWT_SIGNATURE');
  const ids = ['a', 'b', 'c'].map((name) => `spiffe://${TRUST_DOMAIN}/lattice/default/host/${name}`);
  for (const id of ids) assert.equal(decide(issuer.issue(id), {}, { tokens: cache }).kind, 'allowed');
  assertDenied(
    decide(issuer.issue(ids[0] ?? ''), {}, { tokens: cache, bundles: [] }),
    'ERR_BUNDLE_NOT_FOUND',
  );
});

test('an operator is let in under any connection name', () => {
  const decision = decide(issuer.issue(OPERATOR_ID), { connect: { name: 'cli' } });
  assert.equal(decision.entry.rule, 'operator');
  assert.equal(granted(decision).resp, undefined);
});

function forgeHs256(): string {
  const [, claims = ''] = issuer.issue(HOST_ID).split('.');
  const signed = `${encode({ alg: 'HS256', kid: issuer.keyId, typ: 'JWT' })}.${claims}`;
  const pem = issuer.publicKey.export({ format: 'pem', type: 'spki' });
  return `${signed}.${createHmac('sha256', pem).update(signed).digest('base64url')}`;
}

function unsigned(alg: string, signature: string): string {
  return `${encode({ alg, kid: issuer.keyId })}.${issuer.issue(HOST_ID).split('.')[1] ?? ''}.${signature}`;
}

function changeSubject(token: string): string {
  const [header = '', claims = '', signature = ''] = token.split('.');
  const changed = JSON.parse(Buffer.from(claims, 'base64url').toString()) as Record<string, unknown>;
  return `${header}.${encode({ ...changed, sub: OPERATOR_ID })}.${signature}`;
}
