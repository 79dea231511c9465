import type { Command } from '../../command.ts';
import { formatDuration } from '../../duration.ts';
import { type ConnectionRow, listConnections } from '../../lattice/connections.ts';
import { latticeOptions } from '../../lattice/options.ts';
import { findLattice, openSession } from '../../lattice/session.ts';
import { outputOption, printRows } from '../../terminal/print-rows.ts';
import type { Column } from '../../terminal/table.ts';

const columns: readonly Column<ConnectionRow>[] = [
  { heading: 'SPIFFE ID', cell: ({ spiffeId, user }) => spiffeId ?? `? (${user ?? 'unknown'})` },
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
    'a "?" means that no such record was found.',
  options: { ...latticeOptions, output: outputOption },
  async run(options, io) {
    await using session = await openSession(findLattice(options, io));
    const rows = await listConnections(session.connection.nats, session.lattice, io.env);
    printRows(rows, columns, options, io, `Nobody is connected to the lattice "${session.lattice}".`);
    return 0;
  },
};
