import { AuditChainChecker, type AuditChainReport, type AuditRecord } from '@muster/lattice';
import type { AuditLine } from './audit-lines.ts';

/** A record, and whether it stands in its chain as its service wrote it. */
export interface TrailRecord {
  readonly record: AuditRecord;
  readonly isVerified: boolean;
}

/** What a file or a stream holds. */
export interface AuditTrail {
  readonly records: readonly TrailRecord[];
  readonly chains: readonly AuditChainReport[];
}

/** Reads records and checks their chains; `isWanted` says which of them are kept. Throws what reading throws. */
export async function readAuditTrail(
  lines: AsyncIterable<AuditLine> | Iterable<AuditLine>,
  options: { isStream: boolean; isWanted: (record: AuditRecord) => boolean },
): Promise<AuditTrail> {
  const checker = new AuditChainChecker(options);
  const records: { record: AuditRecord; isVerified: boolean }[] = [];
  const before = new Map<string, { isVerified: boolean }>();
  for await (const { text, ...place } of lines) {
    const { record, break: found } = checker.add(text, place);
    if (record === undefined || found?.problem === 'foreign') continue;
    const kept = { record, isVerified: found === undefined };
    // Where two do not fit, either may be the one that was written by somebody else.
    const earlier = before.get(record.service);
    if (earlier !== undefined && found !== undefined && found.problem !== 'changed')
      earlier.isVerified = false;
    before.set(record.service, kept);
    if (options.isWanted(record)) records.push(kept);
  }
  return { records, chains: checker.report() };
}

/** What is wrong with a chain, as a sentence; undefined when it is whole. */
export function describeBreak(
  { service, breaks, firstBreak }: AuditChainReport,
  place: { where: string; isStream: boolean },
): string | undefined {
  if (firstBreak === null) return undefined;
  const { line, seq, requestId, explanation } = firstBreak;
  const at = `${place.isStream ? 'message' : 'line'} ${String(line)} of ${place.where}`;
  const who = seq === null ? at : `${at} (record ${String(seq)}, request ${requestId ?? ''})`;
  const more = breaks === 1 ? '' : `; it is the first of ${String(breaks)} such places`;
  return `The audit chain${service === null ? '' : ` of ${service}`} is broken: ${who} ${explanation}${more}`;
}
