// (b) Logins per second through the callout, beside a plain token on the same nats-server with the same TLS.
import { createNkey, createXkey } from '@muster/lattice';
import {
  findNatsServer,
  KEY_FILE,
  launchNatsServer,
  type NatsServer,
  natsServerConfig,
} from '@muster/nats-server';
import { marshalCertificatesPem, marshalPrivateKeyPem, parseX509Svid } from '@muster/spiffe';
import { jwtBundlesResponse, x509BundlesResponse } from '@muster/spiffe/wire';
import { createTestCa, createTestJwtAuthority, startFakeWorkloadApi } from '@muster/testing';
import type { Serializable } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Part, type Table, cpuMs, median, round, startPart } from './measure.ts';

export interface AuthenticationsOptions {
  readonly rounds: number;
  /** Logins per round. */
  readonly plainCount: number;
  readonly calloutCount: number;
}

interface Sample {
  readonly perSecond: number;
  readonly serverUs: number;
  readonly calloutUs: number;
  readonly loadUs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const trustDomain = 'muster.internal';
const inFlight = 16;

export async function authentications(options: AuthenticationsOptions): Promise<Table> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-benchmark-'));
  const stops: (() => Promise<void>)[] = [() => rm(folder, { recursive: true, force: true })];
  try {
    return await measure(options, folder, stops);
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
}

async function measure(
  options: AuthenticationsOptions,
  folder: string,
  stops: (() => Promise<void>)[],
): Promise<Table> {
  const ca = createTestCa(trustDomain);
  const issuer = createTestJwtAuthority(trustDomain);
  const issued = ca.issueX509Svid(`spiffe://${trustDomain}/nats/benchmark`);
  const svid = parseX509Svid(issued.chainDer, issued.keyDer);
  const certFile = join(folder, 'server.pem');
  await writeFile(certFile, marshalCertificatesPem(svid));
  const { path, version } = await findNatsServer();
  const launch = async (name: string, config: string): Promise<NatsServer> => {
    const keyPem = marshalPrivateKeyPem(svid);
    const server = await launchNatsServer({ path, config, directory: join(folder, name), keyPem });
    stops.push(() => server.stop());
    return server;
  };

  const password = randomBytes(300).toString('base64url');
  const plain = await launch('plain', plainConfig(certFile, password));

  const [account, xkey, user] = [createNkey('A'), createXkey(), createNkey('U')];
  const callout = { issuer: account.publicKey, xkey: xkey.publicKey, user: user.publicKey };
  const tls = { certFile, keyFile: KEY_FILE };
  const storeDir = join(folder, 'jetstream');
  const config = natsServerConfig({
    serverName: 'benchmark',
    lattice: 'default',
    port: 0,
    storeDir,
    tls,
    callout,
  });
  const judged = await launch('judged', config);

  const workloadApi = await startFakeWorkloadApi();
  stops.push(() => workloadApi.stop());
  const id = `spiffe://${trustDomain}`;
  workloadApi.send(
    'FetchX509Bundles',
    x509BundlesResponse.encode({ crl: [], bundles: new Map([[id, ca.certificate]]) }),
  );
  workloadApi.send(
    'FetchJWTBundles',
    jwtBundlesResponse.encode({ bundles: new Map([[id, Buffer.from(issuer.jwks)]]) }),
  );

  const text = (seed: Uint8Array): string => Buffer.from(seed).toString('latin1');
  const service = await startPart(
    'callout',
    [
      JSON.stringify({
        server: `tls://127.0.0.1:${judged.port}`,
        workloadApi: workloadApi.address,
        auditFile: join(folder, 'audit.jsonl'),
        trustDomain,
      }),
    ],
    JSON.stringify({
      issuerSeed: text(account.seed()),
      xkeySeed: text(xkey.seed()),
      userSeed: text(user.seed()),
    }),
  );
  stops.push(() => service.stop());
  const generator = await startPart('nats-load');
  stops.push(() => generator.stop());

  const shared = { ca: ca.bundle.toPem(), certificate: issued.certificates[0] ?? new Uint8Array(), inFlight };
  const fresh = (count: number): string[] =>
    Array.from({ length: count }, (_, at) =>
      issuer.issue(`${id}/lattice/default/host/h${at % 500}`, `${id}/callout`, { claims: { jti: `${at}` } }),
    );
  const runPlain = (count: number): Promise<Sample> =>
    sample(plain, undefined, generator, {
      ...shared,
      port: plain.port,
      tokens: Array.from({ length: count }, () => password),
    });
  const runCallout = (count: number): Promise<Sample> =>
    sample(judged, service, generator, { ...shared, port: judged.port, tokens: fresh(count) });

  await runPlain(options.plainCount / 4);
  await runCallout(options.calloutCount / 2);
  const samples: [Sample[], Sample[]] = [[], []];
  for (let at = 0; at < options.rounds; at += 1) {
    samples[0].push(await runPlain(options.plainCount));
    samples[1].push(await runCallout(options.calloutCount));
  }
  return table(samples, options, version);
}

function plainConfig(certFile: string, password: string): string {
  return `server_name: plain
listen: "127.0.0.1:-1"
max_control_line: 16KB
tls { cert_file: "${certFile}", key_file: "${KEY_FILE}", timeout: 3 }
authorization { token: "${password}", timeout: 3 }
`;
}

async function sample(
  server: NatsServer,
  service: Part | undefined,
  generator: Part,
  load: Serializable,
): Promise<Sample> {
  const cpu = (): number[] =>
    [server.pid, service?.pid, generator.pid].map((pid) => (pid === undefined ? 0 : cpuMs(pid)));
  const before = cpu();
  const result = (await generator.ask(load)) as unknown as Sample & { count: number };
  const [serverUs = 0, calloutUs = 0, loadUs = 0] = cpu().map(
    (ms, at) => ((ms - (before[at] ?? 0)) * 1000) / result.count,
  );
  return { ...result, serverUs, calloutUs, loadUs };
}

function table(
  samples: readonly [Sample[], Sample[]],
  options: AuthenticationsOptions,
  version: string,
): Table {
  const [plain, judged] = samples;
  const ratioOf = (of: (one: Sample) => number): number =>
    median(judged.map((one, at) => of(one) / (plain[at] === undefined ? Number.NaN : of(plain[at]))));
  const rates = ratioOf(({ perSecond }) => perSecond);
  const costs = 1 / ratioOf(({ serverUs, calloutUs }) => serverUs + calloutUs);
  const row = (name: string, of: readonly Sample[], ratio: number): string[] => {
    const middle = (key: keyof Sample): string => round(median(of.map((one) => one[key])));
    const keys = ['serverUs', 'calloutUs', 'loadUs', 'p50Ms', 'p99Ms'] as const;
    return [name, middle('perSecond'), ratio.toFixed(2), ...keys.map(middle)];
  };
  return {
    title: '(b) Logins',
    about: `TCP, a full TLS handshake, CONNECT, PONG, close; ${inFlight} under way at any time, nats-server ${version}. One server takes one static token, the other asks the callout (sealed both ways, a JWT-SVID not seen before, an audit record). ${options.rounds} interleaved rounds of ${options.plainCount} and ${options.calloutCount} logins; medians, ratios per round. The client's half of TLS costs so much that the load generator bounds the rate of the plain token; the ratio of CPU times of server and callout leaves it out.`,
    columns: [
      'who decides',
      'logins/s',
      'ratio',
      'server CPU us',
      'callout CPU us',
      'load CPU us',
      'p50 ms',
      'p99 ms',
    ],
    rows: [row('the server, plain token', plain, 1), row('the callout, JWT-SVID', judged, rates)],
    verdict: `**Callout to plain token: ${rates.toFixed(2)} by rate, ${costs.toFixed(2)} by CPU of server and callout** (aim 0.12).`,
  };
}
