import * as spiffe from '@muster/spiffe';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';

import { isTest } from './test-names.ts';

interface Row {
  readonly area: string;
  readonly status: 'supported' | 'partly' | 'missing';
  /** `<path from the root>: <name of the test>`; see `isTest`. */
  readonly tests: readonly string[];
  /** No export of the library may have this word in its name, or the row is out of date. */
  readonly absent?: string;
  readonly note?: string;
}

const { rows } = JSON.parse(readFileSync(new URL('supported.json', import.meta.url), 'utf8')) as {
  rows: Row[];
};

suite('what is supported', () => {
  test('no area is listed twice', () => {
    assert.equal(new Set(rows.map(({ area }) => area)).size, rows.length);
  });

  for (const { area, status, tests, absent, note } of rows) {
    test(`${area} is ${status}`, () => {
      assert.ok(['supported', 'partly', 'missing'].includes(status));
      assert.equal(tests.length === 0, status === 'missing', 'tests for what is there, none for what is not');
      if (status === 'partly') assert.ok((note ?? '') !== '', 'says what is not there');
      for (const one of tests) assert.ok(isTest(one), `there is no such test: ${one}`);
      if (status !== 'missing') return;
      const names = Object.keys(spiffe).filter((name) => name.toLowerCase().includes(absent ?? ''));
      assert.deepEqual(names, [], 'listed as missing, but there is something');
    });
  }
});
