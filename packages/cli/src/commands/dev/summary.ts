import type { RegistrationEntry } from '@muster/authority';
import { formatDuration } from '../../duration.ts';
import type { ConnectionRow } from '../../lattice/connections.ts';
import { type Column, renderTable } from '../../terminal/table.ts';
import { type DevIdentities, hostName } from './identities.ts';

/** One part of a running lattice, as the table after the start shows it. */
export interface PartRow {
  readonly part: string;
  readonly spiffeId: string;
  readonly attestedBy: string;
  readonly account: string;
  /** Undefined when the part has asked for no SVID yet, or another provider gave it. */
  readonly expiresAt: number | undefined;
}

export interface SummaryFacts {
  readonly identities: DevIdentities;
  /** Empty when another provider attests. */
  readonly entries: readonly RegistrationEntry[];
  readonly connections: readonly ConnectionRow[];
  /** Ids of the components that run. */
  readonly running: readonly string[];
  readonly authority: { readonly caExpiresAt: number; readonly attestation: string } | undefined;
  expiresAt(spiffeId: string): number | undefined;
}

/** One row per part, from the authority down to the person. */
export function partRows(facts: SummaryFacts): readonly PartRow[] {
  const { identities, authority } = facts;
  const row = (part: string, spiffeId: string, account?: string): PartRow => ({
    part,
    spiffeId,
    attestedBy: attestation(facts, spiffeId),
    account:
      account ?? facts.connections.find((connection) => connection.spiffeId === spiffeId)?.account ?? '-',
    expiresAt: facts.expiresAt(spiffeId),
  });
  return [
    ...(authority === undefined
      ? []
      : [
          {
            ...row('authority', identities.authority),
            attestedBy: 'root of trust',
            expiresAt: authority.caExpiresAt,
          },
        ]),
    row('nats-server', identities.nats),
    row('callout', identities.callout, 'AUTH'),
    ...identities.hosts.map((id, index) => row(hostName(index), id)),
    ...facts.running.map((id) => row(id, identities.components[id] ?? '-')),
    row('you', identities.operator),
  ];
}

/** The selectors of the entry by which a part got its identity. */
function attestation({ entries, authority }: SummaryFacts, spiffeId: string): string {
  const entry = entries.find(({ spiffe_id }) => spiffe_id === spiffeId);
  if (entry === undefined) return 'its provider';
  const isComponent = entry.selectors.every(({ type }) => type === 'wasm');
  if (isComponent) return 'digest, id, app, lattice, host';
  const texts = entry.selectors.map(({ value }) => value.replace(':', ' '));
  return `${texts.join(', ')} (${authority?.attestation === 'pidfd' ? 'pidfd' : 'pid'})`;
}

/**
 * What `muster dev` prints when everything runs: a table, or three lines per part where the table does not fit into
 * `width` columns.
 */
export function renderSummary(
  rows: readonly PartRow[],
  now: number,
  width: number = Number.POSITIVE_INFINITY,
): string {
  const table = renderTable(columnsAt(now), rows);
  const isFitting = table.split('\n').every((line) => line.length <= width);
  return isFitting ? table : rows.map((row) => stacked(row, now)).join('');
}

function columnsAt(now: number): readonly Column<PartRow>[] {
  return [
    { heading: 'PART', cell: ({ part }) => part },
    { heading: 'SPIFFE ID', cell: ({ spiffeId }) => spiffeId },
    { heading: 'ATTESTED BY', cell: ({ attestedBy }) => attestedBy },
    { heading: 'ACCOUNT', cell: ({ account }) => account },
    { heading: 'EXPIRES', cell: (row) => expiry(row, now) },
  ];
}

function stacked(row: PartRow, now: number): string {
  const account = row.account === '-' ? [] : [`account ${row.account}`];
  const facts = [`by ${row.attestedBy}`, ...account, `expires ${expiry(row, now)}`];
  return `${row.part}\n  ${row.spiffeId}\n  ${facts.join(' · ')}\n`;
}

function expiry({ expiresAt }: PartRow, now: number): string {
  return expiresAt === undefined ? 'on request' : `in ${formatDuration(expiresAt - now)}`;
}
