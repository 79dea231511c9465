import { SpiffeId, TrustDomain } from '@muster/spiffe';
import type { RegistrationEntry } from './entries/registration-entry.ts';
import { AuthorityError } from './errors.ts';

/** Everything that can be chosen about an authority. Unknown keys are errors. */
export interface AuthorityConfig {
  /** The name of the trust domain, `muster.internal`. */
  readonly trustDomain: string;
  /** Absolute path of the Workload API's socket, in a directory of mode 0700 that the caller made. */
  readonly workloadApiSocket: string;
  /** Absolute path of the Delegated Identity API's socket, in another such directory; absent: not served. */
  readonly delegatedSocket?: string | undefined;
  /** The registration entries to begin with; not together with `entriesFile`. */
  readonly entries?: readonly RegistrationEntry[] | undefined;
  /** A file `{"entries":[...]}` in SPIRE's format, read once at start. */
  readonly entriesFile?: string | undefined;
  /** SPIFFE IDs that may use the Delegated Identity API; default none. */
  readonly authorizedDelegates?: readonly string[] | undefined;
  /** Life of an X.509-SVID; default 3,600,000. */
  readonly x509SvidTtlMs?: number | undefined;
  /** Life of a JWT-SVID; default 300,000. */
  readonly jwtSvidTtlMs?: number | undefined;
  /** Life of the CA and of the JWT key; SVIDs never outlive it, so six times theirs or more; default 86,400,000. */
  readonly caTtlMs?: number | undefined;
  /** Where to append audit records as JSON lines; default nowhere. */
  readonly auditFile?: string | undefined;
  /** Calls per second that one caller may make, with a burst of twice as many; default 500. */
  readonly callsPerSecond?: number | undefined;
}

/** The configuration after validation, defaults filled in. */
export interface Settings {
  readonly trustDomain: TrustDomain;
  readonly workloadApiSocket: string;
  readonly delegatedSocket: string | undefined;
  readonly entries: readonly RegistrationEntry[];
  readonly entriesFile: string | undefined;
  readonly authorizedDelegates: ReadonlySet<string>;
  readonly x509SvidTtlMs: number;
  readonly jwtSvidTtlMs: number;
  readonly caTtlMs: number;
  readonly auditFile: string | undefined;
  readonly callsPerSecond: number;
}

const WEEK_MS = 7 * 86_400_000;
const YEAR_MS = 366 * 86_400_000;

const KEYS: ReadonlySet<string> = new Set([
  'trustDomain',
  'workloadApiSocket',
  'delegatedSocket',
  'entries',
  'entriesFile',
  'authorizedDelegates',
  'x509SvidTtlMs',
  'jwtSvidTtlMs',
  'caTtlMs',
  'auditFile',
  'callsPerSecond',
]);

// Names that are valid SPIFFE trust domains but no host names: some certificate parsers refuse them in a URI.
const HOST_NAME = /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/;

/** Validates a configuration. Throws ERR_CONFIG_INVALID. */
export function parseConfig(config: AuthorityConfig): Settings {
  for (const key of Object.keys(config)) {
    if (!KEYS.has(key)) refuse(key, 'the key is unknown');
  }
  const trustDomain = readTrustDomain(config.trustDomain);
  if (config.entries !== undefined && config.entriesFile !== undefined) {
    refuse('entriesFile', 'only one of "entries" and "entriesFile" is allowed');
  }
  const settings = {
    trustDomain,
    workloadApiSocket: readString(config.workloadApiSocket, 'workloadApiSocket'),
    delegatedSocket: readOptionalString(config.delegatedSocket, 'delegatedSocket'),
    entries: readList(config.entries, 'entries'),
    entriesFile: readOptionalString(config.entriesFile, 'entriesFile'),
    authorizedDelegates: readDelegates(config.authorizedDelegates, trustDomain),
    x509SvidTtlMs: readNumber(config.x509SvidTtlMs ?? 3_600_000, 'x509SvidTtlMs', 2000, WEEK_MS),
    jwtSvidTtlMs: readNumber(config.jwtSvidTtlMs ?? 300_000, 'jwtSvidTtlMs', 2000, WEEK_MS),
    caTtlMs: readNumber(config.caTtlMs ?? 86_400_000, 'caTtlMs', 5000, 10 * YEAR_MS),
    auditFile: readOptionalString(config.auditFile, 'auditFile'),
    callsPerSecond: readNumber(config.callsPerSecond ?? 500, 'callsPerSecond', 1, 1_000_000),
  };
  if (settings.caTtlMs < Math.max(settings.x509SvidTtlMs, settings.jwtSvidTtlMs)) {
    refuse('caTtlMs', 'it must be at least as long as the lives of SVIDs');
  }
  return settings;
}

function refuse(key: string, reason: string, cause?: unknown): never {
  throw new AuthorityError('ERR_CONFIG_INVALID', `Cannot start the authority: ${key}: ${reason}`, { cause });
}

function readTrustDomain(value: unknown): TrustDomain {
  const name = readString(value, 'trustDomain');
  if (!HOST_NAME.test(name)) refuse('trustDomain', 'a lower-case name without empty labels is wanted');
  try {
    return TrustDomain.parse(name);
  } catch (error) {
    return refuse('trustDomain', 'it is not a trust domain', error);
  }
}

function readString(value: unknown, key: string): string {
  if (typeof value !== 'string' || value === '') refuse(key, 'a string is wanted');
  return value;
}

function readOptionalString(value: unknown, key: string): string | undefined {
  return value === undefined ? undefined : readString(value, key);
}

function readList<T>(value: readonly T[] | undefined, key: string): readonly T[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) refuse(key, 'a list is wanted');
  return value;
}

function readDelegates(value: readonly string[] | undefined, trustDomain: TrustDomain): ReadonlySet<string> {
  return new Set(
    readList(value, 'authorizedDelegates').map((text) => {
      let id: SpiffeId;
      try {
        id = SpiffeId.parse(text);
      } catch (error) {
        return refuse('authorizedDelegates', 'SPIFFE IDs are wanted', error);
      }
      if (!id.isMemberOf(trustDomain) || id.path === '') {
        refuse('authorizedDelegates', `SPIFFE IDs with a path in "${trustDomain.name}" are wanted`);
      }
      return id.toString();
    }),
  );
}

function readNumber(value: unknown, key: string, minimum: number, maximum: number): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < minimum || value > maximum) {
    refuse(key, `an integer from ${minimum} to ${maximum} is wanted`);
  }
  return value;
}
