import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createNkey, createXkey } from '@muster/lattice';
import type { JsonObject } from '@muster/lattice';
import * as fc from 'fast-check';
import { RequestChecker } from '../src/authorization-request.ts';
import { DecisionMaker } from '../src/decision.ts';
import { defaultRules } from '../src/default-rules.ts';
import { CALLOUT_ERRORS } from '../src/errors.ts';
import { parseRuleDocument } from '../src/rule-document.ts';
import { compileRules } from '../src/rules.ts';
import { VerifiedTokenCache } from '../src/token-cache.ts';
import { chooseUserExpiry } from '../src/user-claims.ts';
import { FakeNatsServer } from './fake-nats-server.ts';
import { AUDIENCE, HOST_ID, NOW, TestIssuer, TRUST_DOMAIN } from './support.ts';

const issuerKey = createNkey('A');
const xkey = createXkey();
const server = new FakeNatsServer(issuerKey.publicKey, xkey.publicKey);
const issuer = new TestIssuer();
const maker = new DecisionMaker({
  checker: new RequestChecker({ xkey, issuer: issuerKey.publicKey, leewayMs: 1_000 }),
  signer: { issuer: issuerKey, xkey },
  matchRule: compileRules(defaultRules({ trustDomain: TRUST_DOMAIN, lattice: 'default' })),
  bundles: { getJwtBundle: () => issuer.bundle },
  tokens: new VerifiedTokenCache(0),
  trustDomain: TRUST_DOMAIN,
  audience: AUDIENCE,
  userTtlMs: 3_600_000,
  maxTokenLength: 4_096,
  leewayMs: 1_000,
});

test('whatever bytes come, nothing is thrown and nothing is answered', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.option(fc.string({ maxLength: 60 })),
      (data, header) => {
        const decision = maker.decide(data, header ?? undefined, NOW);
        assert.deepEqual([decision.kind, decision.answer], ['ignored', undefined]);
      },
    ),
  );
});

test('whatever a genuine server says about a client, the outcome is an audited decision', () => {
  const part = fc.dictionary(
    fc.constantFrom('id', 'name', 'kind', 'type', 'host', 'auth_token', 'user', 'jwt', 'xkey', '__proto__'),
    fc.jsonValue({ maxDepth: 2 }),
    { maxKeys: 6 },
  ) as fc.Arbitrary<JsonObject>;
  fc.assert(
    fc.property(part, part, fc.string({ maxLength: 100 }), (client, connect, token) => {
      const decision = maker.decide(server.request(token, { client, connect }), server.xkey.publicKey, NOW);
      assert.notEqual(decision.kind, 'allowed');
      assert.match(decision.entry.reason, /^ERR_[A-Z0-9_]+: /);
      assert.equal(decision.kind === 'ignored', decision.answer === undefined);
      if (decision.answer !== undefined) assert.equal(server.read(decision.answer), 'denied');
    }),
    { numRuns: 300 },
  );
});

test('a JWT-SVID with any one character replaced lets nobody in', () => {
  const token = issuer.issue(HOST_ID);
  fc.assert(
    fc.property(
      fc.nat(token.length - 1),
      fc.constantFrom('A', 'B', 'z', '_', '-', '.', '=', '\n', '\u0000'),
      (at, character) => {
        const changed = token.slice(0, at) + character + token.slice(at + 1);
        if (changed === token) return;
        assert.equal(maker.decide(server.request(changed), server.xkey.publicKey, NOW).kind, 'denied');
      },
    ),
    { numRuns: 300 },
  );
});

test('no identity outside the rules gets in, however its path looks', () => {
  const segment = fc.constantFrom(
    'lattice',
    'default',
    'host',
    'operator',
    'nats',
    'a',
    'b.c',
    'Host',
    'defaul',
    'default2',
    'app',
    'component',
  );
  fc.assert(
    fc.property(fc.array(segment, { minLength: 1, maxLength: 6 }), (segments) => {
      const id = `spiffe://${TRUST_DOMAIN}/${segments.join('/')}`;
      const { kind, entry } = maker.decide(server.request(issuer.issue(id)), server.xkey.publicKey, NOW);
      const isHost = segments.length === 4 && segments.slice(0, 3).join('/') === 'lattice/default/host';
      const isOperator = segments.length === 2 && segments[0] === 'operator';
      assert.equal(kind, isHost || isOperator ? 'allowed' : 'denied');
      assert.equal(entry.spiffeId, id);
    }),
    { numRuns: 300 },
  );
});

test('a document is parsed or refused, whatever the JSON', () => {
  const value = fc.jsonValue({ maxDepth: 2 });
  const rule = fc.dictionary(
    fc.constantFrom(
      'name',
      'match',
      'connection',
      'account',
      'publish',
      'subscribe',
      'responses',
      'ttlMs',
      'x',
    ),
    value,
  );
  const document = fc.record(
    { version: fc.constantFrom(1, 2, '1'), rules: fc.oneof(fc.array(rule, { maxLength: 3 }), value) },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(document, (source) => {
      try {
        parseRuleDocument(JSON.parse(JSON.stringify(source)));
      } catch (error) {
        assert.equal(
          Object.hasOwn(CALLOUT_ERRORS, (error as { code?: string }).code ?? ''),
          true,
          String(error),
        );
      }
    }),
    { numRuns: 500 },
  );
});

test('the end of a connection is a whole second, after now, and at most the life and one hour away', () => {
  const millis = fc.integer({ min: 1, max: 10_000_000 });
  fc.assert(
    fc.property(
      millis,
      fc.integer({ min: 0, max: 999 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (ttlMs, offset, random) => {
        const now = NOW + offset;
        const expiresAt = chooseUserExpiry(ttlMs, now, () => random);
        assert.equal(expiresAt % 1_000, 0);
        assert.equal(expiresAt > now, true);
        assert.equal(expiresAt - now <= Math.max(1_000, Math.min(ttlMs, 3_600_000)), true);
        assert.equal(expiresAt - now > Math.min(ttlMs, 3_600_000) * 0.9 - 1_000, true);
      },
    ),
  );
});
