import { readFileSync } from 'node:fs';
import {
  type AuditRecord,
  type LatticeConnection,
  auditStream,
  auditSubject,
  openLatticeDir,
  parseAuditRecord,
  resolveLatticeDir,
  streamSubjects,
} from '@muster/lattice';

type NatsConnection = LatticeConnection['nats'];

const STREAM_MAX_BYTES = 64 * 1024 * 1024;
const STREAM_MAX_AGE_NS = 7 * 86_400 * 1_000_000_000;
const BATCH = 256;

/** Makes the stream that keeps a lattice's audit records (64 MiB, 7 days); harmless when it is there. */
export async function createAuditStream(nats: NatsConnection, lattice: string): Promise<void> {
  const name = auditStream(lattice);
  const answer = await nats.request(
    streamSubjects(name).create,
    JSON.stringify({
      name,
      subjects: [auditSubject(lattice, '*')],
      retention: 'limits',
      discard: 'old',
      storage: 'file',
      num_replicas: 1,
      max_bytes: STREAM_MAX_BYTES,
      max_age: STREAM_MAX_AGE_NS,
      allow_direct: true,
      deny_delete: true,
      deny_purge: true,
    }),
    { timeout: 5_000 },
  );
  const { error } = answer.json<{ error?: { description?: string } }>();
  if (error !== undefined)
    throw new Error(`Cannot create the stream ${name}: ${error.description ?? 'no reason given'}`);
}

/** The callout's records since an instant, oldest first; undefined when the lattice has no audit stream. Unreadable ones are left out. */
export async function readAuditStream(
  nats: NatsConnection,
  lattice: string,
  sinceAt: number,
): Promise<readonly AuditRecord[] | undefined> {
  const subject = streamSubjects(auditStream(lattice)).directGet;
  const records: AuditRecord[] = [];
  let start: object = { start_time: new Date(sinceAt).toISOString() };
  for (;;) {
    const batch = await readBatch(nats, subject, {
      ...start,
      batch: BATCH,
      next_by_subj: auditSubject(lattice, 'callout'),
    });
    if (batch === undefined) return undefined;
    records.push(...batch.records);
    if (batch.last === undefined || !batch.hasMore) return records;
    start = { seq: batch.last + 1 };
  }
}

interface Batch {
  readonly records: readonly AuditRecord[];
  readonly last: number | undefined;
  readonly hasMore: boolean;
}

/** One direct-get request with many answers; the last one has no body and says how much is left (JetStream, ADR-31). */
async function readBatch(nats: NatsConnection, subject: string, request: object): Promise<Batch | undefined> {
  const records: AuditRecord[] = [];
  let last: number | undefined;
  const answers = await nats.requestMany(subject, JSON.stringify(request), {
    strategy: 'sentinel',
    maxWait: 3_000,
  });
  try {
    for await (const message of answers) {
      const headers = message.headers;
      const status = headers?.code ?? 0;
      if (status === 404) return { records, last, hasMore: false };
      if (status === 204)
        return { records, last, hasMore: Number(headers?.get('Nats-Num-Pending') ?? 0) > 0 };
      if (status >= 400) return undefined;
      const sequence = Number(headers?.get('Nats-Sequence') ?? 0);
      if (sequence > 0) last = sequence;
      const record = readQuietly(message.data);
      if (record !== undefined) records.push(record);
    }
  } catch {
    return undefined;
  }
  return { records, last, hasMore: false };
}

/** The callout's records from its file in the lattice directory of this machine; empty when there is none. */
export function readAuditFile(lattice: string, env: NodeJS.ProcessEnv): readonly AuditRecord[] {
  let text: string;
  try {
    text = readFileSync(openLatticeDir(resolveLatticeDir({ lattice, env })).auditFile('callout'), 'utf8');
  } catch {
    return [];
  }
  return text.split('\n').flatMap((line) => readQuietly(line) ?? []);
}

function readQuietly(line: Uint8Array | string): AuditRecord | undefined {
  try {
    return parseAuditRecord(line);
  } catch {
    return undefined;
  }
}
