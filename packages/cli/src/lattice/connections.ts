import { type AuditRecord, type LatticeConnection, systemSubjects } from '@muster/lattice';
import { readAuditFile, readAuditStream } from './audit-records.ts';

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
  const reports = await askServers(nats);
  const startedAt = reports.flatMap(({ data }) => data.connections.map(({ start }) => Date.parse(start)));
  const since = Math.min(...startedAt, Date.now()) - 10_000;
  // What is not in the stream (connections from before it was made) is in the file, on the machine of the callout.
  const records = [...readAuditFile(lattice, env), ...((await readAuditStream(nats, lattice, since)) ?? [])];
  return joinConnections(reports, records);
}

/** Joins by server id and client id, which together name one connection for ever; the newest decision counts. */
export function joinConnections(
  reports: readonly ServerReport[],
  records: readonly AuditRecord[],
): readonly ConnectionRow[] {
  const decisions = new Map<string, AuditRecord>();
  for (const record of records) {
    const { serverId, clientId } = record.details;
    if (record.decision !== 'allow' || typeof serverId !== 'string' || typeof clientId !== 'number') continue;
    const key = `${serverId}/${String(clientId)}`;
    const earlier = decisions.get(key);
    if (earlier === undefined || earlier.at <= record.at) decisions.set(key, record);
  }
  return reports
    .flatMap((report) =>
      report.data.connections.map((connection) =>
        toRow(report, connection, decisions.get(`${report.server.id}/${String(connection.cid)}`)),
      ),
    )
    .toSorted((a, b) => Date.parse(a.startedAt) - Date.parse(b.startedAt) || a.clientId - b.clientId);
}

function toRow(
  { server, data }: ServerReport,
  connection: ReportedConnection,
  decision: AuditRecord | undefined,
): ConnectionRow {
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
