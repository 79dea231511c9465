import { randomUUID } from 'node:crypto';
import type { TrustDomain } from '@muster/spiffe';
import { AuthorityError } from '../errors.ts';
import { parseRegistrationEntry } from './parse-entry.ts';
import type { RegistrationEntry, StoredEntry } from './registration-entry.ts';
import { isContained, selectorKey } from './selector.ts';

const MAX_ENTRIES = 100_000;

/**
 * Registration entries in memory. Matching cost grows with the entries that share a selector with the caller, not
 * with all of them. Listeners run synchronously after each change.
 */
export class EntryStore {
  readonly #trustDomain: TrustDomain;
  readonly #now: () => number;
  // Insertion order is age: an update keeps its place.
  readonly #entries = new Map<string, StoredEntry>();
  readonly #order = new Map<string, number>();
  readonly #triples = new Map<string, string>();
  // Each entry stands under exactly one of its selectors, the one with the fewest entries when it came.
  readonly #index = new Map<string, Set<string>>();
  readonly #bucketOf = new Map<string, string>();
  readonly #kinds = new Map<string, number>();
  readonly #listeners = new Set<() => void>();
  #revision = 0;
  #nextOrder = 0;

  constructor(trustDomain: TrustDomain, now: () => number) {
    this.#trustDomain = trustDomain;
    this.#now = now;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Grows by one with each change of any entry. */
  get revision(): number {
    return this.#revision;
  }

  /** All entries, ordered by id. */
  list(): readonly StoredEntry[] {
    return [...this.#entries.values()].sort(byId);
  }

  /** Adds an entry; without an id it gets a random one. Throws ERR_ENTRY_INVALID, ERR_ENTRY_EXISTS. */
  create(input: RegistrationEntry): StoredEntry {
    const parsed = parseRegistrationEntry(input, this.#trustDomain);
    const id = parsed.id === '' ? randomUUID() : parsed.id;
    if (this.#entries.has(id)) throw exists(`an entry with id "${id}" is there already`);
    if (this.#entries.size >= MAX_ENTRIES) {
      throw new AuthorityError('ERR_ENTRY_INVALID', `Cannot accept entry: there are ${MAX_ENTRIES} already`);
    }
    this.#checkTriple(parsed, id);
    const created = parsed.created_at === 0 ? Math.floor(this.#now() / 1000) : parsed.created_at;
    const entry = deepFreeze({ ...parsed, id, created_at: created });
    this.#order.set(id, this.#nextOrder++);
    this.#add(entry);
    this.#changed();
    return entry;
  }

  /** Replaces the entry of the same id. Throws ERR_ENTRY_INVALID, ERR_ENTRY_NOT_FOUND, ERR_ENTRY_EXISTS. */
  update(input: RegistrationEntry): StoredEntry {
    const parsed = parseRegistrationEntry(input, this.#trustDomain);
    const old = this.#get(parsed.id);
    this.#checkTriple(parsed, old.id);
    const entry = deepFreeze({
      ...parsed,
      revision_number: old.revision_number + 1,
      created_at: old.created_at,
    });
    this.#remove(old);
    this.#add(entry);
    this.#changed();
    return entry;
  }

  /** Removes an entry. Throws ERR_ENTRY_NOT_FOUND. */
  delete(id: string): void {
    const entry = this.#get(id);
    this.#remove(entry);
    this.#order.delete(id);
    this.#changed();
  }

  /** The unexpired entries whose selectors are all among the given keys, ordered by id. */
  match(present: ReadonlySet<string>): readonly StoredEntry[] {
    const now = this.#now();
    const matches: StoredEntry[] = [];
    for (const key of present) {
      for (const id of this.#index.get(key) ?? []) {
        const entry = this.#entries.get(id) as StoredEntry;
        if (!isExpired(entry, now) && isContained(entry.selectors, present)) matches.push(entry);
      }
    }
    return matches.sort(byId);
  }

  /** Whether any entry has a selector of this type whose value begins so, `unix` and `sha256:`. */
  usesSelector(type: string, kind: string): boolean {
    return (this.#kinds.get(`${type}:${kind}`) ?? 0) > 0;
  }

  /** Removes every entry but the oldest of each hint; entries without a hint all stay. */
  withUniqueHints(entries: readonly StoredEntry[]): readonly StoredEntry[] {
    const keeper = new Map<string, StoredEntry>();
    for (const entry of entries) {
      const held = keeper.get(entry.hint);
      if (held === undefined || this.#isOlder(entry, held)) keeper.set(entry.hint, entry);
    }
    return entries.filter((entry) => entry.hint === '' || keeper.get(entry.hint) === entry);
  }

  /** Calls back after each change; returns the function that ends this. */
  onChange(listener: () => void): () => void {
    const own = (): void => listener();
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  #isOlder(entry: StoredEntry, other: StoredEntry): boolean {
    if (entry.created_at !== other.created_at) return entry.created_at < other.created_at;
    return (this.#order.get(entry.id) ?? 0) < (this.#order.get(other.id) ?? 0);
  }

  #get(id: string): StoredEntry {
    const entry = this.#entries.get(id);
    if (entry === undefined) {
      throw new AuthorityError('ERR_ENTRY_NOT_FOUND', `There is no entry with id ${JSON.stringify(id)}`);
    }
    return entry;
  }

  #checkTriple(entry: RegistrationEntry, id: string): void {
    const holder = this.#triples.get(triple(entry));
    if (holder !== undefined && holder !== id) {
      throw exists(`entry "${holder}" has the same SPIFFE ID, parent and selectors`);
    }
  }

  #add(entry: StoredEntry): void {
    this.#entries.set(entry.id, entry);
    this.#triples.set(triple(entry), entry.id);
    let bucket = '';
    let size = Number.POSITIVE_INFINITY;
    for (const selector of entry.selectors) {
      const key = selectorKey(selector);
      const count = this.#index.get(key)?.size ?? 0;
      if (count < size) [bucket, size] = [key, count];
      this.#countKind(selector, 1);
    }
    const ids = this.#index.get(bucket) ?? new Set();
    this.#index.set(bucket, ids.add(entry.id));
    this.#bucketOf.set(entry.id, bucket);
  }

  #remove(entry: StoredEntry): void {
    this.#entries.delete(entry.id);
    this.#triples.delete(triple(entry));
    const bucket = this.#bucketOf.get(entry.id) as string;
    const ids = this.#index.get(bucket);
    ids?.delete(entry.id);
    if (ids?.size === 0) this.#index.delete(bucket);
    this.#bucketOf.delete(entry.id);
    for (const selector of entry.selectors) this.#countKind(selector, -1);
  }

  #countKind(selector: { type: string; value: string }, step: number): void {
    const colon = selector.value.indexOf(':');
    const kind = `${selector.type}:${colon < 0 ? selector.value : selector.value.slice(0, colon + 1)}`;
    const count = (this.#kinds.get(kind) ?? 0) + step;
    if (count === 0) this.#kinds.delete(kind);
    else this.#kinds.set(kind, count);
  }

  #changed(): void {
    this.#revision++;
    for (const listener of this.#listeners) listener();
  }
}

/** Whether an entry is past its `expires_at`; 0 never is. */
export function isExpired(entry: StoredEntry, now: number): boolean {
  return entry.expires_at !== 0 && now >= entry.expires_at * 1000;
}

function byId(a: StoredEntry, b: StoredEntry): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

function triple(entry: RegistrationEntry): string {
  return JSON.stringify([entry.spiffe_id, entry.parent_id, entry.selectors.map(selectorKey).sort()]);
}

function exists(reason: string): AuthorityError {
  return new AuthorityError('ERR_ENTRY_EXISTS', `Cannot create entry: ${reason}`);
}

function deepFreeze(entry: Required<RegistrationEntry>): StoredEntry {
  entry.selectors.forEach((selector) => Object.freeze(selector));
  for (const value of Object.values(entry)) {
    if (typeof value === 'object') Object.freeze(value);
  }
  return Object.freeze(entry);
}
