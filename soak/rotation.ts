// SVIDs that live for seconds and authorities that take turns, under load: nobody may notice.
import { Pair, type PairReport, type Rates, startProvider, watchOver } from './pair.ts';
import type { PartReport, Tell } from './part.ts';
import type { ProviderReport } from './services/provider.ts';
import {
  footprintFigures,
  footprintProblems,
  type RateLimits,
  rateProblems,
  trafficFigures,
  trafficProblems,
} from './traffic.ts';

export interface RotationOptions extends Rates, RateLimits {
  readonly svidTtlMs: number;
  readonly rotateEveryMs: number;
  /** From the announcement of an authority to its first signature. */
  readonly overlapMs: number;
  /** How much later the client hears of everything. */
  readonly lagMs: number;
}

const LONGEST_WARM_UP_MS = 60_000;

export async function rotation(options: RotationOptions, tell: Tell): Promise<PartReport> {
  const { provider, addresses } = await startProvider(options);
  await using _provider = provider;
  await using pair = await Pair.start(addresses, options);
  const warmUpMs = Math.min(LONGEST_WARM_UP_MS, options.runMs / 4);
  await watchOver(pair, warmUpMs, (line) => tell(`warm-up, ${line}`));
  const before = await pair.footprints();
  await watchOver(pair, options.runMs - warmUpMs, tell);
  const report = await pair.report();
  const after = await pair.footprints();
  const issued = await provider.ask<ProviderReport>('report');
  return {
    name: 'rotation',
    figures: {
      ...trafficFigures(report, options.runMs),
      'issued by the provider': `${String(issued.issued)} X.509-SVIDs each, ${String(issued.tokens)} JWT-SVIDs`,
      'authorities of each kind': `${String(issued.authorities)} made, ${String(issued.activations)} changes`,
      ...footprintFigures(before, after),
    },
    problems: [
      ...trafficProblems(report),
      ...rateProblems(report, options),
      ...rotationProblems(report, issued),
      ...footprintProblems(before, after),
    ],
  };
}

/** Each source and each peer must have seen what the provider did; what was done last may still be on its way. */
function rotationProblems({ server, client }: PairReport, issued: ProviderReport): string[] {
  const least = issued.issued - 2;
  // A leaf that is renewed a moment before its authority changes is replaced before a handshake shows it.
  const leastSeen = least - issued.activations;
  const leastAuthorities = issued.activations;
  const seen = {
    "X.509-SVIDs in the server's source": [server.identity.svids, least],
    "X.509-SVIDs in the client's source": [client.identity.svids, least],
    "leaves of the client's seen by the server": [server.peers.leaves, leastSeen],
    "leaves of the server's seen by the client": [client.peers.leaves, leastSeen],
    "X.509 authorities in the server's bundle": [server.identity.x509Authorities, issued.authorities - 1],
    "X.509 authorities in the client's bundle": [client.identity.x509Authorities, issued.authorities - 1],
    "JWT authorities in the server's bundle": [server.identity.jwtAuthorities, issued.authorities - 1],
    "authorities of the client's leaves": [server.peers.issuers, leastAuthorities],
    "authorities of the server's leaves": [client.peers.issuers, leastAuthorities],
    'authorities of the JWT-SVIDs': [server.tokenAuthorities, leastAuthorities],
  } as const;
  return Object.entries(seen)
    .filter(([, [count, wanted]]) => count < wanted)
    .map(([name, [count, wanted]]) => `${name}: ${String(count)} instead of ${String(wanted)} or more`);
}
