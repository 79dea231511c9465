import { SpiffeId } from '@muster/spiffe';
import type { CertificateAuthority } from '../ca/certificate-authority.ts';
import { renewAt } from '../ca/rotation.ts';
import type { IssuedX509Svid } from '../ca/x509-authority.ts';
import type { StoredEntry } from '../entries/registration-entry.ts';

interface Held {
  readonly entry: StoredEntry;
  readonly svid: IssuedX509Svid;
  readonly renewAt: number;
}

export interface HeldSvidsOptions {
  readonly ca: CertificateAuthority;
  readonly now: () => number;
  /** For entries that name no life of their own. */
  readonly defaultTtlMs: number;
  readonly random: () => number;
  /** Called before each new SVID becomes part of the state; throwing keeps it back. */
  readonly onIssue: (svid: IssuedX509Svid, entry: StoredEntry) => void;
}

/** The X.509-SVIDs of one stream: each is issued once, and anew at half of its life or when its entry changed. */
export class HeldSvids {
  readonly #options: HeldSvidsOptions;
  #held = new Map<string, Held>();

  constructor(options: HeldSvidsOptions) {
    this.#options = options;
  }

  /** Brings the held SVIDs in line with the entries; true when anything changed. */
  update(entries: readonly StoredEntry[]): boolean {
    const now = this.#options.now();
    const next = new Map<string, Held>();
    let isChanged = this.#held.size !== entries.length;
    for (const entry of entries) {
      const old = this.#held.get(entry.id);
      const isFresh = old?.entry === entry && now < old.renewAt && now >= old.svid.notBeforeAt;
      next.set(entry.id, isFresh ? old : this.#issue(entry, now));
      isChanged ||= !isFresh;
    }
    for (const old of this.#held.values()) {
      if (next.get(old.entry.id) !== old) old.svid.privateKey.fill(0);
    }
    this.#held = next;
    return isChanged;
  }

  /** In the order of the entries. */
  get all(): readonly { readonly svid: IssuedX509Svid; readonly entry: StoredEntry }[] {
    return [...this.#held.values()];
  }

  /** When the first SVID is due or the first entry expires; undefined when nothing is held. */
  get dueAt(): number | undefined {
    let dueAt: number | undefined;
    for (const held of this.#held.values()) {
      const expiresAt = held.entry.expires_at === 0 ? Number.POSITIVE_INFINITY : held.entry.expires_at * 1000;
      dueAt = Math.min(dueAt ?? Number.POSITIVE_INFINITY, held.renewAt, expiresAt);
    }
    return dueAt;
  }

  /** Overwrites the private keys. */
  wipe(): void {
    for (const { svid } of this.#held.values()) svid.privateKey.fill(0);
    this.#held.clear();
  }

  #issue(entry: StoredEntry, now: number): Held {
    const { ca, defaultTtlMs, random, onIssue } = this.#options;
    const id = SpiffeId.parse(entry.spiffe_id);
    const svid = ca.issueX509Svid(
      id,
      entry.dns_names,
      expiryOf(entry, now, entry.x509_svid_ttl, defaultTtlMs),
    );
    onIssue(svid, entry);
    return { entry, svid, renewAt: renewAt(now, svid.expiresAt, random()) };
  }
}

/** When an SVID ends: after the life its entry asks for, and never after the entry itself. */
export function expiryOf(entry: StoredEntry, now: number, ttlSeconds: number, defaultTtlMs: number): number {
  const expiresAt = now + (ttlSeconds === 0 ? defaultTtlMs : ttlSeconds * 1000);
  return entry.expires_at === 0 ? expiresAt : Math.min(expiresAt, entry.expires_at * 1000);
}
