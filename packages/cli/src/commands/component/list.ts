import type { ComponentDescription, HostInventory } from '@muster/lattice';
import { UNBOUNDED_COUNT } from '@muster/lattice';
import type { Command } from '../../command.ts';
import { latticeOptions } from '../../lattice/options.ts';
import { findLattice, openSession } from '../../lattice/session.ts';
import { outputOption, printRows } from '../../terminal/print-rows.ts';
import type { Column } from '../../terminal/table.ts';
import { listInventories } from '../host/list.ts';

/** One component on one host, as `-o json` shows it. */
export interface ComponentRow {
  readonly id: string;
  /** From the annotation `wasmcloud.dev/appspec`; null when the component belongs to none. */
  readonly application: string | null;
  readonly maxInstances: number;
  readonly reference: string;
  readonly hostName: string;
  readonly hostId: string;
  readonly annotations: Readonly<Record<string, string>>;
}

const columns: readonly Column<ComponentRow>[] = [
  { heading: 'COMPONENT', cell: ({ id }) => id },
  { heading: 'APPLICATION', cell: ({ application }) => application ?? '-' },
  { heading: 'HOST', cell: ({ hostName }) => hostName },
  {
    heading: 'INSTANCES',
    cell: ({ maxInstances }) => (maxInstances >= UNBOUNDED_COUNT ? 'unbounded' : String(maxInstances)),
  },
  { heading: 'REFERENCE', cell: ({ reference }) => reference },
];

export const command: Command = {
  options: { ...latticeOptions, output: outputOption },
  async run(options, io) {
    await using session = await openSession(findLattice(options, io));
    const hosts = await listInventories(session);
    const rows = hosts.flatMap((host) => host.components.map((component) => toRow(component, host)));
    const nothing = hosts.length === 0 ? 'No host answers' : 'No component runs';
    printRows(rows, columns, options, io, `${nothing} in the lattice "${session.lattice}".`);
    return 0;
  },
};

function toRow(component: ComponentDescription, host: HostInventory): ComponentRow {
  return {
    id: component.id,
    application: component.annotations['wasmcloud.dev/appspec'] ?? null,
    maxInstances: component.max_instances,
    reference: component.image_ref,
    hostName: host.friendly_name,
    hostId: host.host_id,
    annotations: component.annotations,
  };
}
