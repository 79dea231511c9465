import * as spiffe from '@muster/spiffe';
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { suite, test } from 'node:test';

import { isTest } from './test-names.ts';

/** One rule of a document. */
interface Row {
  /** Document, section and number in the section. Stable. */
  readonly id: string;
  readonly section: string;
  readonly level: 'MUST' | 'MUST NOT' | 'SHOULD' | 'SHOULD NOT' | 'MAY';
  /** The rule in words of our own. */
  readonly text: string;
  /** Whose rule it is: who reads and verifies, who writes and issues, or both. */
  readonly applies: 'consumer' | 'issuer' | 'both';
  readonly status: 'supported' | 'partly' | 'missing' | 'not-applicable';
  /** What breaks the rule is refused with this error code ... */
  readonly code?: string;
  /** ... or, where nothing is refused, this is what happens. */
  readonly effect?: string;
  /** Another row of the document whose rule and code this one repeats. */
  readonly sameAs?: string;
  readonly note?: string;
  /** Of a rule that is missing: no export of the library may have this word in its name, or the row is out of date. */
  readonly absent?: string;
  /** `<path from the root>: <name of a test>`; see `isTest`. */
  readonly tests: readonly string[];
}

const folder = new URL('musts/', import.meta.url);
const root = new URL('../../', import.meta.url);
const documents = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map((name) => ({
    name,
    ...(JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as { document: string; rows: Row[] }),
  }));
const LEVELS = ['MUST', 'MUST NOT', 'SHOULD', 'SHOULD NOT', 'MAY'];

test('a test is known by its name, not by text in its file', () => {
  const file = 'packages/spiffe/test/svid/verify-x509.test.ts';
  assert.ok(isTest(`${file}: path lengths are kept`));
  assert.ok(isTest(`${file}: refuses a leaf: \${name}`));
  assert.ok(isTest(`${file}: refuses a leaf: root path`));
  for (const other of [
    'path lengths',
    'verifyX509Svid',
    'refuses a leaf: no such row',
    'root path',
    'refuses a leaf: ',
  ]) {
    assert.ok(!isTest(`${file}: ${other}`), other);
  }
  assert.ok(!isTest('packages/spiffe/test/svid/missing.test.ts: path lengths are kept'));
});

for (const { name, document, rows } of documents) {
  suite(`${document} (${name})`, () => {
    test('every row is whole, and no ID is there twice', () => {
      assert.equal(new Set(rows.map(({ id }) => id)).size, rows.length);
      for (const row of rows) {
        const { id } = row;
        assert.ok(LEVELS.includes(row.level), id);
        assert.ok(['consumer', 'issuer', 'both'].includes(row.applies), id);
        assert.ok(row.text !== '' && id.includes(`-${row.section}-`), id);
        const isThere = row.status === 'supported' || row.status === 'partly';
        assert.ok(isThere || row.status === 'missing' || row.status === 'not-applicable', id);
        assert.equal(row.tests.length > 0, isThere, `${id}: tests for what is there, none for what is not`);
        if (row.status !== 'supported') {
          assert.ok((row.note ?? '') !== '', `${id} says what is not there, or why`);
        }
        const wanted = row.absent?.toLowerCase();
        assert.equal(wanted !== undefined, row.status === 'missing', `${id}: what would show that it came`);
        assert.deepEqual(
          Object.keys(spiffe).filter((key) => wanted !== undefined && key.toLowerCase().includes(wanted)),
          [],
          `${id} is listed as missing, but there is something`,
        );
        if (isThere) {
          assert.ok((row.code === undefined) !== (row.effect === undefined), `${id}: a code or an effect`);
        }
      }
    });

    for (const { id, tests } of rows) {
      test(`${id} has its tests`, () => {
        for (const named of tests) {
          assert.ok(isTest(named), `there is no such test: ${named}`);
        }
      });
    }

    test('every error code is one of the table, and a test that is named for it knows it', () => {
      for (const { id, code, tests } of rows.filter((row) => row.code !== undefined)) {
        assert.ok(Object.hasOwn(spiffe.SPIFFE_ERRORS, code!), `${id}: ${code}`);
        const sources = tests.map((named) => readFileSync(new URL(named.split(': ')[0]!, root), 'utf8'));
        assert.ok(
          sources.some((source) => source.includes(`'${code}'`)),
          `${id}: no file of its tests has '${code}'`,
        );
      }
    });

    test('each rule has an error code of its own', () => {
      const owners = new Map<string, string>();
      for (const { id, code, sameAs } of rows) {
        if (sameAs !== undefined) {
          const other = rows.find((row) => row.id === sameAs);
          assert.ok(
            other !== undefined && other.id !== id && other.code === code,
            `${id} is not as ${sameAs}`,
          );
        } else if (code !== undefined) {
          assert.ok(!owners.has(code), `${id} and ${owners.get(code)} share ${code}`);
          owners.set(code, id);
        }
      }
    });
  });
}
