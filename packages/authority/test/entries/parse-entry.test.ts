import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { SpiffeId, TrustDomain } from '@muster/spiffe';
import { ENTRY_LIMITS, parseRegistrationEntry } from '../../src/entries/parse-entry.ts';
import { AuthorityError } from '../../src/errors.ts';

const TD = TrustDomain.parse('muster.internal');
const GOOD: Readonly<Record<string, unknown>> = {
  spiffe_id: 'spiffe://muster.internal/a',
  parent_id: 'spiffe://muster.internal/authority',
  selectors: [{ type: 'unix', value: 'uid:1' }],
};

function refused(change: Readonly<Record<string, unknown>>, label = JSON.stringify(change)): void {
  assert.throws(
    () => parseRegistrationEntry({ ...GOOD, ...change }, TD),
    { code: 'ERR_ENTRY_INVALID' },
    label,
  );
}

describe('parseRegistrationEntry', () => {
  it('fills in what is absent', () => {
    assert.deepEqual(parseRegistrationEntry(GOOD, TD), {
      ...GOOD,
      id: '',
      x509_svid_ttl: 0,
      jwt_svid_ttl: 0,
      federates_with: [],
      admin: false,
      downstream: false,
      expires_at: 0,
      dns_names: [],
      revision_number: 0,
      store_svid: false,
      hint: '',
      created_at: 0,
      additional_attributes: {},
    });
  });

  it('reads every key of SPIRE, in both of its spellings', () => {
    const full = {
      ...GOOD,
      id: 'e-1.A_b',
      x509_svid_ttl: 200,
      jwt_svid_ttl: 30,
      federates_with: ['other.example', 'spiffe://third.example'],
      admin: true,
      downstream: true,
      expires_at: '1900000000',
      dns_names: ['db', 'db.example', '*.example'],
      revision_number: 3,
      store_svid: true,
      hint: 'x',
      created_at: 5,
      additional_attributes: { disable_x509_svid_prefetch: true, jwt_svid_include_jti: false },
    };
    const parsed = parseRegistrationEntry(full, TD);
    assert.equal(parsed.expires_at, 1_900_000_000);
    assert.deepEqual(parsed.federates_with, ['other.example', 'third.example']);
    const { id, expires_at, ...rest } = full;
    assert.deepEqual(parseRegistrationEntry({ ...rest, entry_id: id, entryExpiry: expires_at }, TD), parsed);
    refused({ id: 'a', entry_id: 'a' });
  });

  it('refuses unknown keys at every level', () => {
    refused({ spiffeId: 'x' });
    refused({ ttl: 5 });
    refused({ selectors: [{ type: 'unix', value: 'uid:1', extra: 1 }] });
    refused({ additional_attributes: { other: true } });
    assert.throws(() => parseRegistrationEntry(JSON.parse(`{"__proto__": {}}`), TD), {
      code: 'ERR_ENTRY_INVALID',
    });
    refused({ toString: 'x' }, 'a name that every object has');
  });

  it('refuses IDs that it could never issue', () => {
    for (const spiffe_id of [
      undefined,
      7,
      '',
      'spiffe://muster.internal',
      'spiffe://muster.internal/',
      'spiffe://other.example/a',
      'spiffe://muster.internal.evil/a',
      'spiffe://muster.internal/a/../b',
      'spiffe://muster.internal/a%2fb',
      'SPIFFE://muster.internal/a',
      'spiffe://muster.internal/a\n',
      `spiffe://muster.internal/${'a'.repeat(ENTRY_LIMITS.spiffeId)}`,
    ]) {
      refused({ spiffe_id });
    }
    const longest = `spiffe://muster.internal/${'a'.repeat(ENTRY_LIMITS.spiffeId - 25)}`;
    assert.equal(longest.length, ENTRY_LIMITS.spiffeId);
    assert.equal(parseRegistrationEntry({ ...GOOD, spiffe_id: longest }, TD).spiffe_id, longest);
    refused({ parent_id: undefined });
    refused({ parent_id: 'spiffe://other.example/a' });
  });

  it('refuses selectors out of bounds', () => {
    for (const selectors of [
      undefined,
      {},
      [],
      [null],
      ['unix:uid:1'],
      [{ type: 'unix' }],
      [{ type: '', value: 'x' }],
      [{ type: 'a:b', value: 'x' }],
      [{ type: 'unix', value: '' }],
      [{ type: 'unix', value: 1 }],
      [{ type: 'unix', value: 'a\nb' }],
      [{ type: 'unix', value: 'a\u2028b' }],
      [{ type: 'unix', value: 'x'.repeat(ENTRY_LIMITS.selectorValue + 1) }],
      [{ type: 'x'.repeat(ENTRY_LIMITS.selectorType + 1), value: 'x' }],
      [
        { type: 'unix', value: 'uid:1' },
        { type: 'unix', value: 'uid:1' },
      ],
      Array.from({ length: ENTRY_LIMITS.selectors + 1 }, (_, index) => ({ type: 'a', value: String(index) })),
    ]) {
      refused({ selectors });
    }
  });

  it('refuses numbers, names and flags out of bounds', () => {
    for (const x509_svid_ttl of [
      -1,
      1.5,
      '1.5',
      Number.NaN,
      ENTRY_LIMITS.ttl + 1,
      2 ** 31,
      null,
      '01',
      [1],
    ]) {
      refused({ x509_svid_ttl });
    }
    refused({ expires_at: ENTRY_LIMITS.instant + 1 });
    refused({ admin: 'true' });
    refused({ hint: 'x'.repeat(ENTRY_LIMITS.hint + 1) });
    refused({ hint: 'a\u0000' });
    refused({ id: 'a b' });
    refused({ id: 5 });
    for (const name of ['', '.', '-a', 'a-', 'a..b', 'a b', 'a\n', `${'a'.repeat(64)}.b`, 'ä', 'a/b', '*']) {
      refused({ dns_names: [name] });
    }
    refused({ dns_names: ['a', 'a'] });
    refused({ federates_with: ['UPPER'] });
    refused({ federates_with: [7] });
    refused({ additional_attributes: [] });
  });

  it('refuses what is no object', () => {
    for (const value of [undefined, null, 1, 'x', [], [GOOD]]) {
      assert.throws(() => parseRegistrationEntry(value, TD), { code: 'ERR_ENTRY_INVALID' });
    }
  });

  it('throws nothing but its own error, whatever it is given', () => {
    const hostile = fc.record(
      Object.fromEntries(
        [...Object.keys(GOOD), 'id', 'hint', 'expires_at', 'dns_names', 'additional_attributes'].map(
          (key) => [key, fc.oneof(fc.constant(GOOD[key]), fc.anything())],
        ),
      ),
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.oneof(hostile, fc.anything()), (value) => {
        try {
          const entry = parseRegistrationEntry(value, TD);
          const id = SpiffeId.parse(entry.spiffe_id);
          assert.ok(id.isMemberOf(TD) && id.path !== '' && entry.selectors.length > 0);
        } catch (error) {
          assert.ok(error instanceof AuthorityError, String(error));
        }
      }),
      { numRuns: 500 },
    );
  });

  it('reads what it wrote', () => {
    const name = fc.stringMatching(/^[a-z]{1,10}$/);
    const selector = fc.record({ type: name, value: name });
    const good = fc.record({
      spiffe_id: name.map((text) => `spiffe://muster.internal/${text}`),
      parent_id: fc.constant('spiffe://muster.internal/authority'),
      selectors: fc.uniqueArray(selector, {
        minLength: 1,
        maxLength: 8,
        selector: ({ type, value }) => `${type}:${value}`,
      }),
      x509_svid_ttl: fc.integer({ min: 0, max: ENTRY_LIMITS.ttl }),
      hint: name,
      admin: fc.boolean(),
    });
    fc.assert(
      fc.property(good, (value) => {
        const parsed = parseRegistrationEntry(value, TD);
        assert.deepEqual(parseRegistrationEntry(JSON.parse(JSON.stringify(parsed)), TD), parsed);
      }),
    );
  });
});
