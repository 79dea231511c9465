import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatDuration, parseDurationMs } from '../src/duration.ts';
import { type OptionTable, parseOptions } from '../src/options.ts';

const table: OptionTable = {
  name: { value: 'NAME', default: 'ann', help: '' },
  port: { value: 'PORT', range: [1, 2], help: '' },
  label: { value: 'KEY=VALUE', isMultiple: true, help: '' },
  verbose: { short: 'v', help: '' },
};

describe('parseOptions', () => {
  it('reads values, repeated values, switches and defaults', () => {
    const options = parseOptions(table, ['--port=1', '--label', 'a', '--label', 'b', '-v']);
    assert.equal(options.required('name'), 'ann');
    assert.equal(options.integer('port'), 1);
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
    for (const text of ['-1', '0x10', '1e3', ' 1', '1.5', '99999999999999999999', '0', '3']) {
      assert.throws(() => parseOptions(table, [`--port=${text}`]), {
        code: 'ERR_USAGE',
        message: `--port must be a whole number from 1 to 2, not "${text}". Add --help to see what is possible`,
      });
    }
  });

  it('wants what is needed before the command does anything', () => {
    const needs: OptionTable = {
      file: { value: 'FILE', isRequired: true, help: '' },
      servers: { value: 'ADDRESS', isRequired: true, isMultiple: true, help: '' },
    };
    const given = ['--file', 'a', '--servers', 'b'];
    assert.equal(parseOptions(needs, given).required('file'), 'a');
    assert.throws(() => parseOptions(needs, given.slice(2)), { message: /^--file FILE is needed/ });
    assert.throws(() => parseOptions(needs, given.slice(0, 2)), { message: /^--servers ADDRESS is needed/ });
  });

  it('takes the texts that are listed, and durations where one is meant', () => {
    const rules: OptionTable = {
      policy: { value: 'POLICY', choices: ['reuse', 'fresh'], default: 'reuse', help: '' },
      ttl: { value: 'DURATION', help: '' },
    };
    assert.equal(parseOptions(rules, []).required('policy'), 'reuse');
    assert.equal(parseOptions(rules, ['--policy=fresh', '--ttl=5m']).durationMs('ttl'), 300_000);
    assert.throws(() => parseOptions(rules, ['--policy=new']), {
      message: /must be reuse or fresh, not "new"/,
    });
    assert.throws(() => parseOptions(rules, ['--ttl=soon']), { message: /must be a duration like 10s/ });
  });

  it('takes one word without a name only where a command has use for it', () => {
    assert.equal(parseOptions(table, ['a.jsonl', '-v'], true).operand, 'a.jsonl');
    assert.equal(parseOptions(table, [], true).operand, undefined);
    assert.throws(() => parseOptions(table, ['a', 'b'], true), { message: /^Unexpected argument 'b'\./ });
    assert.throws(() => parseOptions(table, ['a']), { message: /^Unexpected argument 'a'/ });
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
