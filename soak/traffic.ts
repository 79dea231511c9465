// What a pair reports, as figures for people and as problems.
import type { Footprints, PairReport, Rates } from './pair.ts';
import { formatCounts, formatMb } from './part.ts';
import type { Footprint } from './services/answer.ts';
import { countBy, type Failure } from './services/tally.ts';

// Garbage and caches vary by some MB; a leak of a certificate per handshake is 60 MB in the full run.
const MAX_HEAP_GROWTH = 8 * 1024 * 1024;
const MAX_NATIVE_GROWTH = 12 * 1024 * 1024;
// Of RSS without the pages of V8's heap, of which V8 takes 8 to 128 MB for the young generation and gives them back in
// its own time, so that a run ends anywhere between. What is left follows the highest water of native memory, also of
// such that waits for a collection of garbage, and finds what the C library does not count. Some 10 MB are fragments.
const MAX_REST_GROWTH = 24 * 1024 * 1024;
const MAX_DESCRIPTOR_GROWTH = 20;

export interface RateLimits {
  readonly runMs: number;
  /** Which part of the rates must be reached, default 0.9. */
  readonly leastShare?: number;
}

export function trafficFigures(
  { server, client }: PairReport,
  runMs: number,
): Record<string, string | number> {
  const { tally } = client;
  const { request, token, handshake } = tally.right;
  const perSecond = (count: number): string => `${String(count)} (${(count / (runMs / 1000)).toFixed(1)}/s)`;
  return {
    requests: `${perSecond(request + token)} on ${String(client.keptConnections)} kept connections`,
    'of them with a JWT-SVID': `${String(token)}, signed by ${String(server.tokenAuthorities)} authorities`,
    'new mTLS handshakes': perSecond(handshake),
    failures: formatCounts(failuresByKind(tally.failures)),
    'refused by the server': formatCounts({ ...server.refusedConnections, ...server.refusedTokens }),
    'longest gap, slowest answer': `${String(tally.longestGapMs)} ms, ${String(tally.slowestMs)} ms`,
    'X.509-SVIDs in the sources': `server ${String(server.identity.svids)}, client ${String(client.identity.svids)}`,
    'leaves seen by the peer': `client's ${String(server.peers.leaves)}, server's ${String(client.peers.leaves)}`,
    'X.509 authorities': `bundles: ${String(server.identity.x509Authorities)}, ${String(client.identity.x509Authorities)}; peers: ${String(server.peers.issuers)}, ${String(client.peers.issuers)}`,
    'JWT authorities': `bundles: ${String(server.identity.jwtAuthorities)}, ${String(client.identity.jwtAuthorities)}`,
    'errors of the sources': `server: ${formatCounts(server.identity.errors)}; client: ${formatCounts(client.identity.errors)}`,
  };
}

export function failuresByKind(failures: readonly Failure[]): Record<string, number> {
  return countBy(failures.map(({ what, code }) => `${what} ${code}`));
}

/** Nothing may fail and nobody may be refused. */
export function trafficProblems({ server, client }: PairReport): string[] {
  const { tally } = client;
  const refused = { ...server.refusedConnections, ...server.refusedTokens };
  return [
    ...(tally.failed === 0
      ? []
      : [`${String(tally.failed)} failures: ${formatCounts(failuresByKind(tally.failures))}`]),
    ...(Object.keys(refused).length === 0 ? [] : [`the server refused ${formatCounts(refused)}`]),
    ...(server.peers.expired + client.peers.expired === 0 ? [] : ['an expired SVID was accepted']),
  ];
}

/** A run that did not reach its rates shows nothing about them. */
export function rateProblems({ client }: PairReport, options: Rates & RateLimits): string[] {
  const { request, token, handshake } = client.tally.right;
  const seconds = options.runMs / 1000;
  const share = options.leastShare ?? 0.9;
  const isReached = (count: number, rate: number): boolean => count >= share * rate * seconds;
  return isReached(request + token, options.requestsPerSecond) &&
    isReached(handshake, options.handshakesPerSecond)
    ? []
    : [
        `the rates were not reached; ${String(client.tally.skipped)} were left out because too many were under way`,
      ];
}

export function footprintFigures(before: Footprints, after: Footprints): Record<string, string> {
  const row = (name: 'server' | 'client'): string => {
    const [from, to] = [before[name], after[name]];
    const heap = `heap ${formatMb(from.heapBytes)} to ${formatMb(to.heapBytes)}`;
    const native = `native ${formatMb(from.nativeBytes)} to ${formatMb(to.nativeBytes)}`;
    const rss = `RSS ${formatMb(from.rssBytes)} to ${formatMb(to.rssBytes)}`;
    const rest = `without the heap's pages ${formatMb(restOf(from))} to ${formatMb(restOf(to))}`;
    return `${rss}, ${rest}, ${heap}, ${native}, ${String(from.descriptors)} to ${String(to.descriptors)} descriptors`;
  };
  return { 'server after warm-up': row('server'), 'client after warm-up': row('client') };
}

export function footprintProblems(before: Footprints, after: Footprints): string[] {
  return (['server', 'client'] as const).flatMap((name) => {
    const [from, to] = [before[name], after[name]];
    const grown = [
      ['heap', to.heapBytes - from.heapBytes, MAX_HEAP_GROWTH],
      ['native memory', to.nativeBytes - from.nativeBytes, MAX_NATIVE_GROWTH],
      ["RSS without the heap's pages", restOf(to) - restOf(from), MAX_REST_GROWTH],
      ['descriptors', to.descriptors - from.descriptors, MAX_DESCRIPTOR_GROWTH],
    ] as const;
    return grown
      .filter(([, by, limit]) => by > limit)
      .map(([what, by, limit]) => `${what} of the ${name} grew by ${String(by)}, more than ${String(limit)}`);
  });
}

function restOf({ rssBytes, heapPageBytes }: Footprint): number {
  return rssBytes - heapPageBytes;
}
