import { realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { createAuditLog, type AuditLog, type Clock, type Logger } from '@muster/lattice';
import { DELEGATED_IDENTITY_SERVICE, WORKLOAD_API_SERVICE } from '@muster/spiffe/wire';
import { ExpectedChildren } from './attestation/expected-children.ts';
import { loadLibc, type Libc } from './attestation/libc.ts';
import type { AttestationMode } from './attestation/peer.ts';
import { testAttestation } from './attestation/self-test.ts';
import { WorkloadAttestor } from './attestation/workload-attestor.ts';
import { CertificateAuthority } from './ca/certificate-authority.ts';
import { parseConfig, type AuthorityConfig, type Settings } from './config.ts';
import { CallGate } from './endpoints/call-gate.ts';
import { delegatedIdentity } from './endpoints/delegated-identity.ts';
import { Endpoint } from './endpoints/endpoint.ts';
import { Journal } from './endpoints/journal.ts';
import { RateLimiter } from './endpoints/rate-limiter.ts';
import type { ServiceContext } from './endpoints/service-context.ts';
import { workloadApi } from './endpoints/workload-api.ts';
import { isComponentEntry, isServableComponentEntry } from './entries/component-entry.ts';
import { readEntriesFile } from './entries/entries-file.ts';
import { EntryStore } from './entries/entry-store.ts';
import type { RegistrationEntry, StoredEntry } from './entries/registration-entry.ts';
import { AuthorityError } from './errors.ts';

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
  readonly attestation: AttestationMode;
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
  /** Gets each audit record as a JSON line, to pass on. */
  readonly publishAudit?: ((record: Uint8Array) => void) | undefined;
}

/**
 * Starts an authority: keys in memory, both sockets open, ready for callers when the promise resolves. From then on
 * this process adopts the orphans among its descendants, so that each of them stays known as one. Throws
 * ERR_CONFIG_INVALID, ERR_ENTRY_INVALID, ERR_ENTRIES_FILE, ERR_ATTESTATION_UNAVAILABLE, ERR_SOCKET_PATH, ERR_SOCKET_IN_USE.
 */
export async function startAuthority(
  config: AuthorityConfig,
  dependencies: AuthorityDependencies,
): Promise<Authority> {
  const settings = parseConfig(config);
  const entries = loadEntries(settings, dependencies);
  const libc = await loadLibc();
  const mode = await testAttestation(libc);
  // A descendant must not become a stranger by letting its parent end.
  libc.adoptOrphans();
  const audit = createAuditLog({
    service: 'authority',
    clock: dependencies.clock,
    ...(settings.auditFile === undefined ? {} : { file: settings.auditFile }),
    ...(dependencies.publishAudit === undefined ? {} : { publish: dependencies.publishAudit }),
  });
  const service = new AuthorityService(settings, dependencies, entries, libc, mode, audit);
  try {
    await service.start();
  } catch (error) {
    await service.stop();
    throw error;
  }
  return service;
}

class AuthorityService implements Authority {
  readonly trustDomain: string;
  readonly entries: AuthorityEntries;
  readonly #settings: Settings;
  readonly #logger: Logger;
  readonly #store: EntryStore;
  readonly #libc: Libc;
  readonly #mode: AttestationMode;
  readonly #audit: AuditLog;
  readonly #children: ExpectedChildren;
  readonly #ca: CertificateAuthority;
  readonly #gate: CallGate;
  readonly #context: ServiceContext;
  #endpoints: readonly Endpoint[] = [];
  #state: AuthorityHealth['state'] = 'paused';
  // pause, resume and stop run one after the other, whoever calls them.
  #turn: Promise<void> = Promise.resolve();

  constructor(
    settings: Settings,
    { logger, clock }: AuthorityDependencies,
    store: EntryStore,
    libc: Libc,
    mode: AttestationMode,
    audit: AuditLog,
  ) {
    const { trustDomain, caTtlMs, x509SvidTtlMs, jwtSvidTtlMs } = settings;
    this.trustDomain = trustDomain.name;
    this.entries = entriesOf(store, logger, settings);
    this.#settings = settings;
    this.#logger = logger;
    this.#store = store;
    this.#libc = libc;
    this.#mode = mode;
    this.#audit = audit;
    this.#children = new ExpectedChildren(libc);
    this.#ca = new CertificateAuthority({ trustDomain, caTtlMs, logger, clock });
    const attestor = new WorkloadAttestor({
      libc,
      mode,
      children: this.#children,
      isDigestWanted: () => store.usesSelector('unix', 'sha256:'),
    });
    const journal = new Journal(audit, logger);
    const now = (): number => clock.now();
    this.#gate = new CallGate(attestor, new RateLimiter(settings.callsPerSecond, now), journal);
    this.#context = {
      trustDomain,
      ca: this.#ca,
      entries: store,
      gate: this.#gate,
      journal,
      clock,
      x509SvidTtlMs,
      jwtSvidTtlMs,
      random: Math.random,
    };
  }

  async start(): Promise<void> {
    const { workloadApiSocket, delegatedSocket, authorizedDelegates } = this.#settings;
    const add = (path: string, name: string, service: ReturnType<typeof workloadApi>): void => {
      const onError = (error: unknown, call: { path: string }): void =>
        this.#logger.error('call failed', { method: call.path, error });
      this.#endpoints = [
        ...this.#endpoints,
        new Endpoint({ path, services: { [name]: service }, libc: this.#libc, onError }),
      ];
    };
    if (delegatedSocket !== undefined) assertApart(workloadApiSocket, delegatedSocket);
    add(workloadApiSocket, WORKLOAD_API_SERVICE, workloadApi(this.#context));
    if (delegatedSocket !== undefined) {
      const context = { ...this.#context, authorizedDelegates };
      add(delegatedSocket, DELEGATED_IDENTITY_SERVICE, delegatedIdentity(context));
    }
    await this.#open();
    this.#ca.start();
    this.#logger.info('authority serving', { trustDomain: this.trustDomain, attestation: this.#mode });
  }

  bundle(): string {
    return this.#ca.bundle();
  }

  expectChild(name: string, pid: number): void {
    if (this.#state === 'stopped') throw stopped();
    this.#children.expect(name, pid);
  }

  forgetChild(name: string): void {
    this.#children.forget(name);
  }

  pause(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#state === 'stopped') throw stopped();
      if (this.#state === 'paused') return;
      this.#state = 'paused';
      await Promise.all(this.#endpoints.map((endpoint) => endpoint.close()));
      this.#logger.info('authority paused', {});
    });
  }

  resume(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#state === 'stopped') throw stopped();
      if (this.#state === 'serving') return;
      await this.#open();
      this.#logger.info('authority resumed', {});
    });
  }

  health(): AuthorityHealth {
    return {
      state: this.#state,
      attestation: this.#mode,
      trustDomain: this.trustDomain,
      entries: this.#store.size,
      openStreams: this.#gate.openStreams,
      bundleSequence: this.#ca.sequence,
      caExpiresAt: this.#ca.x509ExpiresAt,
      jwtKeyExpiresAt: this.#ca.jwtExpiresAt,
    };
  }

  stop(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#state === 'stopped') return;
      this.#state = 'stopped';
      this.#ca.stop();
      await Promise.all(this.#endpoints.map((endpoint) => endpoint.release()));
      this.#children.close();
      this.#audit.close();
      this.#logger.info('authority stopped', {});
    });
  }

  async #open(): Promise<void> {
    try {
      for (const endpoint of this.#endpoints) await endpoint.open();
      this.#state = 'serving';
    } catch (error) {
      await Promise.all(this.#endpoints.map((endpoint) => endpoint.close()));
      throw error;
    }
  }

  #inTurn(run: () => Promise<void>): Promise<void> {
    const result = this.#turn.then(run);
    this.#turn = result.catch(() => {});
    return result;
  }
}

function loadEntries(settings: Settings, { logger, clock }: AuthorityDependencies): EntryStore {
  const store = new EntryStore(settings.trustDomain, () => clock.now());
  const { entriesFile } = settings;
  const initial = entriesFile === undefined ? settings.entries : readEntriesFile(entriesFile);
  for (const entry of initial) warnAbout(store.create(entry), logger, settings);
  return store;
}

function entriesOf(store: EntryStore, logger: Logger, settings: Settings): AuthorityEntries {
  return {
    list: () => store.list(),
    create: (entry) => warnAbout(store.create(entry), logger, settings),
    update: (entry) => warnAbout(store.update(entry), logger, settings),
    delete: (id) => store.delete(id),
  };
}

function warnAbout(entry: StoredEntry, logger: Logger, settings: Settings): StoredEntry {
  const fields = { entryId: entry.id, spiffeId: entry.spiffe_id };
  if (isComponentEntry(entry) && !isServableComponentEntry(entry)) {
    logger.warn(
      'entry never served: a component entry states each required wasm selector once and no other type',
      fields,
    );
  }
  if (entry.federates_with.length > 0)
    logger.warn('entry federates with a trust domain that has no bundle here', fields);
  if (entry.x509_svid_ttl * 1000 > settings.caTtlMs / 6) {
    logger.warn('entry asks for a longer life than the CA can always give', fields);
  }
  return entry;
}

function assertApart(socket: string, other: string): void {
  const folder = (path: string): string => {
    try {
      return realpathSync(dirname(path));
    } catch {
      return dirname(path);
    }
  };
  if (folder(socket) === folder(other)) {
    throw new AuthorityError(
      'ERR_CONFIG_INVALID',
      'Cannot start the authority: delegatedSocket: it must be in another directory than workloadApiSocket',
    );
  }
}

function stopped(): AuthorityError {
  return new AuthorityError('ERR_AUTHORITY_STOPPED', 'Cannot use the authority: it is stopped');
}
