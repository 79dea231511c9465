import { assertToken } from '@muster/lattice';
import { TrustDomain } from '@muster/spiffe';
import { CalloutError } from './errors.ts';
import { MAX_USER_TTL_MS } from './rule-document.ts';
import type { RuleDocument } from './rule-document.ts';

/** Seeds as ASCII bytes. They are copied into guarded memory at start; fill yours with zeros afterwards. */
export interface CalloutKeys {
  /** `SA...`: signs user JWTs. Whoever holds it owns every account. */
  readonly issuerSeed: Uint8Array;
  /** `SX...`: opens requests and seals answers. */
  readonly xkeySeed: Uint8Array;
  /** `SU...`: the callout's own login in the account AUTH. */
  readonly userSeed: Uint8Array;
}

export interface CalloutConfig {
  /** nats-server addresses, `tls://host:port`. */
  readonly servers: readonly string[];
  /** The trust domain that clients must be of. */
  readonly trustDomain: string;
  /** Name of the lattice, one NATS token. */
  readonly lattice: string;
  /** `defaultRules({ trustDomain, lattice })` or a document of one's own. */
  readonly rules: RuleDocument;
  /** Path prefix of the servers' SPIFFE IDs. Default `/nats/`. */
  readonly natsServerPath?: string;
  /** `unix:///...` of the SPIFFE Workload API; bundles come from there. */
  readonly workloadApi: string;
  /** The three seeds. */
  readonly keys: CalloutKeys;
  /** Audience that JWT-SVIDs must have: the callout's own SPIFFE ID. Default `spiffe://<trust domain>/callout`. */
  readonly audience?: string;
  /** Life of a connection; rules may shorten it. 1 000 to 3 600 000, default 3 600 000. */
  readonly userTtlMs?: number;
  /** File of the audit log; without it records go to NATS only. */
  readonly auditFile?: string;
  /** Writes to the audit file; default `fs.writeSync`. */
  readonly auditWrite?: (fd: number, bytes: Uint8Array) => number;
  /** Requests waiting at once before further ones are dropped. Default 4 000. */
  readonly maxInFlight?: number;
  /** Longest JWT-SVID that is looked at. Default 8 192 characters. */
  readonly maxTokenLength?: number;
  /** Clock difference that is tolerated in requests and JWT-SVIDs. Default 1 000. */
  readonly leewayMs?: number;
  /** Verified JWT-SVIDs to remember until they expire or a bundle changes. Default 0: none. */
  readonly tokenCacheSize?: number;
  /** Event-loop delay from which this instance leaves the queue group. Default 1 000. */
  readonly maxLagMs?: number;
}

/** A request that waited this long is close to the server's own limit (3 s with TLS). */
export const MAX_WAIT_MS = 2_000;

export type CheckedConfig = Required<Omit<CalloutConfig, 'auditFile' | 'auditWrite' | 'keys' | 'rules'>>;

/** Fills in defaults. Throws ERR_CALLOUT_CONFIG. */
export function checkConfig(config: CalloutConfig): CheckedConfig {
  const trustDomain = TrustDomain.parse(config.trustDomain);
  return {
    servers: config.servers,
    trustDomain: trustDomain.name,
    lattice: assertToken('lattice', config.lattice),
    natsServerPath: config.natsServerPath ?? '/nats/',
    workloadApi: config.workloadApi,
    audience: config.audience ?? `${trustDomain.id}/callout`,
    userTtlMs: integer('userTtlMs', config.userTtlMs ?? MAX_USER_TTL_MS, 1_000, MAX_USER_TTL_MS),
    maxInFlight: integer('maxInFlight', config.maxInFlight ?? 4_000, 1, 1_000_000),
    maxTokenLength: integer('maxTokenLength', config.maxTokenLength ?? 8_192, 256, 65_536),
    leewayMs: integer('leewayMs', config.leewayMs ?? 1_000, 0, 60_000),
    tokenCacheSize: integer('tokenCacheSize', config.tokenCacheSize ?? 0, 0, 100_000),
    maxLagMs: integer('maxLagMs', config.maxLagMs ?? 1_000, 50, 60_000),
  };
}

function integer(name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new CalloutError(
    'ERR_CALLOUT_CONFIG',
    `Cannot start callout: "${name}" must be an integer from ${min} to ${max}`,
  );
}
