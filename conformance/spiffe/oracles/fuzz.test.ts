// A moment of what soak/fuzz does for ten minutes each, and proof that it finds what it is meant to find.
import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { suite, test } from 'node:test';
import { FUZZ_TARGETS, type FuzzOutcome, measureMemory, runFuzz } from '../../../soak/fuzz/fuzz.ts';

const SIZES = [64 * 1024, 512 * 1024];

async function findOne(outcome: Promise<FuzzOutcome>, kind: string): Promise<void> {
  const { findings } = await outcome;
  for (const { path } of findings) {
    if (path === undefined) continue;
    assert.ok(readFileSync(path).length <= 1024 * 1024, 'the input is in the file');
    rmSync(path);
  }
  assert.equal(findings[0]?.kind, kind);
}

suite('fuzzing', { concurrency: 2 }, () => {
  for (const target of FUZZ_TARGETS) {
    test(`${target}: no crash, no hang, no growth`, async (t) => {
      const seed = Math.floor(Math.random() * 2 ** 31);
      const { inputs, findings } = await runFuzz({ target, durationMs: 500, seed });
      t.diagnostic(`seed ${seed}, ${inputs} inputs`);
      assert.deepEqual(findings, []);
      assert.ok(inputs > 0);
    });
  }

  test('A17 big inputs made to take much memory take at most ten times their size and 16 MiB', async (t) => {
    const measures = await measureMemory(FUZZ_TARGETS, SIZES);
    if (measures === undefined) {
      t.skip('no way to measure it here');
      return;
    }
    assert.ok(measures.length > 150, 'all are measured');
    const over = measures.filter(({ peakBytes, allowedBytes }) => peakBytes > allowedBytes);
    assert.deepEqual(over, []);
  });

  test('a crash is found', () =>
    findOne(runFuzz({ target: 'broken-crash', durationMs: 100, seed: 1 }), 'crash'));

  test('a hang is found', () =>
    findOne(runFuzz({ target: 'broken-hang', durationMs: 100, seed: 1, hangMs: 300 }), 'hang'));

  test('too much memory is found', async (t) => {
    const measures = await measureMemory(['broken-memory'], [1024 * 1024]);
    if (measures === undefined) {
      t.skip('no way to measure it here');
      return;
    }
    const [measure] = measures;
    assert.ok(measure !== undefined && measure.peakBytes > measure.allowedBytes, JSON.stringify(measure));
  });
});
