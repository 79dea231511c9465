import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { createAuthorityCheck } from '../../src/http-server/authority.ts';

test('without a list every well-formed authority is served', () => {
  const { check } = createAuthorityCheck(undefined);
  for (const host of [
    'a',
    'a.example:80',
    '127.0.0.1:8000',
    '[::1]:1',
    '[2001:db8::1]',
    'under_score.test',
  ]) {
    assert.equal(check(host), 'ok', host);
  }
});

test('malformed authorities are refused with and without a list', () => {
  const bad = [
    '',
    ' ',
    'a b',
    'a:',
    'a:x',
    'a:65536',
    'user@a',
    'a/b',
    'a?b',
    'a#b',
    '[::1',
    '::1',
    'a,b',
    'ä',
    'a\tb',
    '%61',
  ];
  for (const check of [createAuthorityCheck(undefined).check, createAuthorityCheck(['a']).check]) {
    for (const host of bad) {
      assert.equal(check(host), 'malformed', JSON.stringify(host));
    }
  }
});

test('an entry without port fits every port, one with port only that one, in any case', () => {
  const { check } = createAuthorityCheck(['App.example', 'other.example:8443', '[::1]']);
  assert.equal(check('app.example'), 'ok');
  assert.equal(check('APP.EXAMPLE:9000'), 'ok');
  assert.equal(check('other.example:8443'), 'ok');
  assert.equal(check('other.example'), 'refused');
  assert.equal(check('[::1]:80'), 'ok');
  assert.equal(check('evil-app.example'), 'refused');
  assert.equal(check('app.example.evil'), 'refused');
});

test('the remembered decision never answers for another authority', () => {
  const { check } = createAuthorityCheck(['good']);
  fc.assert(
    fc.property(fc.array(fc.constantFrom('good', 'bad', 'b d', 'good:1')), (hosts) => {
      for (const host of hosts) {
        const expected = host === 'b d' ? 'malformed' : host === 'bad' ? 'refused' : 'ok';
        assert.equal(check(host), expected);
      }
    }),
  );
});
