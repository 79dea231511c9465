import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { AuditChainChecker, verifyAuditChain } from '../src/audit-chain.ts';
import type { AuditBreak, AuditChainReport } from '../src/audit-chain.ts';
import type { AuditRecord } from '../src/audit-record.ts';
import { hashAuditRecord, parseAuditRecord } from '../src/audit-record.ts';
import { createAuditLog } from '../src/audit.ts';
import { throwsCode } from './support.ts';

/** Lines `r1` to `r<count>` of one run of a service. */
function run(count: number, service = 'callout', prefix = 'r'): string[] {
  let at = 0;
  const clock = { now: () => Date.parse('2026-01-02T03:04:05.678Z') + (at - 1) * 1_000 };
  const lines: string[] = [];
  const publish = (bytes: Uint8Array): void => void lines.push(Buffer.from(bytes).toString('utf8'));
  const log = createAuditLog({ service, clock, publish });
  for (at = 1; at <= count; at += 1) {
    const decision = at % 2 === 0 ? 'deny' : 'allow';
    const details = { clientId: at, '7': 'a number as a key' };
    log.write({
      requestId: `${prefix}${at}`,
      spiffeId: null,
      decision,
      rule: null,
      reason: 'ä\u2028',
      details,
    });
  }
  return lines;
}

/** The line with other fields, and a hash that fits them: what somebody writes who knows how the chain is made. */
function forge(line: string, over: Partial<AuditRecord>): string {
  const { hash: _hash, ...body } = { ...parseAuditRecord(line), ...over };
  return JSON.stringify({ ...body, hash: hashAuditRecord(body) });
}

function check(lines: readonly string[], options: { isStream?: boolean } = {}): AuditChainReport {
  const checker = new AuditChainChecker(options);
  for (const line of lines) checker.add(line);
  const [report] = checker.report();
  assert.ok(report);
  return report;
}

function breaksOf(lines: readonly string[], options: { isStream?: boolean } = {}): string[] {
  const checker = new AuditChainChecker(options);
  return lines
    .flatMap((line) => checker.add(line).break ?? [])
    .map(({ line, problem, requestId }) => `${line} ${problem} ${requestId ?? '-'}`);
}

const good = run(5);
const [a = '', b = '', c = '', d = '', e = ''] = good;

describe('a chain that is whole', () => {
  it('is told with its numbers, times and last hash', () => {
    assert.deepEqual(check(good), {
      service: 'callout',
      records: 5,
      firstSeq: 1,
      lastSeq: 5,
      firstAt: '2026-01-02T03:04:05.678Z',
      lastAt: '2026-01-02T03:04:09.678Z',
      lastHash: parseAuditRecord(e).hash,
      isFromStart: true,
      starts: 1,
      breaks: 0,
      firstBreak: null,
    } satisfies AuditChainReport);
  });

  it('says so when its beginning is not there', () => {
    const { breaks, firstSeq, isFromStart, starts, records } = check(good.slice(2));
    assert.deepEqual([breaks, firstSeq, isFromStart, starts, records], [0, 3, false, 0, 3]);
  });

  it('cannot know that its end was cut off, but for the hash that somebody noted', () => {
    const cut = check(good.slice(0, 3));
    assert.equal(cut.breaks, 0);
    assert.notEqual(cut.lastHash, check(good).lastHash);
  });

  it('has nothing to tell of nothing', () => assert.deepEqual(new AuditChainChecker().report(), []));
});

describe('a chain that somebody touched', () => {
  const cases: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ['a changed field', [a, b.replace('"deny"', '"allow"'), c], ['2 changed r2']],
    ['a changed detail', [a, b.replace('"clientId":2', '"clientId":3'), c], ['2 changed r2']],
    ['a changed hash', [a, b, `${c.slice(0, -4)}00"}`, d], ['3 changed r3', '4 unlinked r4']],
    ['a record changed together with its hash', [a, forge(b, { decision: 'allow' }), c], ['3 unlinked r3']],
    ['the last record changed', [a, b.replace('r2', 'r9')], ['2 changed r9']],
    ['a removed record', [a, b, d, e], ['3 missing r4']],
    ['several removed records', [a, e], ['2 missing r5']],
    ['two records swapped', [a, c, b, d], ['2 missing r3', '3 repeated r2']],
    ['the first two swapped', [b, a, c], ['2 restarted r1', '3 missing r3']],
    ['a record twice', [a, b, b, c], ['3 repeated r2']],
    ['the first record twice', [a, a, b], ['2 repeated r1']],
    ['an old record put in', [a, b, c, a, d], ['4 restarted r1', '5 missing r4']],
    [
      'a made-up record between',
      [a, forge(a, { seq: 2, prevHash: parseAuditRecord(a).hash }), b],
      ['3 repeated r2'],
    ],
    ['a made-up record at the end', [a, forge(b, { prevHash: 'f'.repeat(64) })], ['2 unlinked r2']],
    ['a record moved to another number', [a, forge(b, { seq: 3 })], ['2 missing r2']],
    ['a chain that starts anew', [a, b, ...run(1, 'callout', 'x')], ['3 restarted x1']],
    ['a first record that follows another', [forge(a, { prevHash: 'f'.repeat(64) })], ['1 unlinked r1']],
    ['a later record that follows none', [forge(c, { prevHash: '0'.repeat(64) })], ['1 unlinked r3']],
    ['a line that is no JSON', [a, '{"schema"', b], ['2 unreadable -']],
    ['an empty line', [a, '', b], ['2 unreadable -']],
    [
      'a record of another schema',
      [a, b.replace('audit.v1', 'audit.v2'), c],
      ['2 unreadable -', '3 missing r3'],
    ],
    ['a field that no hash covers', [a, b.replace('{', '{"note":"x",'), c], ['2 changed r2']],
    ['a field in the place of one that is null', [b.replace('"rule":null', '"note":null')], ['1 changed r2']],
    ['a field twice, of which the last counts', [b.replace('{', '{"decision":"allow",')], ['1 changed r2']],
    ['a number spelled differently', [a.replace('"clientId":1', '"clientId":1.0')], ['1 changed r1']],
  ];
  for (const [name, lines, wanted] of cases) {
    it(`shows ${name}`, () => {
      assert.deepEqual(breaksOf(lines), wanted);
      assert.equal(check(lines).breaks, wanted.length);
      throwsCode('ERR_AUDIT_CHAIN', () => verifyAuditChain(lines));
    });
  }

  it('names the first place and says in words what is wrong', () => {
    const { firstBreak, breaks } = check([a, e, b.replace('deny', 'allow')]);
    assert.equal(breaks, 2);
    assert.deepEqual(firstBreak, {
      line: 2,
      problem: 'missing',
      seq: 5,
      requestId: 'r5',
      explanation: 'follows record 1: records 2 to 4 are missing',
    } satisfies AuditBreak);
    assert.equal(check([a, c]).firstBreak?.explanation, 'follows record 1: record 2 is missing');
  });

  it('tells a last line that was cut off from one that is no record', () => {
    const checker = new AuditChainChecker();
    checker.add(a);
    const found = checker.add(b.slice(0, -20), { isLast: true }).break;
    assert.deepEqual([found?.problem, found?.line, found?.requestId], ['cut-off', 2, null]);
    assert.equal(
      new AuditChainChecker().add(a, { isLast: true }).break,
      undefined,
      'whole but for its newline',
    );
  });

  it('takes bytes that are no UTF-8, or begin with a mark, for no record', () => {
    const marked = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(a)]);
    for (const bytes of [Buffer.from([0xff, 0xfe]), marked]) {
      assert.equal(new AuditChainChecker().add(bytes).break?.problem, 'unreadable');
    }
    assert.equal(new AuditChainChecker().add(Buffer.from(a)).break, undefined);
  });

  it('shows any one change of any one character', () => {
    const text = good.join('\n');
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, character) => {
        if (text[at] === character) return;
        const changed = `${text.slice(0, at)}${character}${text.slice(at + 1)}`.split('\n');
        assert.ok(breaksOf(changed).length > 0, changed.join('\n'));
      }),
      { numRuns: 300 },
    );
  });
});

describe('what several services published', () => {
  it('is one report per service, whatever the order between them', () => {
    const host = run(2, 'host-1', 'h');
    const checker = new AuditChainChecker({ isStream: true });
    for (const line of [a, host[0] ?? '', b, c, host[1] ?? '']) checker.add(line);
    assert.deepEqual(
      checker.report().map(({ service, records, breaks }) => `${service} ${records} ${breaks}`),
      ['callout 3 0', 'host-1 2 0'],
    );
  });

  it('may start anew, and may come from processes that write at the same time', () => {
    const [x = '', y = ''] = run(2, 'callout', 'x');
    const report = check([a, b, x, c, y, d], { isStream: true });
    assert.deepEqual([report.breaks, report.starts, report.records], [0, 2, 6]);
    assert.ok(check([a, b, x, c, y, d]).breaks > 0, 'one file is not written like that');
  });

  it('is not whole where a record is missing, put in or comes twice', () => {
    assert.deepEqual(breaksOf([a, c, d], { isStream: true }), ['2 missing r3']);
    assert.deepEqual(breaksOf([a, b, b, c], { isStream: true }), ['3 repeated r2']);
    assert.deepEqual(breaksOf([a, forge(b, { reason: 'x' }), b], { isStream: true }), ['3 repeated r2']);
    assert.deepEqual(breaksOf([a, b.replace('deny', 'allow')], { isStream: true }), ['2 changed r2']);
  });

  it('may begin in the middle for each process, where the stream has forgotten its first messages', () => {
    const [, , x3 = '', x4 = ''] = run(4, 'callout', 'x');
    const checker = new AuditChainChecker({ isStream: true });
    const breaks = [b, c, x3, d, x4, e].flatMap(
      (line, at) => checker.add(line, { line: 7 + at }).break ?? [],
    );
    assert.deepEqual(breaks, []);
    const [report] = checker.report();
    assert.deepEqual([report?.isFromStart, report?.starts, report?.records], [false, 0, 6]);
    assert.deepEqual(
      breaksOf([a, b, x3, c], { isStream: true }),
      ['3 unlinked x3'],
      'nothing was forgotten here',
    );
  });

  it('is not whole where the stream has forgotten its first messages and holds two for one', () => {
    for (const [lines, wanted] of [
      [[b, c, c], '9 repeated r3'],
      [[b, c, d, b], '10 repeated r2'],
      [[b, forge(c, { reason: 'x' }), c], '9 repeated r3'],
    ] as const) {
      const checker = new AuditChainChecker({ isStream: true });
      const breaks = lines.flatMap((line, at) => checker.add(line, { line: 7 + at }).break ?? []);
      assert.deepEqual(
        breaks.map(({ line, problem, requestId }) => `${line} ${problem} ${requestId}`),
        [wanted],
      );
    }
  });

  it('takes a first record that comes again for what it is', () => {
    assert.deepEqual(breaksOf([a, b, a], { isStream: true }), ['3 repeated r1']);
    assert.deepEqual(breaksOf([a, a], { isStream: true }), ['2 repeated r1']);
  });

  it('is not whole where the numbers of the stream have a gap, whoever published there', () => {
    const checker = new AuditChainChecker({ isStream: true });
    checker.add(a, { line: 3 });
    const found = checker.add(run(1, 'host')[0] ?? '', { line: 6 }).break;
    assert.deepEqual(found, {
      line: 6,
      problem: 'missing',
      seq: 1,
      requestId: 'r1',
      explanation: 'follows message 3: messages 4 to 5 are missing',
    } satisfies AuditBreak);
  });

  it('holds records of a service only where that service may publish', () => {
    const checker = new AuditChainChecker({ isStream: true });
    checker.add(a, { line: 1, service: 'callout' });
    const found = checker.add(b, { line: 2, service: 'host' }).break;
    assert.deepEqual(
      [found?.problem, found?.explanation],
      ['foreign', 'claims to be of the service callout'],
    );
    assert.equal(
      checker.add(b, { line: 3, service: 'callout' }).break,
      undefined,
      'the chain itself is untouched',
    );
    assert.deepEqual(
      checker.report().map(({ service, records, breaks }) => `${service} ${records} ${breaks}`),
      ['callout 2 0', 'host 0 1'],
    );
  });

  it('counts lines that are no records for the service before them', () => {
    const checker = new AuditChainChecker({ isStream: true });
    for (const line of ['x', a, 'y']) checker.add(line);
    assert.deepEqual(
      checker.report().map(({ service, breaks, firstBreak }) => [service, breaks, firstBreak?.line]),
      [
        [null, 1, 1],
        ['callout', 1, 3],
      ],
    );
  });
});
