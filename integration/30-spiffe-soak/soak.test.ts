import assert from 'node:assert/strict';
import { after, suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { formatReports, type PartReport } from '../../soak/part.ts';
import { rotation } from '../../soak/rotation.ts';
import type { Footprint } from '../../soak/services/answer.ts';
import { stopClient, stopProvider } from '../../soak/stops.ts';
import { footprintProblems } from '../../soak/traffic.ts';
import { descendantsOf } from '../support/processes.ts';
import { eventually } from '../support/wait.ts';

const silently = (): void => {};
// Rates are a quarter of those of the full run, for the sake of slow machines; failures are not.
const RATES = { requestsPerSecond: 50, handshakesPerSecond: 5, leastShare: 0.2 };
/** Longer than the client needs to hear of a new authority, and shorter than it takes to change it again. */
const ORDER = { overlapMs: 5_000, lagMs: 1_500 };

function tell(context: TestContext, report: PartReport): PartReport {
  for (const line of formatReports([report]).split('\n')) context.diagnostic(line);
  return report;
}

test('memory that is no page of the heap fails a run when it grows, pages of the heap do not', () => {
  const megabyte = 1024 * 1024;
  const before: Footprint = {
    rssBytes: 150 * megabyte,
    heapPageBytes: 50 * megabyte,
    heapBytes: 15 * megabyte,
    nativeBytes: 12 * megabyte,
    descriptors: 35,
  };
  const problemsOf = (after: Partial<Footprint>): string[] =>
    footprintProblems(
      { server: before, client: before },
      { server: before, client: { ...before, ...after } },
    ).map((problem) => problem.replace(/ grew .*/, ''));
  assert.deepEqual(problemsOf({ rssBytes: 250 * megabyte, heapPageBytes: 150 * megabyte }), []);
  assert.deepEqual(problemsOf({ rssBytes: 180 * megabyte }), ["RSS without the heap's pages of the client"]);
  assert.deepEqual(problemsOf({ nativeBytes: 30 * megabyte }), ['native memory of the client']);
  assert.deepEqual(problemsOf({ heapBytes: 30 * megabyte }), ['heap of the client']);
});

// Each test has processes of its own, which wait for most of the time.
suite('two services on short SVIDs', { concurrency: true }, () => {
  after(async () => {
    await eventually('every process has ended', () => descendantsOf(process.pid).length === 0);
  });

  test('A56 a minute of SVIDs of 20 s and new authorities every 20 s: nothing fails', async (context) => {
    const options = { runMs: 60_000, svidTtlMs: 20_000, rotateEveryMs: 20_000, ...ORDER, ...RATES };
    const { problems } = tell(context, await rotation(options, silently));
    assert.deepEqual(problems, []);
  });

  test('A56 a leaf that comes before its root is refused, and the run says so', async (context) => {
    // Changed so often that a change falls into the run however long the services take to start.
    const options = { runMs: 10_000, svidTtlMs: 20_000, rotateEveryMs: 4_000, ...RATES };
    const report = await rotation({ ...options, overlapMs: 0, lagMs: 2_000 }, silently);
    tell(context, report);
    assert.match(
      report.problems[0] ?? '',
      /^\d+ failures: .*handshake (?:UNABLE_TO_GET_ISSUER_CERT_LOCALLY|ERR_SVID_UNTRUSTED)/,
    );
  });

  test('a provider that stands still for longer than an SVID lives is back within 10 s of waking', async (context) => {
    const { problems } = tell(
      context,
      await stopProvider({ svidTtlMs: 6_000, stopMs: 12_000, ...RATES }, silently),
    );
    assert.deepEqual(problems, []);
  });

  test('a client that stands still for longer than its SVID lives never shows the expired one', async (context) => {
    const { problems } = tell(
      context,
      await stopClient({ svidTtlMs: 6_000, stopMs: 12_000, ...RATES }, silently),
    );
    assert.deepEqual(problems, []);
  });
});
