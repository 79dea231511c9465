// A process that stands still for longer than an SVID lives, and what becomes of everybody when it wakes.
import { setTimeout as sleep } from 'node:timers/promises';
import { Pair, type PairReport, type Rates, startProvider, watchOver } from './pair.ts';
import { formatCounts, type PartReport, type Tell } from './part.ts';
import { failuresByKind } from './traffic.ts';
import type { Failure } from './services/tally.ts';

export interface StopOptions extends Rates {
  readonly svidTtlMs: number;
  /** How long the process stands still. */
  readonly stopMs: number;
}

/** Whoever can stand still. */
export interface Stoppable {
  freeze(): void;
  wake(): void;
}

/** From waking to the last failure, as users are promised. */
const MAX_RECOVERY_MS = 10_000;
/** A request that cannot be served says so within this: 3 s are the limit for fetching a token, the rest is for slow machines. */
const MAX_FAILING_MS = 10_000;
/** A handshake takes no longer; what begins so shortly before an SVID ends may be judged after it. */
const LAST_MOMENT_MS = 1_000;
/** How long after the promised recovery nothing more may fail. */
const CALM_MS = 3_000;

/** What a request may say while there is no identity: own words, no silence and no riddles of OpenSSL. */
const CLEAR_CODES = new Set([
  'ERR_SVID_EXPIRED',
  'ERR_NO_IDENTITY',
  'ERR_JWT_EXPIRED',
  'ERR_ENDPOINT_UNAVAILABLE',
  'ERR_TIMEOUT',
  // From a server that has no identity yet when its client has one again.
  'alert handshake failure',
]);

/** Stops the Workload API. */
export async function stopProvider(options: StopOptions, tell: Tell): Promise<PartReport> {
  const { provider, addresses } = await startProvider({ ...options, ...STEADY });
  await using _provider = provider;
  await using pair = await Pair.start(addresses, options);
  await watchOver(pair, options.svidTtlMs / 2, tell);
  return await outage('SIGSTOP of the provider', pair, provider, options, tell);
}

/** Stops the client service. */
export async function stopClient(options: StopOptions, tell: Tell): Promise<PartReport> {
  const { provider, addresses } = await startProvider({ ...options, ...STEADY });
  await using _provider = provider;
  await using pair = await Pair.start(addresses, options);
  await watchOver(pair, options.svidTtlMs / 2, tell);
  const stoppedAt = Date.now();
  pair.client.freeze();
  await sleep(options.stopMs);
  const wokenAt = Date.now();
  pair.client.wake();
  await watchOver(pair, MAX_RECOVERY_MS + CALM_MS, tell);
  const report = await pair.report();
  const { failures } = report.client.tally;
  // What was under way when the process stood still ends as it may; all else counts.
  const underWay = failures.filter(
    ({ startedAt, endedAt }) => startedAt <= stoppedAt && endedAt >= stoppedAt,
  );
  const { server } = report;
  const expired = [
    ...Object.entries(server.refusedConnections),
    ...Object.entries(server.refusedTokens),
  ].filter(([code]) => /EXPIRED/i.test(code));
  const presented = expired.reduce((sum, [, count]) => sum + count, 0);
  const other = failures.filter((failure) => !underWay.includes(failure));
  return {
    name: `SIGSTOP of the client, ${seconds(options.stopMs)} with SVIDs of ${seconds(options.svidTtlMs)}`,
    figures: {
      ...recoveryFigures(report, other, wokenAt),
      'cut off by the stop': formatCounts(failuresByKind(underWay)),
      'expired SVIDs the server was shown': `${String(presented)}, accepted ${String(server.peers.expired)}`,
    },
    problems: [
      ...recoveryProblems(report, other, wokenAt),
      ...(presented <= underWay.length
        ? []
        : [
            `the client showed ${String(presented)} expired SVIDs: ${formatCounts(Object.fromEntries(expired))}`,
          ]),
    ],
  };
}

/** Stops whoever provides the identities of a pair that runs, and wakes it. */
export async function outage(
  name: string,
  pair: Pair,
  provider: Stoppable,
  options: StopOptions,
  tell: Tell,
): Promise<PartReport> {
  const earlier = (await pair.report()).client.tally.failures.length;
  provider.freeze();
  await watchOver(pair, options.stopMs, (line) => tell(`stopped, ${line}`));
  const wokenAt = Date.now();
  provider.wake();
  await watchOver(pair, MAX_RECOVERY_MS + CALM_MS, tell);
  const report = await pair.report();
  const failures = report.client.tally.failures.slice(earlier);
  const during = failures.filter(({ startedAt }) => startedAt < wokenAt);
  return {
    name: `${name}, ${seconds(options.stopMs)} with SVIDs of ${seconds(options.svidTtlMs)}`,
    figures: recoveryFigures(report, failures, wokenAt),
    problems: [
      ...recoveryProblems(report, failures, wokenAt),
      ...(during.some(({ what }) => what === 'handshake')
        ? []
        : ['no handshake failed: the SVIDs did not expire while their provider stood still']),
    ],
  };
}

const STEADY = { rotateEveryMs: 3_600_000, overlapMs: 1_000, lagMs: 0 };

function recoveryFigures(
  report: PairReport,
  failures: readonly Failure[],
  wokenAt: number,
): Record<string, string | number> {
  const { right } = report.client.tally;
  return {
    'recovered after waking': `${String(lastFailure(failures, wokenAt))} ms`,
    'good answers': `${String(right.request + right.token)} requests, ${String(right.handshake)} handshakes`,
    failures: formatCounts(failuresByKind(failures)),
    'longest failing': `${String(Math.max(0, ...failures.map(({ startedAt, endedAt }) => endedAt - startedAt)))} ms`,
    'errors of the sources': `server: ${formatCounts(report.server.identity.errors)}; client: ${formatCounts(report.client.identity.errors)}`,
  };
}

/** Ms from waking to the end of the last failure. */
function lastFailure(failures: readonly Failure[], wokenAt: number): number {
  return Math.max(0, ...failures.map(({ endedAt }) => endedAt - wokenAt));
}

function recoveryProblems(report: PairReport, failures: readonly Failure[], wokenAt: number): string[] {
  const { server, client } = report;
  const recoveryMs = lastFailure(failures, wokenAt);
  const slow = failures.filter(({ startedAt, endedAt }) => endedAt - startedAt > MAX_FAILING_MS);
  const expiredAt = Math.min(
    ...failures.filter(({ code }) => code === 'ERR_SVID_EXPIRED').map(({ endedAt }) => endedAt),
  );
  // The last one before: shown while it was valid and looked at when it was not, it is refused without a word.
  const isLastMoment = ({ code, startedAt }: Failure): boolean =>
    code === 'ECONNRESET' && Math.abs(startedAt - expiredAt) < LAST_MOMENT_MS;
  const unclear = failures.filter(
    (failure) => !CLEAR_CODES.has(failure.code.replace(/^401 /, '')) && !isLastMoment(failure),
  );
  const isRenewed = Math.min(server.identity.expiresAt, client.identity.expiresAt) > Date.now();
  return [
    ...(recoveryMs <= MAX_RECOVERY_MS ? [] : [`the last failure came ${String(recoveryMs)} ms after waking`]),
    ...(slow.length === 0
      ? []
      : [`${String(slow.length)} requests took more than ${String(MAX_FAILING_MS)} ms to fail`]),
    ...(unclear.length === 0 ? [] : [`failures that say nothing: ${formatCounts(failuresByKind(unclear))}`]),
    ...(isRenewed ? [] : ['a service has no valid SVID in the end']),
    ...(server.peers.expired + client.peers.expired === 0 ? [] : ['an expired SVID was accepted']),
  ];
}

function seconds(ms: number): string {
  return `${String(ms / 1000)} s`;
}
