import type { Clock, Logger } from '@muster/lattice';
import type { AuthorityConfig } from './config.ts';
import type { RegistrationEntry, StoredEntry } from './entries/registration-entry.ts';

/** Registration entries of a running authority. Each change reaches open streams at once. */
export interface AuthorityEntries {
  /** All entries, ordered by id. */
  list(): readonly StoredEntry[];
  /** Adds an entry and returns it with its id. Throws ERR_ENTRY_INVALID, ERR_ENTRY_EXISTS. */
  create(entry: RegistrationEntry): StoredEntry;
  /** Replaces the entry of the same id and raises its revision. Throws ERR_ENTRY_INVALID, ERR_ENTRY_NOT_FOUND. */
  update(entry: RegistrationEntry): StoredEntry;
  /** Removes an entry; its holders' streams end as withdrawn. Throws ERR_ENTRY_NOT_FOUND. */
  delete(id: string): void;
}

/** What an authority says about itself. */
export interface AuthorityHealth {
  readonly state: 'serving' | 'paused' | 'stopped';
  /** How a caller is pinned: by a pidfd from the kernel, or on kernels before 6.5 by pid and start time. */
  readonly attestation: 'pidfd' | 'pid-start-time';
  readonly trustDomain: string;
  readonly entries: number;
  readonly openStreams: number;
  readonly bundleSequence: number;
  readonly caExpiresAt: number;
  readonly jwtKeyExpiresAt: number;
}

/** A running authority. */
export interface Authority {
  readonly trustDomain: string;
  /** The SPIFFE bundle of the trust domain as a JWKS document (Trust Domain and Bundle 4). */
  bundle(): string;
  /** Names a direct child of this process, which then has the selector `muster:child:<name>`. Throws ERR_CHILD_NOT_FOUND. */
  expectChild(name: string, pid: number): void;
  /** Forgets a child; unknown names are ignored. */
  forgetChild(name: string): void;
  readonly entries: AuthorityEntries;
  /** Closes both sockets and drops every stream; keys and entries stay. */
  pause(): Promise<void>;
  /** Opens the sockets again. */
  resume(): Promise<void>;
  health(): AuthorityHealth;
  /** Ends everything and leaves no socket behind; may be called twice. */
  stop(): Promise<void>;
}

/** What an authority needs from its surroundings. */
export interface AuthorityDependencies {
  readonly logger: Logger;
  readonly clock: Clock;
  /** Gets each audit record as a JSON line, to pass on; must not throw. */
  readonly publishAudit?: (record: Uint8Array) => void;
}

/** Starts an authority: keys in memory, both sockets open, ready for callers when the promise resolves. */
export async function startAuthority(
  _config: AuthorityConfig,
  _dependencies: AuthorityDependencies,
): Promise<Authority> {
  throw new Error('not yet');
}
