import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createTestCa, createTestJwtAuthority } from '@muster/testing';
import * as fc from 'fast-check';

import {
  isSpiffeError,
  JwtBundle,
  JwtBundleSet,
  marshalSpiffeBundleSet,
  parseSpiffeBundleSet,
  SpiffeBundle,
  SpiffeBundleSet,
  TrustDomain,
  X509BundleSet,
} from '../../src/index.ts';

const names = ['a.org', 'b.org', 'c.org'];
const [a, b, c] = names.map((name) => TrustDomain.parse(name)) as [TrustDomain, TrustDomain, TrustDomain];
const x509 = names.map((name) => createTestCa(name).bundle);
const jwt = names.map((name) => createTestJwtAuthority(name).bundle);
const spiffe = names.map(
  (name, index) =>
    new SpiffeBundle(TrustDomain.parse(name), {
      x509Bundle: x509[index],
      jwtBundle: jwt[index],
      sequence: 2n ** 60n + BigInt(index),
    }),
);

/** All sets do the same. */
function checkSet<B extends { readonly trustDomain: TrustDomain }, S extends SetOf<B, S>>(
  empty: S,
  bundles: readonly B[],
  other: B,
): void {
  let set = empty;
  for (const bundle of bundles) {
    set = set.with(bundle);
  }
  assert.equal(empty.size, 0);
  assert.equal(set.size, 3);
  assert.deepEqual(
    set.trustDomains.map(({ name }) => name),
    names,
  );
  assert.deepEqual([...set], bundles);
  assert.ok(set.has(a));
  assert.equal(set.get(b), bundles[1]);
  const less = set.without(b);
  assert.ok(!less.has(b) && set.has(b));
  assert.equal(less.get(b), undefined);
  assert.ok(!less.equals(set) && !set.equals(less));
  assert.ok(less.with(bundles[1]!).equals(set), 'whatever the order');
  assert.ok(less.without(b).equals(less));
  const replaced = set.with(other);
  assert.equal(replaced.size, 3);
  assert.equal(replaced.get(a), other);
  assert.ok(!replaced.equals(set));
}

interface SetOf<B, S> extends Iterable<B> {
  readonly size: number;
  readonly trustDomains: readonly TrustDomain[];
  has(trustDomain: TrustDomain): boolean;
  get(trustDomain: TrustDomain): B | undefined;
  with(bundle: B): S;
  without(trustDomain: TrustDomain): S;
  equals(other: S): boolean;
}

test('sets of each kind are added to, replaced in, removed from, listed and compared', () => {
  checkSet(new X509BundleSet(), x509, createTestCa('a.org').bundle);
  checkSet(new JwtBundleSet(), jwt, createTestJwtAuthority('a.org').bundle);
  checkSet(new SpiffeBundleSet(), spiffe, spiffe[0]!.with({ sequence: 1n }));
});

test('a set of SPIFFE bundles is a source of both kinds, and of each trust domain by itself', () => {
  const set = new SpiffeBundleSet(spiffe.slice(0, 2));
  assert.equal(set.getX509Bundle(a), x509[0]);
  assert.equal(set.getJwtBundle(b), jwt[1]);
  assert.equal(set.getX509Bundle(c), undefined);
  assert.equal(set.getJwtBundle(c), undefined);
});

test('a set lists what its bundles have passed over, and what it has itself', () => {
  const bundle = JwtBundle.fromJwks(a, '{"keys":[{}]}');
  const set = new JwtBundleSet([bundle, jwt[1]!], { ignored: ['one bundle'] });
  assert.deepEqual(set.ignored, ['one bundle', '"a.org", key 0: kid is missing']);
  assert.deepEqual(new JwtBundleSet(jwt).ignored, []);
});

test('a document of several trust domains comes back as it was', () => {
  fc.assert(
    fc.property(fc.subarray(spiffe), (bundles) => {
      const text = marshalSpiffeBundleSet(bundles);
      const set = parseSpiffeBundleSet(text);
      assert.ok(set.equals(new SpiffeBundleSet(bundles)));
      assert.ok(parseSpiffeBundleSet(Buffer.from(text)).equals(set));
      for (const bundle of bundles) {
        assert.equal(set.get(bundle.trustDomain)?.sequence, bundle.sequence, 'no number is rounded');
      }
    }),
  );
});

const document = spiffe[0]!.toDocument();
const malformed: [string, string][] = [
  ['no object', '[]'],
  ['no trust_domains', '{}'],
  ['trust_domains is a list', '{"trust_domains":[]}'],
  ['A8 a trust domain twice', `{"trust_domains":{"a.org":${document},"a.org":${document}}}`],
  [
    'A8 a trust domain twice, once escaped',
    `{"trust_domains":{"a.org":${document},"\\u0061.org":${document}}}`,
  ],
  ['A8 trust_domains twice', `{"trust_domains":{},"trust_domains":{"a.org":${document}}}`],
  ['a bundle that is none', '{"trust_domains":{"a.org":null}}'],
  ['a bundle without keys', '{"trust_domains":{"a.org":{}}}'],
  ['A22 a name in upper case', `{"trust_domains":{"A.org":${document}}}`],
  ['an ID for a name', `{"trust_domains":{"spiffe://a.org":${document}}}`],
  ['a sequence that is none', '{"trust_domains":{"a.org":{"keys":[],"spiffe_sequence":1.5}}}'],
  [
    'A54 too many trust domains',
    `{"trust_domains":{${Array.from({ length: 1001 }, (_, index) => `"d${index}.org":{"keys":[]}`).join(',')}}}`,
  ],
];
for (const [name, text] of malformed) {
  test(`refuses a document of several trust domains: ${name}`, () => {
    assert.throws(() => parseSpiffeBundleSet(text), { code: 'ERR_BUNDLE_MALFORMED' });
  });
}

test('names that are members of every object are trust domains like others', () => {
  const set = parseSpiffeBundleSet(`{"trust_domains":{"__proto__":${document},"constructor":${document}}}`);
  assert.deepEqual(
    set.trustDomains.map(({ name }) => name),
    ['__proto__', 'constructor'],
  );
});

test('whatever the document of several trust domains: read, or refused with the own error', () => {
  const text = marshalSpiffeBundleSet(spiffe);
  const changed = fc
    .tuple(fc.nat(text.length - 1), fc.string({ unit: 'binary', maxLength: 3 }))
    .map(([position, replacement]) => text.slice(0, position) + replacement + text.slice(position + 1));
  fc.assert(
    fc.property(fc.oneof(changed, fc.json(), fc.string()), (candidate) => {
      try {
        parseSpiffeBundleSet(candidate);
      } catch (error) {
        assert.ok(isSpiffeError(error), String(error));
      }
    }),
    { numRuns: 200 },
  );
});
