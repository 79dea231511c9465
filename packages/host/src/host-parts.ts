import { connectLattice, inboxPrefix } from '@muster/lattice';
import type { Clock, LatticeConnection, Logger } from '@muster/lattice';
import { startHttpServer } from '@muster/providers';
import { DelegatedIdentityClient } from '@muster/spiffe';
import { componentRuntime } from './component/running.ts';
import type { ComponentRuntime } from './component/running.ts';
import type { DelegatedIdentity } from './component/identity.ts';
import type { ResolvedHostConfig } from './config.ts';
import { openHostIdentity } from './session/identity.ts';
import type { HostIdentity } from './session/identity.ts';
import { openKvBucket } from './state/kv-bucket.ts';
import type { Bucket } from './state/bucket.ts';

/** Everything of a host that reaches out of the process, so that a test can put fakes in its place. */
export interface HostParts {
  readonly openIdentity: typeof openHostIdentity;
  readonly connect: (options: {
    readonly name: 'ctl' | 'rpc';
    readonly config: ResolvedHostConfig;
    readonly identity: HostIdentity;
    /** Bounds the attempts of the very first connection. */
    readonly isFirst: boolean;
    readonly signal: AbortSignal;
    readonly clock: Clock;
    readonly logger: Logger;
  }) => Promise<LatticeConnection>;
  readonly openBucket: (connection: LatticeConnection, name: string) => Promise<Bucket>;
  readonly openDelegate: (address: string) => DelegatedIdentity & { close(): Promise<void> };
  readonly runtime: ComponentRuntime;
  readonly startHttpServer: typeof startHttpServer;
}

/** The real parts. */
export const hostParts: HostParts = {
  openIdentity: openHostIdentity,
  connect: ({ name, config, identity, isFirst, signal, clock, logger }) =>
    connectLattice(
      {
        servers: config.servers,
        name,
        trustDomain: config.trustDomain,
        serverPath: config.natsServerPath,
        bundles: identity.bundles,
        fetchToken: (options) => identity.fetchToken(options),
        inboxPrefix: inboxPrefix(config.spiffeId.toString()),
        retry: isFirst ? config.retry : { ...config.retry, attempts: 0 },
        signal,
      },
      { clock, logger },
    ),
  openBucket: (connection, name) => openKvBucket(connection.nats, name),
  openDelegate: (address) => new DelegatedIdentityClient({ address }),
  runtime: componentRuntime,
  startHttpServer,
};
