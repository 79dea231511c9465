import type { Clock, Logger } from '@muster/lattice';
import type { HostConfig } from './config.ts';
import { hostParts } from './host-parts.ts';
import { runHost } from './run-host.ts';

/** A running host. */
export interface Host {
  /** Public nkey (`N…`), new at each start; it names the host on the wire and says nothing about trust. */
  readonly id: string;
  readonly spiffeId: string;
  /** True while the host has a valid identity and has not been stopped. */
  isServing(): boolean;
  /** Resolves when the host has stopped, by `stop()` or by a `host.stop` message. */
  readonly stopped: Promise<void>;
  /** Drains requests, publishes `host_stopped`, closes connections and workers. */
  stop(): Promise<void>;
}

/** What a host needs from its surroundings. */
export interface HostDeps {
  readonly logger: Logger;
  readonly clock: Clock;
  /** Aborts the start, which otherwise may wait for the lattice without end. A host that has started is stopped by `stop()`. */
  readonly signal?: AbortSignal;
}

/**
 * Fetches the host's X.509-SVID, connects `ctl` and then `rpc`, and serves. While the identity is missing the host
 * answers 503 and has no connections; it comes back by itself. Throws HostError `ERR_HOST_*`, and the reason of `signal`.
 */
export function startHost(config: HostConfig, deps: HostDeps): Promise<Host> {
  return runHost(config, deps, hostParts);
}
