import { auditStream, auditSubject, type LatticeConnection, streamSubjects } from '@muster/lattice';
import { CliError } from '../errors.ts';
import type { AuditLine } from './audit-lines.ts';

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

/**
 * What services published since an instant, and the lattice's audit stream still holds, by the numbers of the stream.
 * Throws ERR_AUDIT_SOURCE when there is no such stream, or when it does not answer to the end.
 */
export async function* readAuditStream(
  nats: NatsConnection,
  lattice: string,
  sinceAt?: number,
): AsyncGenerator<AuditLine> {
  const subject = streamSubjects(auditStream(lattice)).directGet;
  let start: object = sinceAt === undefined ? { seq: 1 } : { start_time: new Date(sinceAt).toISOString() };
  for (;;) {
    const batch = await readBatch(nats, subject, {
      ...start,
      batch: BATCH,
      next_by_subj: auditSubject(lattice, '*'),
    });
    if (batch === undefined) {
      throw new CliError(
        'ERR_AUDIT_SOURCE',
        `The lattice "${lattice}" gave no audit records: its stream ${auditStream(lattice)} is not there or does not answer. ` +
          'Name the audit file of a service, as "muster audit verify FILE" on its machine',
      );
    }
    yield* batch.lines;
    const last = batch.lines.at(-1);
    if (last === undefined || !batch.hasMore) return;
    start = { seq: last.line + 1 };
  }
}

interface Batch {
  readonly lines: readonly AuditLine[];
  readonly hasMore: boolean;
}

/** One direct-get request with many answers; the last one has no body and says how much is left (JetStream, ADR-31). */
async function readBatch(nats: NatsConnection, subject: string, request: object): Promise<Batch | undefined> {
  const lines: AuditLine[] = [];
  try {
    const answers = await nats.requestMany(subject, JSON.stringify(request), {
      strategy: 'sentinel',
      maxWait: 3_000,
    });
    for await (const message of answers) {
      const headers = message.headers;
      const status = headers?.code ?? 0;
      if (status === 404) return { lines, hasMore: false };
      if (status === 204) return { lines, hasMore: Number(headers?.get('Nats-Num-Pending') ?? 0) > 0 };
      if (status >= 400) return undefined;
      // Who may publish under a subject is what nats-server enforces; what stands in the record is what somebody says.
      const service = headers?.get('Nats-Subject').split('.').at(-1) ?? '';
      const line = Number(headers?.get('Nats-Sequence') ?? 0);
      lines.push({ text: message.data, line, isLast: false, service });
    }
  } catch {
    return undefined;
  }
  return undefined;
}
