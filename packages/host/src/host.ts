import type { Clock, Logger } from '@muster/lattice';
import type { HostConfig } from './config.ts';

/** A running host. */
export interface Host {
  /** Public nkey (`N…`), new at each start; it names the host on the wire and says nothing about trust. */
  readonly id: string;
  readonly spiffeId: string;
  /** True while the host has a valid identity and has not been stopped. */
  isServing(): boolean;
  /** Settles when the host has stopped, by `stop()` or by a `host.stop` message. */
  readonly stopped: Promise<void>;
  /** Drains requests, publishes `host_stopped`, closes connections and workers. */
  stop(): Promise<void>;
}

/** What a host needs from its surroundings. */
export interface HostDeps {
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Fetches the host's X.509-SVID, connects `ctl` and then `rpc`, and serves. Throws HostError. */
export async function startHost(config: HostConfig, deps: HostDeps): Promise<Host> {
  throw new Error(`not written yet: ${config.name} ${String(deps.clock.now())}`);
}
