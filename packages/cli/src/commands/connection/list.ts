import type { Command } from '../../command.ts';
import { formatDuration } from '../../duration.ts';
import { CliError } from '../../errors.ts';
import type { Io } from '../../io.ts';
import { type ConnectionReport, type ConnectionRow, reportConnections } from '../../lattice/connections.ts';
import { latticeOptions } from '../../lattice/options.ts';
import { findLattice, openSession } from '../../lattice/session.ts';
import { outputOption, printRows } from '../../terminal/print-rows.ts';
import type { Column } from '../../terminal/table.ts';

const columns: readonly Column<ConnectionRow>[] = [
  {
    heading: 'SPIFFE ID',
    cell: ({ spiffeId, user, isRecordVerified }) =>
      `${spiffeId ?? `? (${user ?? 'unknown'})`}${isRecordVerified === false ? ' (unverified)' : ''}`,
  },
  { heading: 'ACCOUNT', cell: ({ account }) => account },
  { heading: 'NAME', cell: ({ name }) => name },
  { heading: 'CLIENT', cell: ({ clientId }) => String(clientId) },
  { heading: 'AGE', cell: ({ ageMs }) => formatDuration(ageMs) },
  {
    heading: 'EXPIRES',
    cell: ({ expiresAt }) =>
      expiresAt === null ? '-' : `in ${formatDuration(Date.parse(expiresAt) - Date.now())}`,
  },
];

export const command: Command = {
  about:
    "The list is nats-server's own report. The SPIFFE ID and the expiry come from the callout's audit record of the connection;\n" +
    'a "?" means that no such record was found, "(unverified)" that it does not stand unharmed in the hash chain of these records.\n' +
    'Then a warning names the first place where the chain is broken, and "muster audit verify" tells more. The exit code is 1 when\n' +
    'there is no verified record for any of the connections.',
  options: { ...latticeOptions, output: outputOption },
  async run(options, io) {
    await using session = await openSession(findLattice(options, io));
    const report = await reportConnections(session.connection.nats, session.lattice, io.env);
    printRows(report.rows, columns, options, io, `Nobody is connected to the lattice "${session.lattice}".`);
    warnAbout(report, io);
    return 0;
  },
};

/** Warns of broken chains. Throws ERR_AUDIT_UNVERIFIED when there are connections and no verified record for any of them. */
export function warnAbout({ rows, problems }: ConnectionReport, io: Pick<Io, 'stderr'>): void {
  for (const problem of problems) io.stderr.write(`warning: ${problem}\n`);
  if (rows.length === 0 || rows.some(({ isRecordVerified }) => isRecordVerified === true)) return;
  throw new CliError(
    'ERR_AUDIT_UNVERIFIED',
    'No identity in this list is backed by an audit record that could be verified. ' +
      'Run "muster audit verify" with the audit file of the callout to see why',
  );
}
