import { lstatSync } from 'node:fs';
import {
  connectLattice,
  ControlClient,
  inboxPrefix,
  type LatticeConnection,
  LatticeError,
  type LatticeInfo,
  openLatticeDir,
  resolveLatticeDir,
} from '@muster/lattice';
import { isSpiffeError, type JwtSvid, SpiffeId, TrustDomain, WorkloadApiClient } from '@muster/spiffe';
import { messageWithCauses } from '../describe-error.ts';
import { CliError } from '../errors.ts';
import type { Io } from '../io.ts';
import { type Options, usage } from '../options.ts';
import { defaultOperator } from './options.ts';

/** Where a lattice is and as whom to go there. */
export interface SessionTarget {
  readonly lattice: string;
  readonly trustDomain: string;
  readonly servers: readonly string[];
  /** `unix:///path` */
  readonly workloadApi: string;
  readonly audience: string;
  readonly operator: string;
  /** Attempts before giving up; default 3. */
  readonly attempts?: number;
  readonly signal: AbortSignal;
}

/** An operator's connection to a lattice. */
export interface Session extends AsyncDisposable {
  readonly lattice: string;
  readonly spiffeId: string;
  readonly connection: LatticeConnection;
  readonly control: ControlClient;
}

/** Finds the running lattice that the options mean. Throws ERR_LATTICE_NOT_RUNNING. */
export function findLattice(options: Options, io: Io): SessionTarget {
  const lattice = options.required('lattice');
  const servers = options.list('servers').map(checkServer);
  const isNamed =
    servers.length > 0 &&
    ['trust-domain', 'workload-api'].every((name) => options.optional(name) !== undefined);
  const info = isNamed ? undefined : readInfo(lattice, io);
  const trustDomain = options.optional('trust-domain') ?? info?.trustDomain;
  const workloadApi = options.optional('workload-api') ?? info?.workloadApi;
  if (
    trustDomain === undefined ||
    workloadApi === undefined ||
    (info === undefined && servers.length === 0)
  ) {
    throw new CliError(
      'ERR_LATTICE_NOT_RUNNING',
      `No lattice "${lattice}" runs here (looked in ${resolveLatticeDir({ lattice, env: io.env })}). ` +
        'Start one with "muster dev", or say where it is with --servers, --workload-api and --trust-domain',
    );
  }
  return {
    lattice,
    trustDomain,
    workloadApi,
    servers: servers.length === 0 ? (info?.natsServers ?? []) : servers,
    audience: info?.audience ?? `spiffe://${trustDomain}/callout`,
    operator: options.optional('operator') ?? defaultOperator(),
    signal: io.signal,
  };
}

/** What the lattice directory says; undefined where there is none. Throws ERR_LATTICE_NOT_RUNNING when it cannot be used, or is that of another lattice. */
function readInfo(lattice: string, io: Io): LatticeInfo | undefined {
  const path = resolveLatticeDir({ lattice, env: io.env });
  let info: LatticeInfo | undefined;
  try {
    info = openLatticeDir(path).readInfo();
  } catch (cause) {
    if (isMissing(path)) return undefined;
    const why = (cause as Error).message;
    throw new CliError(
      'ERR_LATTICE_NOT_RUNNING',
      `The lattice directory ${path} cannot be used. ${why}. ` +
        'Mend that, or say where the lattice is with --servers, --workload-api and --trust-domain',
      { cause },
    );
  }
  if (info === undefined || info.lattice === lattice) return info;
  throw new CliError(
    'ERR_LATTICE_NOT_RUNNING',
    `The lattice directory ${path} is that of the lattice "${info.lattice}", not of "${lattice}". ` +
      `Say --lattice ${info.lattice}, or set MUSTER_LATTICE_DIR to the directory of the other one`,
  );
}

function isMissing(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) === undefined;
  } catch {
    return false;
  }
}

function checkServer(text: string): string {
  const host = URL.parse(text.includes('://') ? text : `tls://${text}`)?.hostname ?? '';
  if (host !== '') return text;
  throw usage(`--servers must be host:port, not "${text}"`);
}

/** Connects as the operator. Throws ERR_OPERATOR_IDENTITY, and what connecting throws. */
export async function openSession(target: SessionTarget): Promise<Session> {
  const trustDomain = TrustDomain.parse(target.trustDomain);
  const spiffeId = SpiffeId.fromSegments(trustDomain, 'operator', target.operator).toString();
  const workloadApi = new WorkloadApiClient({ address: target.workloadApi });
  try {
    const bundles = await workloadApi
      .fetchX509Bundles({ signal: target.signal })
      .catch(explain(spiffeId, target));
    const fetchToken = async ({ signal }: { signal: AbortSignal }): Promise<JwtSvid> => {
      const request = { audience: [target.audience], spiffeId };
      const [svid] = await workloadApi.fetchJwtSvids(request, { signal }).catch(explain(spiffeId, target));
      if (svid !== undefined) return svid;
      throw new CliError('ERR_OPERATOR_IDENTITY', `The Workload API gave no JWT-SVID for ${spiffeId}`);
    };
    // Asked once by itself, so that a refusal is told as what it is and not as a failing connection.
    const first = [await fetchToken({ signal: target.signal })];
    const connection = await connectLattice({
      servers: target.servers,
      name: 'cli',
      trustDomain,
      bundles,
      fetchToken: async (options) => first.pop() ?? (await fetchToken(options)),
      inboxPrefix: inboxPrefix(spiffeId),
      retry: { attempts: target.attempts ?? 3, initialDelayMs: 200, maxDelayMs: 1_000 },
      userExpiry: false,
      signal: target.signal,
    }).catch(explainConnect(spiffeId, target));
    return {
      lattice: target.lattice,
      spiffeId,
      connection,
      control: new ControlClient(connection.nats, { lattice: target.lattice, gatherMs: 500 }),
      [Symbol.asyncDispose]: async () => {
        await connection.close();
        await workloadApi.close();
      },
    };
  } catch (error) {
    await workloadApi.close();
    throw error;
  }
}

function explain(spiffeId: string, target: SessionTarget): (error: unknown) => never {
  return (error) => {
    const code = isSpiffeError(error) ? error.code : undefined;
    if (code === 'ERR_NO_IDENTITY') {
      throw new CliError(
        'ERR_OPERATOR_IDENTITY',
        `The Workload API at ${target.workloadApi} does not give this process the identity ${spiffeId}. ` +
          'Run this as the user who started the lattice, or name another operator with --operator',
        { cause: error },
      );
    }
    if (code === 'ERR_ENDPOINT_UNAVAILABLE') {
      throw new CliError(
        'ERR_LATTICE_NOT_RUNNING',
        `Nobody answers at ${target.workloadApi}, from where identities of the lattice "${target.lattice}" come. ` +
          'It has ended without saying so, or its provider has: start it with "muster dev", or say another --workload-api',
        { cause: error },
      );
    }
    if (!isSpiffeError(error) || target.signal.aborted) throw error;
    throw new CliError(
      'ERR_OPERATOR_IDENTITY',
      `${target.workloadApi} gave no identity for ${spiffeId}: ${messageWithCauses(error)}. ` +
        'Check that the lattice is well, or say another --workload-api',
      { cause: error },
    );
  };
}

function explainConnect(spiffeId: string, target: SessionTarget): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof Error) || target.signal.aborted) throw error;
    const why = messageWithCauses(error);
    const isRefused = /authori[sz]ation|authentication/i.test(why);
    throw new LatticeError(
      'ERR_CONNECT_FAILED',
      `${why}. ${
        isRefused
          ? `The callout refuses ${spiffeId}, or does not answer; its log and its audit records tell which`
          : `See whether nats-server runs at ${target.servers.join(', ')}, or say another address with --servers`
      }`,
      { cause: error },
    );
  };
}
