import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';

import { isTest, listTestFiles, readTestNames } from './test-names.ts';

interface Row {
  /** Stable; stands in the names of tests. */
  readonly number: string;
  readonly about: string;
  /** Whether it is a consumer of SVIDs and bundles, so this library, that must withstand it. */
  readonly isConsumer: boolean;
  /** Why it does not concern a consumer. */
  readonly reason?: string;
  /** `<path from the root>: <name of a test>`, at least one per variant for a consumer; elsewhere where it is tested. */
  readonly tests: readonly string[];
}

const LAST = 56;
const { rows } = JSON.parse(readFileSync(new URL('attacks.json', import.meta.url), 'utf8')) as {
  rows: Row[];
};
const names = listTestFiles('packages/spiffe/test', 'conformance').flatMap((file) => {
  const { spelled, labels } = readTestNames(file);
  return [...spelled, ...labels];
});

suite('attacks on a consumer', () => {
  test('every number is there once', () => {
    assert.deepEqual(
      rows.map(({ number }) => number),
      Array.from({ length: LAST }, (_, index) => `A${index + 1}`),
    );
  });

  for (const { number, about, isConsumer, reason, tests } of rows) {
    test(`${number} ${about}: ${isConsumer ? 'has tests that carry its number' : 'does not concern a consumer'}`, () => {
      for (const named of tests) {
        assert.ok(isTest(named), `there is no such test: ${named}`);
      }
      assert.equal(reason === undefined, isConsumer, 'a reason where it is none of the consumer');
      if (isConsumer) {
        const carries = new RegExp(String.raw`\b${number}\b`);
        assert.ok(tests.length > 0);
        assert.ok(
          names.some((name) => carries.test(name)),
          `no test carries ${number} in its name`,
        );
      }
    });
  }
});
