import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  matchAny,
  matchId,
  matchMemberOf,
  matchOneOf,
  matchPathPrefix,
  SpiffeId,
  TrustDomain,
} from '../../src/index.ts';
import type { SpiffeIdMatcher } from '../../src/index.ts';

const td = TrustDomain.parse('td');
const api = SpiffeId.parse('spiffe://td/api');

function passes(matcher: SpiffeIdMatcher, id: string): boolean {
  try {
    matcher(SpiffeId.parse(id));
    return true;
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'ERR_ID_NOT_AUTHORIZED');
    return false;
  }
}

test('matchAny lets every ID pass', () => {
  assert.ok(passes(matchAny(), 'spiffe://anything'));
});

test('A24 matchId compares the whole ID', () => {
  assert.ok(passes(matchId(api), 'spiffe://td/api'));
  for (const other of [
    'spiffe://td/api-evil',
    'spiffe://td/api/a',
    'spiffe://td',
    'spiffe://td/ap',
    'spiffe://tdx/api',
    'spiffe://td/API',
  ]) {
    assert.ok(!passes(matchId(api), other), other);
  }
});

test('matchOneOf lets the listed IDs pass, and none of an empty list', () => {
  const matcher = matchOneOf([api, SpiffeId.parse('spiffe://td/b')]);
  assert.ok(passes(matcher, 'spiffe://td/b'));
  assert.ok(!passes(matcher, 'spiffe://td/c'));
  assert.ok(!passes(matchOneOf([]), 'spiffe://td/api'));
});

test('matchMemberOf compares the trust domain', () => {
  assert.ok(passes(matchMemberOf(td), 'spiffe://td/x'));
  assert.ok(!passes(matchMemberOf(td), 'spiffe://td.example/x'));
});

test('A24 matchPathPrefix goes by whole segments', () => {
  for (const prefix of ['/nats', '/nats/']) {
    const matcher = matchPathPrefix(td, prefix);
    assert.ok(passes(matcher, 'spiffe://td/nats/a'));
    for (const other of [
      'spiffe://td/nats',
      'spiffe://td/nats-evil/a',
      'spiffe://other/nats/a',
      'spiffe://td/x/nats/a',
    ]) {
      assert.ok(!passes(matcher, other), other);
    }
  }
});

test('a refusal says what was expected', () => {
  assert.throws(() => {
    matchId(api)(SpiffeId.parse('spiffe://td/b'));
  }, /"spiffe:\/\/td\/b" is not authorized: expected "spiffe:\/\/td\/api"/);
});
