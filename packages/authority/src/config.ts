import type { RegistrationEntry } from './entries/registration-entry.ts';

/** Everything that can be chosen about an authority. Unknown keys are errors. */
export interface AuthorityConfig {
  /** The name of the trust domain, `muster.internal`. */
  readonly trustDomain: string;
  /** Absolute path of the Workload API's socket, in a directory of mode 0700 that the caller made. */
  readonly workloadApiSocket: string;
  /** Absolute path of the Delegated Identity API's socket, in another such directory; absent: not served. */
  readonly delegatedSocket?: string;
  /** The registration entries to begin with; not together with `entriesFile`. */
  readonly entries?: readonly RegistrationEntry[];
  /** A file `{"entries":[...]}` in SPIRE's format, read once at start. */
  readonly entriesFile?: string;
  /** SPIFFE IDs that may use the Delegated Identity API; default none. */
  readonly authorizedDelegates?: readonly string[];
  /** Life of an X.509-SVID; default 3,600,000. */
  readonly x509SvidTtlMs?: number;
  /** Life of a JWT-SVID; default 300,000. */
  readonly jwtSvidTtlMs?: number;
  /** Life of the CA and of the JWT key, at least twice that of an SVID; default 86,400,000. */
  readonly caTtlMs?: number;
  /** Where to append audit records as JSON lines; default nowhere. */
  readonly auditFile?: string;
  /** Calls per second that one caller may make, with a burst of twice as many; default 200. */
  readonly callsPerSecond?: number;
}
