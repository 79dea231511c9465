import { formatUptime } from '@muster/lattice';
import type { HostInventory, HostPing } from '@muster/lattice';
import type { RunningComponent } from './component/running.ts';
import { HTTP_SERVER_ID } from './links/http-links.ts';

/** Version of the host as others see it; must be a semantic version. */
export const HOST_VERSION = '0.1.0';

/** What does not change while a host runs. */
export interface HostFacts {
  readonly id: string;
  readonly friendlyName: string;
  readonly lattice: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly startedAt: number;
  /** First NATS address. */
  readonly server: string;
}

/** Everything about a host, as host.get and the heartbeat carry it (v1 3.1). */
export function hostInventory(
  facts: HostFacts,
  components: readonly RunningComponent[],
  now: number,
): HostInventory {
  const uptimeSeconds = Math.max(0, Math.floor((now - facts.startedAt) / 1000));
  return {
    components: components.map(({ plan }) => ({
      id: plan.id,
      image_ref: plan.reference,
      annotations: plan.annotations,
      revision: 0,
      max_instances: plan.count,
      limits: plan.limits ?? null,
    })),
    providers: [{ id: HTTP_SERVER_ID, image_ref: HTTP_SERVER_ID, revision: 0, annotations: {} }],
    host_id: facts.id,
    friendly_name: facts.friendlyName,
    labels: facts.labels,
    version: HOST_VERSION,
    uptime_human: formatUptime(uptimeSeconds),
    uptime_seconds: uptimeSeconds,
  };
}

/** What host.ping answers (v1 1.3). */
export function hostPing(facts: HostFacts, now: number): HostPing {
  const uptimeSeconds = Math.max(0, Math.floor((now - facts.startedAt) / 1000));
  return {
    id: facts.id,
    friendly_name: facts.friendlyName,
    labels: facts.labels,
    lattice: facts.lattice,
    uptime_seconds: uptimeSeconds,
    uptime_human: formatUptime(uptimeSeconds),
    version: HOST_VERSION,
    ctl_host: facts.server,
    rpc_host: facts.server,
  };
}
