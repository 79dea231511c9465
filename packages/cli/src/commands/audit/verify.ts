import { auditStream, type AuditBreak, type AuditChainReport, LatticeError } from '@muster/lattice';
import type { Command } from '../../command.ts';
import { CliError } from '../../errors.ts';
import type { Io } from '../../io.ts';
import { readAuditFile } from '../../lattice/audit-lines.ts';
import { readAuditStream } from '../../lattice/audit-records.ts';
import { type AuditTrail, describeBreak, readAuditTrail } from '../../lattice/audit-trail.ts';
import { latticeOptions } from '../../lattice/options.ts';
import { findLattice, openSession } from '../../lattice/session.ts';
import type { Options } from '../../options.ts';
import { outputOption, printRows } from '../../terminal/print-rows.ts';
import type { Column } from '../../terminal/table.ts';

/** The records of one service, as `-o json` shows them. */
export interface AuditRow {
  /** The file, or the name of the stream. */
  readonly source: string;
  /** Null for lines that belong to no known service. */
  readonly service: string | null;
  readonly records: number;
  readonly isWhole: boolean;
  /** False when records before those that are there are not, so that nothing vouches for them. */
  readonly isFromStart: boolean;
  readonly firstSeq: number | null;
  readonly lastSeq: number | null;
  readonly firstAt: string | null;
  readonly lastAt: string | null;
  readonly lastHash: string | null;
  /** First records: one for each run of a service that keeps no file. */
  readonly starts: number;
  readonly breaks: number;
  readonly firstBreak: AuditBreak | null;
}

const columns: readonly Column<AuditRow>[] = [
  { heading: 'SERVICE', cell: ({ service }) => service ?? '?' },
  { heading: 'RECORDS', cell: ({ records }) => String(records) },
  { heading: 'FIRST', cell: ({ firstAt }) => firstAt ?? '-' },
  { heading: 'LAST', cell: ({ lastAt }) => lastAt ?? '-' },
  { heading: 'CHAIN', cell: describeChain },
];

export const command: Command = {
  about:
    'Checks that no record was changed, removed, moved or put in: each holds the hash of the one before. Reads the audit file of a\n' +
    "service, or, without FILE, what the lattice's audit stream holds of all services. The exit code is 1 when a chain is broken,\n" +
    'and when there is nothing to check. Not found, because there is no key in it: an end that was cut off, or one that was written\n' +
    'anew from some record on; compare the last hash (-o json) with one that was noted elsewhere, or the file with the stream. The\n' +
    'stream forgets its oldest records: what it holds may begin in the middle. Records that never reached it are missing there.',
  operand: { name: 'FILE', help: 'The audit file of a service; without it the stream is read' },
  options: { ...latticeOptions, output: outputOption },
  async run(options, io) {
    const file = options.operand;
    const source = file ?? auditStream(options.required('lattice'));
    const isStream = file === undefined;
    const { chains } = isStream ? await readStream(options, io) : await readFile(file);
    const rows = chains.map((chain) => toRow(source, chain));
    const nothing = `There is no audit record in ${source}`;
    if (rows.length === 0) throw new CliError('ERR_AUDIT_SOURCE', nothing);
    printRows(rows, columns, options, io, nothing);
    const problems = chains.flatMap((chain) => describeBreak(chain, { where: source, isStream }) ?? []);
    if (problems.length > 0) throw new LatticeError('ERR_AUDIT_CHAIN', problems.join('. '));
    return 0;
  },
};

async function readStream(options: Options, io: Io): Promise<AuditTrail> {
  await using session = await openSession(findLattice(options, io));
  return await check(readAuditStream(session.connection.nats, session.lattice), true);
}

function readFile(file: string): Promise<AuditTrail> {
  return check(readAuditFile(file), false);
}

function check(lines: Parameters<typeof readAuditTrail>[0], isStream: boolean): Promise<AuditTrail> {
  return readAuditTrail(lines, { isStream, isWanted: () => false });
}

function toRow(source: string, { service, records, breaks, ...rest }: AuditChainReport): AuditRow {
  return { source, service, records, isWhole: breaks === 0, ...rest, breaks };
}

function describeChain({ isWhole, isFromStart, firstSeq, starts }: AuditRow): string {
  if (!isWhole) return 'broken';
  const first = String(firstSeq ?? '?');
  const runs = starts > 1 ? `, ${String(starts)} runs` : '';
  return isFromStart
    ? `whole${runs}`
    : `starts at record ${first}, whole from there, unverified before${runs}`;
}
