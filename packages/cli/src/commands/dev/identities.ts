import type { RegistrationEntry } from '@muster/authority';
import { SpiffeId, TrustDomain } from '@muster/spiffe';
import type { DevOptions } from './options.ts';
import type { PreparedComponent } from './component.ts';

/** nats-server reads its certificate at start only, so that one lives longer than the others. */
export const SERVER_SVID_TTL_MS = 86_400_000;

/** Name of the one nats-server. */
export const SERVER_NAME = 'nats-1';

/** The SPIFFE IDs of all parts. */
export interface DevIdentities {
  readonly authority: string;
  readonly nats: string;
  readonly callout: string;
  readonly operator: string;
  /** In the order of the hosts' numbers. */
  readonly hosts: readonly string[];
  /** By component id. */
  readonly components: Readonly<Record<string, string>>;
}

export function hostName(index: number): string {
  return `host-${String(index + 1)}`;
}

/** Throws SpiffeError for names that cannot stand in a SPIFFE ID. */
export function devIdentities(options: DevOptions, components: readonly PreparedComponent[]): DevIdentities {
  const trustDomain = TrustDomain.parse(options.trustDomain);
  const id = (...segments: string[]): string => SpiffeId.fromSegments(trustDomain, ...segments).toString();
  const inLattice = (...segments: string[]): string => id('lattice', options.lattice, ...segments);
  return {
    authority: id('authority'),
    nats: id('nats', SERVER_NAME),
    callout: id('callout'),
    operator: id('operator', options.operator),
    hosts: Array.from({ length: options.hosts }, (_, index) => inLattice('host', hostName(index))),
    components: Object.fromEntries(
      components.map(({ id: name, application }) => [name, inLattice('app', application, 'component', name)]),
    ),
  };
}

/** The registration entries of a development lattice: each part by being the child of that name, people by not being one. */
export function devEntries(
  options: DevOptions,
  identities: DevIdentities,
  components: readonly PreparedComponent[],
  uid: number,
): readonly RegistrationEntry[] {
  const parent_id = identities.authority;
  const user = { type: 'unix', value: `uid:${String(uid)}` };
  const muster = (value: string): { type: string; value: string } => ({ type: 'muster', value });
  return [
    {
      spiffe_id: identities.nats,
      parent_id,
      selectors: [muster('child:nats'), user],
      x509_svid_ttl: (options.serverSvidTtlMs ?? SERVER_SVID_TTL_MS) / 1_000,
    },
    { spiffe_id: identities.callout, parent_id, selectors: [muster('child:callout'), user] },
    ...identities.hosts.map((spiffe_id, index) => ({
      spiffe_id,
      parent_id,
      selectors: [muster(`child:${hostName(index)}`), user],
    })),
    { spiffe_id: identities.operator, parent_id, selectors: [muster('external'), user] },
    { spiffe_id: identities.operator, parent_id, selectors: [muster('self'), user] },
    ...components.map((component) => componentEntry(options, identities, component)),
  ];
}

/** Only this file's bytes, under this id and application, on the first host of this lattice. */
export function componentEntry(
  options: Pick<DevOptions, 'lattice'>,
  identities: DevIdentities,
  component: Pick<PreparedComponent, 'digest' | 'id' | 'application'>,
): RegistrationEntry {
  const host = identities.hosts[0] ?? '';
  const wasm = (value: string): { type: string; value: string } => ({ type: 'wasm', value });
  return {
    spiffe_id: identities.components[component.id] ?? '',
    parent_id: host,
    selectors: [
      wasm(`component-digest:${component.digest}`),
      wasm(`component-id:${component.id}`),
      wasm(`app:${component.application}`),
      wasm(`lattice:${options.lattice}`),
      wasm(`host-id:${host}`),
    ],
  };
}
