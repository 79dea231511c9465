import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  compareVersions,
  isLabel,
  toCamelCase,
  toPascalCase,
  tryParseExternName,
  uniquenessKey,
  versionTrack,
} from '../../src/binary/names.ts';

test('labels are kebab case with words and acronyms', () => {
  for (const label of [
    'a',
    'a-b-c',
    'a1-2-3',
    'A',
    'A-B-C',
    'A1-2-3',
    'a11-w0rds',
    'm1x3d-4CR0NYMS',
    'is-XML',
    'then',
  ]) {
    assert.ok(isLabel(label), label);
  }
  for (const text of [
    '',
    '1-2-3',
    'aB',
    'a_b',
    'a-',
    '-a',
    'a--b',
    'a.b',
    'a b',
    'é',
    '__proto__',
    'a'.repeat(1_001),
  ]) {
    assert.ok(!isLabel(text), text);
  }
});

test('extern names are plain, annotated or of an interface', () => {
  assert.deepEqual(tryParseExternName('get-JSON'), { kind: 'label', label: 'get-JSON' });
  assert.deepEqual(tryParseExternName('[constructor]a-b'), { kind: 'constructor', label: 'a-b' });
  assert.deepEqual(tryParseExternName('[method]r.get-it'), {
    kind: 'method',
    resource: 'r',
    label: 'get-it',
  });
  assert.deepEqual(tryParseExternName('[static]r.call'), { kind: 'static', resource: 'r', label: 'call' });
  assert.deepEqual(tryParseExternName('wasi:http/types@0.2.12'), {
    kind: 'interface',
    base: 'wasi:http/types',
    version: '0.2.12',
  });
  assert.deepEqual(tryParseExternName('a:b/c'), { kind: 'interface', base: 'a:b/c', version: undefined });
  for (const text of [
    '[method]r',
    '[static]r.',
    '[constructor]r.s',
    '[other]r.s',
    'a:b',
    'a:b/c@x',
    'A:b/c',
    'a/b',
    'a:b/c/d',
    'a:b:c/d',
    'a:b/cD',
    '[method]1.b',
  ]) {
    assert.equal(tryParseExternName(text), undefined, text);
  }
});

test('names that bindings could confuse share a key', () => {
  const same = [
    ['foo', 'FOO'],
    ['[method]foo.bar', '[static]foo.BAR'],
    ['foo', '[method]foo.foo'],
    ['[constructor]foo', '[constructor]FOO'],
  ] as const;
  for (const [a, b] of same) assert.equal(uniquenessKey(a), uniquenessKey(b));
  const different = [
    'foo',
    'foo-bar',
    '[constructor]foo',
    '[method]foo.bar',
    '[static]foo.baz',
    'foo:bar/baz',
  ];
  assert.equal(new Set(different.map(uniquenessKey)).size, different.length);
});

test('labels become JavaScript names', () => {
  assert.equal(toCamelCase('get-HTTP-headers'), 'getHttpHeaders');
  assert.equal(toCamelCase('XML'), 'xml');
  assert.equal(toPascalCase('incoming-request'), 'IncomingRequest');
});

test('versions of one track are compatible', () => {
  assert.equal(versionTrack('1.2.3'), '1');
  assert.equal(versionTrack('0.2.12'), versionTrack('0.2.0'));
  assert.notEqual(versionTrack('0.2.12'), versionTrack('0.3.0'));
  assert.notEqual(versionTrack('0.0.1'), versionTrack('0.0.2'));
  assert.equal(versionTrack('0.2.0-rc.1'), '0.2.0-rc.1');
  assert.ok(compareVersions('0.2.12', '0.2.9') > 0);
  assert.ok(compareVersions('1.0.0', '1.10.0') < 0);
});
