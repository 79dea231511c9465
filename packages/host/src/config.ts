import { assertToken } from '@muster/lattice';
import type { ConnectRetryOptions } from '@muster/lattice';
import type { HttpLimits } from '@muster/providers';
import { SpiffeId, TrustDomain } from '@muster/spiffe';
import { HostError } from './errors.ts';

/** Defaults for every component; a scale command may lower memory and time, never raise them. */
export interface ComponentDefaults {
  /** Linear memory of one instance in bytes, default 256 MiB. */
  readonly memoryBytes: number;
  /** Time for one call in milliseconds, default 30 s. */
  readonly deadlineMs: number;
  /** Instances of one component at once, default 16; a larger `count` is accepted and served by this many. */
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
  /** The trust domain of the host and of all that it meets. */
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
  /** Audience of the JWT-SVIDs shown to NATS: the callout's SPIFFE ID. Default `spiffe://<trust domain>/callout`. */
  readonly audience?: string;
  /** Path under which the SPIFFE IDs of NATS servers lie, default `/nats/`. */
  readonly natsServerPath?: string;
  /** Labels beside those that a host finds out itself. Default none. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Folders from which `file://` artifacts may be loaded, default none. */
  readonly allowFileFrom?: readonly string[];
  /** Default 128 MiB. */
  readonly maxArtifactBytes?: number;
  /** Default 30 s; others forget a host after 70 s of silence. */
  readonly heartbeatIntervalMs?: number;
  /** How long the first X.509-SVID may take, default 30 s. */
  readonly identityTimeoutMs?: number;
  /** Pace of connection attempts. `attempts` bounds only the first connection; after a loss a host never gives up. */
  readonly retry?: ConnectRetryOptions;
  /** Limits of components, see below. */
  readonly componentDefaults?: Partial<ComponentDefaults>;
  /** Limits of HTTP listeners, see below. `idleTimeoutMs` is never less than the deadline and 30 s more unless given. */
  readonly httpLimits?: Partial<HttpLimits>;
  /** JSON lines file for audit records; they are published on NATS in any case. */
  readonly auditFile?: string;
}

/** A configuration with every default filled in and every name checked. */
export interface ResolvedHostConfig {
  readonly lattice: string;
  readonly trustDomain: TrustDomain;
  readonly name: string;
  readonly servers: readonly string[];
  readonly workloadApi: string;
  readonly delegatedApi: string | undefined;
  readonly spiffeId: SpiffeId;
  readonly audience: string;
  readonly natsServerPath: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly allowFileFrom: readonly string[];
  readonly maxArtifactBytes: number;
  readonly heartbeatIntervalMs: number;
  readonly identityTimeoutMs: number;
  readonly retry: ConnectRetryOptions;
  readonly componentDefaults: ComponentDefaults;
  readonly httpLimits: Partial<HttpLimits>;
  readonly auditFile: string | undefined;
}

const componentDefaults: ComponentDefaults = {
  memoryBytes: 256 * 1024 * 1024,
  deadlineMs: 30_000,
  maxInstances: 16,
  instancePolicy: 'reuse',
  workers: 1,
};

/** Fills in defaults. Throws HostError `ERR_HOST_CONFIG_INVALID`. */
export function resolveHostConfig(config: HostConfig): ResolvedHostConfig {
  try {
    return resolve(config);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : 'unknown';
    throw new HostError('ERR_HOST_CONFIG_INVALID', `Cannot start a host: ${reason}`, { cause });
  }
}

function resolve(config: HostConfig): ResolvedHostConfig {
  const { lattice, name } = config;
  assertToken('lattice', lattice);
  if (config.servers.length === 0) {
    throw new Error('at least one NATS address must be given');
  }
  const trustDomain = TrustDomain.parse(config.trustDomain);
  const ownPath = SpiffeId.fromSegments(trustDomain, 'lattice', lattice, 'host', name);
  const spiffeId = config.spiffeId === undefined ? ownPath : SpiffeId.parse(config.spiffeId);
  if (!spiffeId.isMemberOf(trustDomain)) {
    throw new Error(`"${spiffeId.toString()}" must belong to trust domain "${trustDomain.name}"`);
  }
  return {
    lattice,
    trustDomain,
    name,
    servers: config.servers,
    workloadApi: config.workloadApi,
    delegatedApi: config.delegatedApi,
    spiffeId,
    audience: config.audience ?? SpiffeId.fromSegments(trustDomain, 'callout').toString(),
    natsServerPath: config.natsServerPath ?? '/nats/',
    labels: config.labels ?? {},
    allowFileFrom: config.allowFileFrom ?? [],
    maxArtifactBytes: positive('maxArtifactBytes', config.maxArtifactBytes ?? 128 * 1024 * 1024),
    heartbeatIntervalMs: positive('heartbeatIntervalMs', config.heartbeatIntervalMs ?? 30_000),
    identityTimeoutMs: positive('identityTimeoutMs', config.identityTimeoutMs ?? 30_000),
    retry: config.retry ?? {},
    componentDefaults: { ...componentDefaults, ...config.componentDefaults },
    httpLimits: config.httpLimits ?? {},
    auditFile: config.auditFile,
  };
}

function positive(name: string, value: number): number {
  if (!Number.isSafeInteger(value) || value <= 0) {
    throw new Error(`${name} must be a positive whole number`);
  }
  return value;
}
