// The same pair on identities of a real SPIRE: SVIDs of a minute, authorities changed by SPIRE's own commands, and an agent
// that stands still.
import { setTimeout as sleep } from 'node:timers/promises';
import { findPeers } from '../conformance/spiffe/peers.ts';
import { Spire } from '../conformance/spiffe/spire.ts';
import { CLIENT_ID, Pair, type Rates, SERVER_ID, TRUST_DOMAIN, watchOver } from './pair.ts';
import type { PartReport, Tell } from './part.ts';
import { outage } from './stops.ts';
import { rateProblems, trafficFigures, trafficProblems } from './traffic.ts';

export interface SpireOptions extends Rates {
  readonly runMs: number;
  readonly stopMs: number;
}

const SVID_TTL_MS = 60_000;
const ROTATE_EVERY_MS = 120_000;
/** The agent asks for news every second; this is for the slowest machine. */
const PROPAGATION_MS = 10_000;

export async function onSpire(options: SpireOptions, tell: Tell): Promise<PartReport[]> {
  const { paths, skip } = await findPeers();
  if (paths === undefined) return [{ name: 'SPIRE', figures: {}, problems: [skip] }];
  await using spire = await Spire.start(paths, { trustDomain: TRUST_DOMAIN });
  const ttl = SVID_TTL_MS / 1000;
  for (const spiffeId of [SERVER_ID, CLIENT_ID]) {
    const selectors = [`unix:uid:${String(process.getuid?.() ?? 0)}`];
    await spire.createEntry({ spiffeId, selectors, x509SvidTtl: ttl, jwtSvidTtl: ttl });
  }
  await using pair = await Pair.start([spire.workloadApi, spire.workloadApi], options);
  const stopping = new AbortController();
  const changing = changeAuthorities(spire, stopping.signal);
  // What fails early is told when the run is over.
  changing.catch(() => {});
  await watchOver(pair, options.runMs, tell);
  stopping.abort();
  const changes = await changing;
  const report = await pair.report();
  const steady: PartReport = {
    name: `SPIRE, SVIDs of ${String(ttl)} s`,
    figures: {
      ...trafficFigures(report, options.runMs),
      'authorities of each kind': `${String(changes)} changes`,
    },
    problems: [
      ...trafficProblems(report),
      ...rateProblems(report, options),
      ...renewalProblems(report.client.peers.leaves, report.server.peers.leaves, options.runMs),
      ...(report.client.peers.issuers > changes ? [] : ['the leaves did not follow the authorities']),
      ...(report.server.tokenAuthorities > changes ? [] : ['the JWT-SVIDs did not follow the authorities']),
    ],
  };
  const agent = { freeze: () => spire.signalAgent('SIGSTOP'), wake: () => spire.signalAgent('SIGCONT') };
  const name = 'SIGSTOP of the SPIRE agent';
  return [steady, await outage(name, pair, agent, { ...options, svidTtlMs: SVID_TTL_MS }, tell)];
}

/** An agent renews at half of a life, so that each life brings one at least. */
function renewalProblems(server: number, client: number, runMs: number): string[] {
  const least = Math.floor(runMs / SVID_TTL_MS);
  return Math.min(server, client) >= least
    ? []
    : [`the peers saw ${String(server)} and ${String(client)} leaves instead of ${String(least)} or more`];
}

interface Authorities {
  readonly old: { readonly authority_id: string };
}

/** Changes both authorities again and again, in SPIRE's order, and returns how often it did. */
async function changeAuthorities(spire: Spire, signal: AbortSignal): Promise<number> {
  const kinds = ['x509', 'jwt'];
  const pause = async (ms: number): Promise<void> => {
    await sleep(ms, undefined, { signal });
  };
  let changes = 0;
  try {
    await pause(PROPAGATION_MS);
    for (;;) {
      const since = performance.now();
      for (const kind of kinds) await spire.server('localauthority', kind, 'prepare');
      await pause(PROPAGATION_MS);
      for (const kind of kinds) {
        const { prepared } = await spire.server<{ prepared: { authority_id: string } }>(
          'localauthority',
          kind,
          'show',
        );
        await spire.server('localauthority', kind, 'activate', '-authorityID', prepared.authority_id);
      }
      // Counted when its leaves must be in use: by then the last SVID of the old one has expired.
      await pause(SVID_TTL_MS);
      changes += 1;
      for (const step of ['taint', 'revoke']) {
        for (const kind of kinds) {
          const { old } = await spire.server<Authorities>('localauthority', kind, 'show');
          await spire.server('localauthority', kind, step, '-authorityID', old.authority_id);
        }
        await pause(PROPAGATION_MS);
      }
      await pause(Math.max(0, ROTATE_EVERY_MS - (performance.now() - since)));
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    return changes;
  }
}
