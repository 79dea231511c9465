import {
  type AuditRecord,
  auditStream,
  type LatticeConnection,
  openLatticeDir,
  resolveLatticeDir,
  systemSubjects,
} from '@muster/lattice';
import type { AuditLine } from './audit-lines.ts';
import { readAuditFile } from './audit-lines.ts';
import { readAuditStream } from './audit-records.ts';
import { type AuditTrail, describeBreak, readAuditTrail, type TrailRecord } from './audit-trail.ts';

type NatsConnection = LatticeConnection['nats'];

/** One connection to NATS: nats-server's own report, joined with the callout's decision about it. */
export interface ConnectionRow {
  /** As the callout authorised it; null when no decision about this connection was found. */
  readonly spiffeId: string | null;
  /** The user that nats-server itself shows for the connection. */
  readonly user: string | null;
  readonly account: string;
  /** `ctl`, `rpc`, `cli`... */
  readonly name: string;
  readonly clientId: number;
  readonly serverId: string;
  readonly serverName: string;
  readonly address: string;
  readonly startedAt: string;
  readonly ageMs: number;
  /** When nats-server ends the connection; null when not known. */
  readonly expiresAt: string | null;
  /** Request id of the callout's decision; the same id stands in its log and its audit record. */
  readonly requestId: string | null;
  /** Whether that record stands unharmed in the callout's hash chain; null when no record was found. */
  readonly isRecordVerified: boolean | null;
}

/** The connections, and what is wrong with the audit records that they were joined with. */
export interface ConnectionReport {
  /** Oldest first. */
  readonly rows: readonly ConnectionRow[];
  /** A sentence for each source whose chain is broken. */
  readonly problems: readonly string[];
}

interface ServerReport {
  readonly server: { readonly id: string; readonly name: string };
  readonly data: {
    readonly now: string;
    readonly total: number;
    readonly offset: number;
    readonly connections: readonly ReportedConnection[];
  };
}

interface ReportedConnection {
  readonly cid: number;
  readonly ip: string;
  readonly port: number;
  readonly start: string;
  readonly name?: string;
  readonly account?: string;
  readonly authorized_user?: string;
}

const PAGE = 512;
const GATHER_MS = 300;

/** All connections of the account, oldest first. */
export async function listConnections(
  nats: NatsConnection,
  lattice: string,
  env: NodeJS.ProcessEnv,
): Promise<readonly ConnectionRow[]> {
  return (await reportConnections(nats, lattice, env)).rows;
}

/** All connections of the account, and whether the records about them can be believed. */
export async function reportConnections(
  nats: NatsConnection,
  lattice: string,
  env: NodeJS.ProcessEnv,
): Promise<ConnectionReport> {
  const reports = await askServers(nats);
  const startedAt = reports.flatMap(({ data }) => data.connections.map(({ start }) => Date.parse(start)));
  const sinceAt = Math.min(...startedAt, Date.now()) - 10_000;
  // What is not in the stream (connections from before it was made) is in the file, on the machine of the callout.
  const file = auditFile(lattice, env);
  const sources = [
    { where: file ?? '', isStream: false, lines: file === undefined ? [] : readAuditFile(file) },
    {
      where: auditStream(lattice),
      isStream: true,
      lines: readAuditStream(nats, lattice, sinceAt),
    },
  ];
  const trails = await Promise.all(
    sources.map(async (source) => ({ ...source, ...(await readQuietly(source)) })),
  );
  return {
    rows: joinConnections(
      reports,
      trails.flatMap(({ records }) => records),
    ),
    problems: trails.flatMap(({ chains, ...place }) =>
      chains.flatMap((chain) =>
        chain.service === SERVICE || chain.service === null ? (describeBreak(chain, place) ?? []) : [],
      ),
    ),
  };
}

const SERVICE = 'callout';

function auditFile(lattice: string, env: NodeJS.ProcessEnv): string | undefined {
  try {
    return openLatticeDir(resolveLatticeDir({ lattice, env })).auditFile(SERVICE);
  } catch {
    return undefined;
  }
}

/** Either source may be missing: where there is no record at all, the row says so. */
async function readQuietly({
  lines,
  isStream,
}: {
  lines: AsyncIterable<AuditLine> | Iterable<AuditLine>;
  isStream: boolean;
}): Promise<AuditTrail> {
  try {
    return await readAuditTrail(lines, { isStream, isWanted: ({ service }) => service === SERVICE });
  } catch {
    return { records: [], chains: [] };
  }
}

/** Joins by server id and client id, which together name one connection for ever; the newest decision counts, verified ones first. */
export function joinConnections(
  reports: readonly ServerReport[],
  records: readonly TrailRecord[],
): readonly ConnectionRow[] {
  const decisions = new Map<string, TrailRecord>();
  for (const found of records) {
    const { record } = found;
    const { serverId, clientId } = record.details;
    if (record.decision !== 'allow' || typeof serverId !== 'string' || typeof clientId !== 'number') continue;
    const key = `${serverId}/${String(clientId)}`;
    const earlier = decisions.get(key);
    if (earlier === undefined || isBetter(found, earlier)) decisions.set(key, found);
  }
  return reports
    .flatMap((report) =>
      report.data.connections.map((connection) =>
        toRow(report, connection, decisions.get(`${report.server.id}/${String(connection.cid)}`)),
      ),
    )
    .toSorted((a, b) => Date.parse(a.startedAt) - Date.parse(b.startedAt) || a.clientId - b.clientId);
}

function isBetter(found: TrailRecord, earlier: TrailRecord): boolean {
  return found.isVerified === earlier.isVerified ? earlier.record.at < found.record.at : found.isVerified;
}

function toRow(
  { server, data }: ServerReport,
  connection: ReportedConnection,
  found: TrailRecord | undefined,
): ConnectionRow {
  const decision: AuditRecord | undefined = found?.record;
  const expiresAt = decision?.details['userExpiresAt'];
  return {
    spiffeId: decision?.spiffeId ?? null,
    user: connection.authorized_user ?? null,
    account: connection.account ?? '',
    name: connection.name ?? '',
    clientId: connection.cid,
    serverId: server.id,
    serverName: server.name,
    address: `${connection.ip}:${String(connection.port)}`,
    startedAt: connection.start,
    ageMs: Math.max(0, Date.parse(data.now) - Date.parse(connection.start)),
    expiresAt: typeof expiresAt === 'number' ? new Date(expiresAt).toISOString() : null,
    requestId: decision?.requestId ?? null,
    isRecordVerified: found?.isVerified ?? null,
  };
}

/** Each server answers for itself, a page at a time. */
async function askServers(nats: NatsConnection): Promise<readonly ServerReport[]> {
  const reports: ServerReport[] = [];
  for (let offset = 0; ; offset += PAGE) {
    const body = JSON.stringify({ auth: true, limit: PAGE, offset });
    const answers = await nats.requestMany(systemSubjects.accountConnections, body, {
      strategy: 'stall',
      stall: GATHER_MS,
      maxWait: 3_000,
    });
    let isMore = false;
    for await (const message of answers) {
      const report = message.json<ServerReport>();
      reports.push(report);
      isMore ||= report.data.total > offset + PAGE;
    }
    if (!isMore) return reports;
  }
}
