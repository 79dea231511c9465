import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';

import { createTestJwtAuthority } from '@muster/testing';

import { parseUnverifiedJwtSvid } from '../../src/index.ts';

const authority = createTestJwtAuthority();
const token = authority.issue('spiffe://example.org/workload', ['a', 'b'], { claims: { jti: 'j' } });

test('reads a token without a bundle', () => {
  const svid = parseUnverifiedJwtSvid(token, { hint: 'internal' });
  assert.equal(svid.token, token);
  assert.equal(svid.id.toString(), 'spiffe://example.org/workload');
  assert.deepEqual(svid.audience, ['a', 'b']);
  assert.equal(svid.hint, 'internal');
  assert.equal(svid.jti, 'j');
  assert.equal(parseUnverifiedJwtSvid(token).hint, undefined);
});

test('A50 the token does not show in JSON, when inspected or in a copy', () => {
  const svid = parseUnverifiedJwtSvid(token);
  const signature = token.split('.')[2]!;
  for (const text of [
    JSON.stringify(svid),
    inspect(svid),
    inspect([{ svid }], { depth: 9, showHidden: true }),
    JSON.stringify({ ...svid }),
  ]) {
    assert.ok(!text.includes(signature), text);
  }
  assert.match(JSON.stringify(svid), /spiffe:\/\/example\.org\/workload/);
});

test('an expired token can be read, a broken one cannot', () => {
  parseUnverifiedJwtSvid(authority.issue('spiffe://example.org/workload', 'a', { claims: { exp: 1 } }));
  assert.throws(() => parseUnverifiedJwtSvid('a.b.c'), { name: 'SpiffeError' });
  assert.throws(() => parseUnverifiedJwtSvid(authority.issue('x', 'a')), { code: 'ERR_JWT_SUBJECT' });
});
