// (d) What verification, handshakes and rotation cost with @muster/spiffe and with go-spiffe, one thread each.
import { createTestCa, startFakeWorkloadApi, type FakeWorkloadApi } from '@muster/testing';
import { findGoSpiffe, type GoSpiffe, startGoSpiffe } from './go-spiffe.ts';
import { median, quantile, round, startPart, type Table } from './measure.ts';
import { createMaterial, sets, svidMessage, trustDomain } from './spiffe-material.ts';

export interface SpiffeOptions {
  readonly rounds: number;
  /** Connections per round. */
  readonly handshakes: number;
}

/** The cost of one round, per operation. */
interface Sample {
  readonly wallUs: number;
  readonly cpuUs: number;
}

/** One thing measured on both sides, round by round. */
interface Comparison {
  readonly title: string;
  readonly muster: Sample[];
  readonly go: Sample[];
}

/** A process that is measured. */
type Side = Pick<GoSpiffe, 'ask'>;
type Stops = (() => Promise<void>)[];

const inFlight = 8;
const clientIdentities = 64;

export async function spiffe(options: SpiffeOptions): Promise<Table> {
  const stops: Stops = [];
  try {
    const { path, version } = await findGoSpiffe();
    const verified = await measureVerification(options.rounds * 4, path, stops);
    for (const stop of stops.splice(0)) await stop();
    const [handshakes, rotation] = await measureTls(options, path, stops);
    return table([...verified, ...handshakes], rotation, options, version);
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
}

async function measureVerification(rounds: number, path: string, stops: Stops): Promise<Comparison[]> {
  const node = await startPart('spiffe-verify');
  stops.push(() => node.stop());
  const go = startGoSpiffe(path);
  stops.push(() => go.stop());
  const prepare = { do: 'prepare', ...createMaterial(1000) };
  await Promise.all([node.ask(prepare), go.ask(prepare)]);

  const compared = Object.entries(sets).map(([what, { title, count }]) => ({
    title,
    muster: [] as Sample[],
    go: [] as Sample[],
    order: { do: 'verify', what, count },
  }));
  // The first two rounds are thrown away: compilers and caches get warm.
  for (let at = -2; at < rounds; at += 1) {
    for (const { order, muster, go: peer } of compared) {
      const [own, other] = [await sample(node, order), await sample(go, order)];
      if (at < 0) continue;
      muster.push(own);
      peer.push(other);
    }
  }
  return compared;
}

async function sample(side: Side, order: { readonly count: number }): Promise<Sample> {
  const { wallUs, cpuUs } = (await side.ask(order)) as unknown as Sample;
  return { wallUs: wallUs / order.count, cpuUs: cpuUs / order.count };
}

/** A server that is measured, and the Workload API that it has its identity from. */
interface Served {
  readonly side: Side;
  readonly address: string;
  readonly workloadApi: FakeWorkloadApi;
}

async function measureTls(
  { rounds, handshakes }: SpiffeOptions,
  path: string,
  stops: Stops,
): Promise<[readonly Comparison[], Comparison]> {
  const ca = createTestCa(trustDomain);
  const issue = (name: string, from = ca): ReturnType<typeof ca.issueX509Svid> =>
    from.issueX509Svid(`spiffe://${trustDomain}/${name}`);
  const startWorkloadApi = async (): Promise<FakeWorkloadApi> => {
    const workloadApi = await startFakeWorkloadApi();
    stops.push(() => workloadApi.stop());
    workloadApi.send('FetchX509SVID', svidMessage(ca, issue('server')));
    return workloadApi;
  };
  const servers = [
    await startMuster(await startWorkloadApi(), stops),
    await startGo(path, await startWorkloadApi(), stops),
  ] as const;
  const load = startGoSpiffe(path);
  stops.push(() => load.stop());
  const clientsOf = (from: typeof ca): readonly object[] =>
    Array.from({ length: clientIdentities }, (_, at) => {
      const { certificates, keyDer } = issue(`client/${at}`, from);
      return { certificates, key: keyDer };
    });
  const clients = clientsOf(ca);

  const knocked = [
    { title: 'mTLS handshake', muster: [] as Sample[], go: [] as Sample[], clients },
    {
      title: 'mTLS handshake, clients with an intermediate',
      muster: [] as Sample[],
      go: [] as Sample[],
      clients: clientsOf(ca.createIntermediate()),
    },
  ];
  // As above, the first rounds are thrown away.
  for (let at = -3; at < rounds * 6; at += 1) {
    for (const one of knocked) {
      for (const [index, server] of servers.entries()) {
        const order = { do: 'knock', count: handshakes, inFlight, clients: one.clients };
        const cost = await knock(server, load, order);
        if (at >= 0) [one.muster, one.go][index]?.push(cost);
      }
    }
  }
  const rotated: Comparison = { title: 'rotation', muster: [], go: [] };
  for (let at = -1; at < rounds * 8; at += 1) {
    for (const [index, server] of servers.entries()) {
      const next = issue('server');
      const order = { do: 'await', address: server.address, clients, leaf: next.certificates[0] };
      await load.ask(order);
      const pushedAt = nextMillisecond();
      server.workloadApi.send('FetchX509SVID', svidMessage(ca, next));
      const { acceptedAtUs } = await load.next();
      if (at >= 0) {
        [rotated.muster, rotated.go][index]?.push({
          wallUs: Number(acceptedAtUs) - pushedAt * 1000,
          cpuUs: 0,
        });
      }
    }
  }
  return [knocked, rotated];
}

async function startMuster(workloadApi: FakeWorkloadApi, stops: Stops): Promise<Served> {
  const settings = JSON.stringify({ workloadApi: workloadApi.address, trustDomain });
  const part = await startPart('spiffe-server', [settings]);
  stops.push(() => part.stop());
  return { side: part, address: String(part.ready['address']), workloadApi };
}

async function startGo(path: string, workloadApi: FakeWorkloadApi, stops: Stops): Promise<Served> {
  const go = startGoSpiffe(path, ['-workload-api', workloadApi.address, '-trust-domain', trustDomain]);
  stops.push(() => go.stop());
  const { address } = await go.ask({ do: 'serve' });
  return { side: go, address: String(address), workloadApi };
}

async function knock(
  { side, address }: Served,
  load: GoSpiffe,
  order: { readonly count: number; readonly [field: string]: unknown },
): Promise<Sample> {
  const cpu = async (): Promise<number> => Number((await side.ask({ do: 'cpu' }))['cpuUs']);
  const before = await cpu();
  const { wallUs } = await load.ask({ ...order, address });
  return { wallUs: Number(wallUs) / order.count, cpuUs: ((await cpu()) - before) / order.count };
}

/** Waits for the beginning of a millisecond, which the clock of another process can be compared with. */
function nextMillisecond(): number {
  const before = Date.now();
  for (;;) {
    const now = Date.now();
    if (now !== before) return now;
  }
}

function table(
  compared: readonly Comparison[],
  rotation: Comparison,
  { rounds, handshakes }: SpiffeOptions,
  version: string,
): Table {
  const rows = compared.map((one) => {
    const byRate = ratios(one, 'wallUs');
    const byCpu = ratios(one, 'cpuUs');
    const rate = (of: readonly Sample[]): string => round(1e6 / middle(of, 'wallUs'));
    const cpu = (of: readonly Sample[]): string => round(middle(of, 'cpuUs'));
    const spread = `${quantile(byCpu, 0.1).toFixed(2)} to ${quantile(byCpu, 0.9).toFixed(2)}`;
    return [
      one.title,
      rate(one.muster),
      rate(one.go),
      median(byRate).toFixed(2),
      cpu(one.muster),
      cpu(one.go),
      median(byCpu).toFixed(2),
      spread,
    ];
  });
  const cpuRatios = compared.map((one) => median(ratios(one, 'cpuUs')).toFixed(2));
  const ms = (of: readonly Sample[], share: number): string =>
    round(
      quantile(
        of.map(({ wallUs }) => wallUs),
        share,
      ) / 1000,
    );
  const latency = (of: readonly Sample[]): string => `${ms(of, 0.5)} ms (p90 ${ms(of, 0.9)})`;
  return {
    title: '(d) SPIFFE',
    about: `One Node thread beside go-spiffe ${version} with GOMAXPROCS=1. Verification: 1000 distinct chains (leaf and intermediate, P-256) or tokens per set, parsed and verified, ${rounds * 4} interleaved rounds. Handshakes: a server of mutual TLS that has its identity from a Workload API and verifies ${clientIdentities} clients of its trust domain; TCP, a full TLS 1.3 handshake, one byte from the server, close; ${inFlight} under way at any time, the same load (Go's TLS without verification, one thread) for both, ${rounds * 6} rounds of ${handshakes}. The load bounds the rate of the faster server, so the ratio by CPU is the one to look at. CPU is the whole process, with collector and compiler. Ratios are per round, their medians and the 10th and 90th percentile: more than 1 is faster than go-spiffe.`,
    columns: ['what', '/s', '/s go-spiffe', 'ratio', 'CPU us', 'CPU us go-spiffe', 'ratio by CPU', 'spread'],
    rows,
    verdict: `**Muster to go-spiffe by CPU: ${cpuRatios.slice(0, -2).join(', ')} for verification (aim 0.7), ${cpuRatios.slice(-2).join(', ')} for handshakes (aim 0.8).** From the moment the provider sends a new SVID until a handshake that shows it has ended, ${rotation.muster.length} times each: ${latency(rotation.muster)}, with go-spiffe ${latency(rotation.go)}.`,
  };
}

function middle(of: readonly Sample[], key: keyof Sample): number {
  return median(of.map((one) => one[key]));
}

/** Round by round, how much less than go-spiffe's the cost is. */
function ratios({ muster, go }: Comparison, key: keyof Sample): number[] {
  return muster.map((one, at) => (go[at]?.[key] ?? Number.NaN) / one[key]);
}
