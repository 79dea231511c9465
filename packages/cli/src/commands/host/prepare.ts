import type { Command } from '../../command.ts';
import { createAuditStream } from '../../lattice/audit-records.ts';
import { latticeOptions } from '../../lattice/options.ts';
import { findLattice, openSession } from '../../lattice/session.ts';

export const command: Command = {
  about:
    'Hosts may not create streams, so an operator does it, once for the store of a nats-server, before the first host is started.\n' +
    'What is there already stays as it is. "muster dev" does it by itself.',
  options: latticeOptions,
  async run(options, io) {
    const { createStateBuckets } = await import('@muster/host');
    await using session = await openSession(findLattice(options, io));
    const { connection, lattice } = session;
    await createAuditStream(connection.nats, lattice);
    await createStateBuckets(connection.nats, lattice);
    io.stdout.write(`The lattice "${lattice}" is ready for hosts.\n`);
    return 0;
  },
};
