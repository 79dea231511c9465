import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatDuration, parseDurationMs } from '../src/duration.ts';
import { parseOptions } from '../src/options.ts';

const table = {
  name: { value: 'NAME', default: 'ann', help: '' },
  port: { value: 'PORT', help: '' },
  label: { value: 'X', isMultiple: true, help: '' },
  verbose: { short: 'v', help: '' },
};

describe('parseOptions', () => {
  it('reads values, repeated values, switches and defaults', () => {
    const options = parseOptions(table, ['--port=1', '--label', 'a', '--label', 'b', '-v']);
    assert.equal(options.required('name'), 'ann');
    assert.equal(options.integer('port', 1, 2), 1);
    assert.deepEqual(options.list('label'), ['a', 'b']);
    assert.equal(options.isSet('verbose'), true);
  });

  it('tells absent from given', () => {
    const options = parseOptions(table, []);
    assert.equal(options.optional('port'), undefined);
    assert.deepEqual(options.list('label'), []);
    assert.equal(options.isSet('verbose'), false);
    assert.throws(() => options.required('port'), { code: 'ERR_USAGE', message: /--port PORT is needed/ });
  });

  it('takes nothing but whole numbers in range for a number', () => {
    for (const text of ['-1', '0x10', '1e3', ' 1', '1.5', '99999999999999999999']) {
      assert.throws(() => parseOptions(table, [`--port=${text}`]).integer('port', 0, 10_000), {
        code: 'ERR_USAGE',
      });
    }
  });

  it('throws nothing but ERR_USAGE whatever is typed', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(fc.string(), fc.constantFrom('--name', '--port', '-v', '--', '--label', '--no-verbose')),
        ),
        (words) => {
          try {
            parseOptions(table, words);
          } catch (error) {
            assert.equal((error as { code?: unknown }).code, 'ERR_USAGE');
          }
        },
      ),
    );
  });
});

describe('durations', () => {
  for (const [text, wanted] of [
    ['250ms', 250],
    ['10', 10_000],
    ['10s', 10_000],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['2d', 172_800_000],
    ['0s', undefined],
    ['', undefined],
    ['1.5h', undefined],
    ['-1s', undefined],
    ['1w', undefined],
  ] as const) {
    it(`parses "${text}"`, () => assert.equal(parseDurationMs(text), wanted));
  }

  for (const [ms, wanted] of [
    [0, '0s'],
    [-5_000, '0s'],
    [999, '0s'],
    [59_999, '59s'],
    [60_000, '1m'],
    [3_599_000, '59m 59s'],
    [3_600_000, '1h'],
    [3_601_000, '1h'],
    [90_061_000, '1d 1h'],
  ] as const) {
    it(`writes ${String(ms)} ms as "${wanted}"`, () => assert.equal(formatDuration(ms), wanted));
  }

  it('never writes more than the duration', () => {
    const units: Record<string, number> = { d: 86_400, h: 3_600, m: 60, s: 1 };
    fc.assert(
      fc.property(fc.nat(10_000_000), (seconds) => {
        const parts = formatDuration(seconds * 1_000).split(' ');
        const written = parts.reduce(
          (sum, part) => sum + Number.parseInt(part, 10) * (units[part.at(-1) ?? ''] ?? 0),
          0,
        );
        assert.ok(written <= seconds && parts.length <= 2);
      }),
    );
  });
});
