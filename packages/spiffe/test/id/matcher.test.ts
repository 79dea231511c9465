import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  matchAny,
  matchEvery,
  matchId,
  matchMemberOf,
  matchNot,
  matchOneOf,
  matchPathPrefix,
  matchSome,
  matchTemplate,
  SpiffeError,
  SpiffeId,
  TrustDomain,
} from '../../src/index.ts';
import type { SpiffeIdMatcher } from '../../src/index.ts';
import { authorize } from '../../src/id/matcher.ts';

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

test('A25 a path prefix that no path can begin with is refused when the matcher is made', () => {
  for (const prefix of [
    '',
    '/',
    'nats',
    '//',
    '/nats//',
    '/a/../b',
    '/./',
    '/*',
    '/nats/>',
    '/a b',
    '/%2e',
  ]) {
    assert.throws(() => matchPathPrefix(td, prefix), { code: 'ERR_ID_TEMPLATE' }, prefix);
  }
});

test('combinations: every, some and not', () => {
  const everyone = matchMemberOf(td);
  const notApi = matchEvery(everyone, matchNot(matchId(api)));
  assert.ok(passes(notApi, 'spiffe://td/b'));
  assert.ok(!passes(notApi, 'spiffe://td/api'));
  assert.ok(!passes(notApi, 'spiffe://other/b'));
  const either = matchSome(matchId(api), matchTemplate('spiffe://td/ns/{n}'));
  assert.ok(passes(either, 'spiffe://td/api'));
  assert.ok(passes(either, 'spiffe://td/ns/x'));
  assert.ok(!passes(either, 'spiffe://td/ns'));
});

test('an empty combination lets nobody pass', () => {
  for (const matcher of [matchEvery(), matchSome()]) {
    assert.ok(!passes(matcher, 'spiffe://td/api'));
  }
});

test('an error that is no refusal is not held for one', () => {
  const broken = (): void => {
    throw new TypeError('broken');
  };
  const unavailable = (): void => {
    throw new SpiffeError('ERR_CLOSED', 'The source is closed');
  };
  for (const matcher of [matchNot(broken), matchSome(broken, matchAny()), matchEvery(broken)]) {
    assert.throws(() => {
      matcher(api);
    }, TypeError);
  }
  assert.throws(
    () => {
      matchNot(unavailable)(api);
    },
    { code: 'ERR_CLOSED' },
  );
});

test('an asynchronous matcher lets nobody pass, inside a combination neither', () => {
  // TypeScript lets a function of a promise pass for one of nothing, so this is easily written.
  const asynchronous = (async () => {
    await Promise.reject(new Error('too late'));
  }) as unknown as SpiffeIdMatcher;
  for (const matcher of [
    asynchronous,
    matchNot(asynchronous),
    matchSome(asynchronous, matchAny()),
    matchEvery(matchAny(), asynchronous),
  ]) {
    assert.throws(
      () => {
        authorize(matcher, api);
      },
      { code: 'ERR_ID_MATCHER' },
    );
  }
  authorize(matchTemplate('spiffe://td/{then}'), api);
});

test('a matcher that returns its verdict instead of throwing lets nobody pass', () => {
  // TypeScript lets a function of anything pass for one of nothing, so these are easily written, too.
  const predicate = ((id: SpiffeId) => id.path === '/api') as SpiffeIdMatcher;
  const returning =
    (answer: unknown): SpiffeIdMatcher =>
    () =>
      answer;
  for (const matcher of [
    predicate,
    returning(false),
    returning(null),
    returning(new Error('not you')),
    matchNot(returning(false)),
    matchSome(predicate, matchAny()),
    matchEvery(matchAny(), predicate),
  ]) {
    assert.throws(
      () => {
        authorize(matcher, api);
      },
      { code: 'ERR_ID_MATCHER' },
    );
  }
  authorize(returning(undefined), api);
});

test('objects that look like IDs pass no matcher and make none', () => {
  const look = { trustDomain: td, path: '/api', toString: () => 'spiffe://td/api', isMemberOf: () => true };
  const fake = look as unknown as SpiffeId;
  const heir = Object.create(api) as SpiffeId;
  for (const id of [fake, heir, 'spiffe://td/api' as unknown as SpiffeId]) {
    for (const matcher of [
      matchId(api),
      matchOneOf([api]),
      matchMemberOf(td),
      matchPathPrefix(td, '/api'),
      matchTemplate('spiffe://td/{name}'),
      matchNot(matchId(SpiffeId.parse('spiffe://td/b'))),
    ]) {
      assert.throws(
        () => {
          matcher(id);
        },
        { code: 'ERR_ID_NOT_AUTHORIZED' },
      );
    }
    assert.throws(() => matchId(id), { code: 'ERR_ID_MATCHER' });
    assert.throws(() => matchOneOf([api, id]), { code: 'ERR_ID_MATCHER' });
  }
  const domain = { name: 'td', id: 'spiffe://td', equals: () => true } as unknown as TrustDomain;
  assert.throws(() => matchMemberOf(domain), { code: 'ERR_ID_MATCHER' });
  assert.throws(() => matchPathPrefix(domain, '/a'), { code: 'ERR_ID_MATCHER' });
});
