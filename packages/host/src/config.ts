import type { RetryOptions } from '@muster/spiffe';
import type { HttpLimits } from '@muster/providers';

/** Defaults for every component; a scale command may lower memory and time, never raise them. */
export interface ComponentDefaults {
  /** Linear memory of one instance in bytes, default 256 MiB. */
  readonly memoryBytes: number;
  /** Time for one call in milliseconds, default 30 s. */
  readonly deadlineMs: number;
  /** Instances of one component at once, default 64; a larger `count` is accepted and served by this many. */
  readonly maxInstances: number;
  /** `reuse` keeps instances between calls, `fresh` makes one per call. Default `reuse`. */
  readonly instancePolicy: 'reuse' | 'fresh';
  /** Worker threads per component, default 1. */
  readonly workers: number;
}

/** Everything a host needs to know. */
export interface HostConfig {
  /** A single NATS token. */
  readonly lattice: string;
  readonly trustDomain: string;
  /** Last segment of the host's SPIFFE ID, and its friendly name. */
  readonly name: string;
  /** NATS addresses, `tls://host:port` or `host:port`. */
  readonly servers: readonly string[];
  /** Address of the Workload API, `unix:///path`. */
  readonly workloadApi: string;
  /** Address of the Delegated Identity API; without it no component has an identity. */
  readonly delegatedApi?: string;
  /** Default `spiffe://<trust domain>/lattice/<lattice>/host/<name>`. */
  readonly spiffeId?: string;
  /** Audience of the tokens shown to NATS: the callout's SPIFFE ID. Default `spiffe://<trust domain>/callout`. */
  readonly audience?: string;
  /** Path under which the SPIFFE IDs of NATS servers lie, default `/nats/`. */
  readonly natsServerPath?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Folders from which `file://` artifacts may be loaded, default none. */
  readonly allowFileFrom?: readonly string[];
  /** Default 128 MiB. */
  readonly maxArtifactBytes?: number;
  /** Default 30 s; others forget a host after 70 s of silence. */
  readonly heartbeatIntervalMs?: number;
  /** Back-off of every connection attempt, for the first connection and after a loss. */
  readonly retry?: RetryOptions;
  readonly componentDefaults?: Partial<ComponentDefaults>;
  readonly httpLimits?: Partial<HttpLimits>;
  /** JSON lines file for audit records; they are published on NATS in any case. */
  readonly auditFile?: string;
}
