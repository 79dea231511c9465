import type { HostInventory } from '@muster/lattice';
import type { Command } from '../../command.ts';
import { formatDuration } from '../../duration.ts';
import { latticeOptions } from '../../lattice/options.ts';
import { findLattice, openSession, type Session } from '../../lattice/session.ts';
import { outputOption, printRows } from '../../terminal/print-rows.ts';
import type { Column } from '../../terminal/table.ts';

/** One host, as `-o json` shows it. */
export interface HostRow {
  readonly id: string;
  readonly name: string;
  readonly lattice: string;
  readonly version: string;
  readonly uptimeMs: number;
  readonly components: number;
  readonly providers: number;
  readonly labels: Readonly<Record<string, string>>;
}

const columns: readonly Column<HostRow>[] = [
  { heading: 'NAME', cell: ({ name }) => name },
  { heading: 'HOST ID', cell: ({ id }) => id },
  { heading: 'VERSION', cell: ({ version }) => version },
  { heading: 'UPTIME', cell: ({ uptimeMs }) => formatDuration(uptimeMs) },
  { heading: 'COMPONENTS', cell: ({ components }) => String(components) },
  { heading: 'PROVIDERS', cell: ({ providers }) => String(providers) },
];

export const command: Command = {
  options: { ...latticeOptions, output: outputOption },
  async run(options, io) {
    await using session = await openSession(findLattice(options, io));
    const hosts = (await listInventories(session)).map((host) => toRow(host, session.lattice));
    printRows(hosts, columns, options, io, `No host answers in the lattice "${session.lattice}".`);
    return 0;
  },
};

/** The inventory of each host that answers, ordered by name. A host that goes away between two questions is left out. */
export async function listInventories(session: Session): Promise<readonly HostInventory[]> {
  const pings = await session.control.ping();
  const answers = await Promise.allSettled(pings.map(({ id }) => session.control.getHost(id)));
  return answers
    .flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
    .toSorted((a, b) => compare(a.friendly_name, b.friendly_name) || compare(a.host_id, b.host_id));
}

function toRow(host: HostInventory, lattice: string): HostRow {
  return {
    id: host.host_id,
    name: host.friendly_name,
    lattice,
    version: host.version,
    uptimeMs: host.uptime_seconds * 1_000,
    components: host.components.length,
    providers: host.providers.length,
    labels: host.labels,
  };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
