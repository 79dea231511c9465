import type { KeyObject } from 'node:crypto';

import { SpiffeError } from '../errors.ts';
import type { TrustDomain } from '../id/trust-domain.ts';
import { isJsonObject } from '../internal/json.ts';
import { quote } from '../internal/quote.ts';
import { JWT_ALGORITHMS } from '../svid/jwt-algorithms.ts';
import { parseTokenKey, toJwk, toJwtKey } from './jwk.ts';
import { parseJwks } from './jwks.ts';
import type { JwtBundleSource } from './source.ts';

/** A key that may sign JWT-SVIDs, and its `kid`. */
export interface JwtAuthority {
  readonly keyId: string;
  readonly publicKey: KeyObject;
  /** The only algorithm it is for (`alg`). Default: every one that fits the key. */
  readonly algorithm?: string;
}

/** The JWT authorities of one trust domain (SPIFFE Trust Domain and Bundle section 4). Immutable: a change is a new bundle. Is a source of itself. */
export class JwtBundle implements JwtBundleSource {
  readonly trustDomain: TrustDomain;
  readonly authorities: readonly JwtAuthority[];
  /** One line per entry of the document that was passed over, with its position and the reason. */
  readonly ignored: readonly string[];
  readonly #byAlgorithm = new Map<
    string,
    { readonly all: KeyObject[]; readonly byKeyId: Map<string, KeyObject[]> }
  >();

  private constructor(
    trustDomain: TrustDomain,
    entries: readonly JwtAuthority[],
    ignored: readonly string[],
  ) {
    this.trustDomain = trustDomain;
    this.authorities = Object.freeze(entries.map((entry) => Object.freeze({ ...entry })));
    this.ignored = Object.freeze([...ignored]);
    for (const entry of entries) {
      for (const algorithm of JWT_ALGORITHMS.values()) {
        const { asymmetricKeyType, asymmetricKeyDetails } = entry.publicKey;
        const isUsable =
          asymmetricKeyType === algorithm.keyType &&
          (algorithm.curve === undefined || asymmetricKeyDetails?.namedCurve === algorithm.curve) &&
          (entry.algorithm === undefined || entry.algorithm === algorithm.name);
        if (isUsable) {
          this.#add(algorithm.name, entry.keyId, entry.publicKey);
        }
      }
    }
  }

  /**
   * Reads a JWKS document. Entries that are not usable are passed over and listed in `ignored`. `isUseRequired` (default
   * false) decides on entries without `use`: the Workload API sends such, SPIFFE bundle documents must not. An entry whose
   * `use` is anything but `jwt-svid` is never taken. Throws SpiffeError `ERR_BUNDLE_MALFORMED`.
   */
  static fromJwks(
    trustDomain: TrustDomain,
    json: string | Uint8Array,
    options: { readonly isUseRequired?: boolean | undefined } = {},
  ): JwtBundle {
    return JwtBundle.fromKeys(trustDomain, parseJwks(json, trustDomain.name).keys, options);
  }

  /** As `fromJwks`, with the list `keys` of a document that was read already. Never throws. */
  static fromKeys(
    trustDomain: TrustDomain,
    keys: readonly unknown[],
    options: { readonly isUseRequired?: boolean | undefined } = {},
  ): JwtBundle {
    const entries: JwtAuthority[] = [];
    const ignored: string[] = [];
    keys.forEach((jwk, index) => {
      const entry = parseEntry(jwk, options.isUseRequired ?? false);
      if (typeof entry === 'string') {
        ignored.push(`key ${index}: ${entry}`);
      } else {
        entries.push(entry);
      }
    });
    return new JwtBundle(trustDomain, entries, ignored);
  }

  /** Makes a bundle of keys. Throws SpiffeError `ERR_BUNDLE_MALFORMED` for a key without ID, or one that may not sign JWT-SVIDs. */
  static fromAuthorities(trustDomain: TrustDomain, authorities: readonly JwtAuthority[]): JwtBundle {
    const entries = authorities.map((authority) => checkAuthority(trustDomain, authority));
    return new JwtBundle(trustDomain, entries, []);
  }

  /** Whether there is no key: then nothing of the trust domain is to be believed. */
  get isEmpty(): boolean {
    return this.authorities.length === 0;
  }

  hasAuthority(keyId: string): boolean {
    return this.authorities.some((authority) => authority.keyId === keyId);
  }

  /** The first key of that ID. */
  findAuthority(keyId: string): JwtAuthority | undefined {
    return this.authorities.find((authority) => authority.keyId === keyId);
  }

  /** A copy with one more key, in place of those of the same ID. Throws as `fromAuthorities`. */
  withAuthority(authority: JwtAuthority): JwtBundle {
    const entry = checkAuthority(this.trustDomain, authority);
    return new JwtBundle(this.trustDomain, [...this.#others(authority.keyId), entry], this.ignored);
  }

  /** A copy without the keys of that ID. */
  withoutAuthority(keyId: string): JwtBundle {
    return new JwtBundle(this.trustDomain, this.#others(keyId), this.ignored);
  }

  /** The JWKS document that the Workload API sends as a JWT bundle. */
  toJwks(): string {
    return JSON.stringify({ keys: this.authorities.map(toJwtKey) });
  }

  /** The keys that may verify a token of this `kid` and `alg`; without `kid`, every key that fits the algorithm. */
  findKeys(keyId: string | undefined, algorithm: string): readonly KeyObject[] {
    const keys = this.#byAlgorithm.get(algorithm);
    return (keyId === undefined ? keys?.all : keys?.byKeyId.get(keyId)) ?? [];
  }

  /** Compares trust domain and authorities, in any order. */
  equals(other: JwtBundle): boolean {
    const own = new Set(this.authorities.map(toComparable));
    const others = new Set(other.authorities.map(toComparable));
    return (
      this.trustDomain.equals(other.trustDomain) &&
      own.size === others.size &&
      [...own].every((text) => others.has(text))
    );
  }

  getJwtBundle(trustDomain: TrustDomain): JwtBundle | undefined {
    return this.trustDomain.equals(trustDomain) ? this : undefined;
  }

  #others(keyId: string): readonly JwtAuthority[] {
    return this.authorities.filter((authority) => authority.keyId !== keyId);
  }

  #add(algorithm: string, keyId: string, key: KeyObject): void {
    let keys = this.#byAlgorithm.get(algorithm);
    if (keys === undefined) {
      keys = { all: [], byKeyId: new Map() };
      this.#byAlgorithm.set(algorithm, keys);
    }
    keys.all.push(key);
    const sameId = keys.byKeyId.get(keyId);
    if (sameId === undefined) {
      keys.byKeyId.set(keyId, [key]);
    } else {
      sameId.push(key);
    }
  }
}

function checkAuthority(
  trustDomain: TrustDomain,
  { keyId, publicKey, algorithm }: JwtAuthority,
): JwtAuthority {
  // What a document may hold is what may be put in: whoever reads it would pass the rest over.
  const entry = parseEntry(
    { ...toJwtKey({ keyId, publicKey }), ...(algorithm === undefined ? {} : { alg: algorithm }) },
    true,
  );
  if (typeof entry === 'string') {
    throw new SpiffeError(
      'ERR_BUNDLE_MALFORMED',
      `Cannot put key ${quote(keyId)} into the JWT bundle of "${trustDomain.name}": ${entry}`,
    );
  }
  return entry;
}

function parseEntry(jwk: unknown, isUseRequired: boolean): JwtAuthority | string {
  if (!isJsonObject(jwk)) {
    return 'it is not an object';
  }
  const { use } = jwk;
  if (use !== 'jwt-svid' && (isUseRequired || use !== undefined)) {
    return 'use is not "jwt-svid"';
  }
  return parseTokenKey(jwk);
}

function toComparable(authority: JwtAuthority): string {
  return JSON.stringify([authority.keyId, authority.algorithm, toJwk(authority.publicKey)]);
}
