import {
  connectLattice,
  ControlClient,
  inboxPrefix,
  type LatticeConnection,
  type LatticeInfo,
  openLatticeDir,
  resolveLatticeDir,
} from '@muster/lattice';
import { isSpiffeError, type JwtSvid, SpiffeId, TrustDomain, WorkloadApiClient } from '@muster/spiffe';
import { CliError } from '../errors.ts';
import type { Io } from '../io.ts';
import type { Options } from '../options.ts';
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
  const info = readInfo(lattice, io);
  const servers = options.list('servers');
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

function readInfo(lattice: string, io: Io): LatticeInfo | undefined {
  try {
    return openLatticeDir(resolveLatticeDir({ lattice, env: io.env })).readInfo();
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ERR_LATTICE_DIR') return undefined;
    throw error;
  }
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
    });
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
        `The lattice "${target.lattice}" left its address, but nobody answers at ${target.workloadApi}. Start it with "muster dev"`,
        { cause: error },
      );
    }
    throw error;
  };
}
