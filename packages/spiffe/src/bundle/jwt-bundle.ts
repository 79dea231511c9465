import type { KeyObject } from 'node:crypto';

import type { TrustDomain } from '../id/trust-domain.ts';
import { isJsonObject } from '../internal/json.ts';
import { JWT_ALGORITHMS } from '../svid/jwt-algorithms.ts';
import { parseJwk, toJwk } from './jwk.ts';
import { parseJwks } from './jwks.ts';
import type { JwtBundleSource } from './source.ts';

/** A key that may sign JWT-SVIDs. */
export interface JwtAuthority {
  readonly keyId: string;
  readonly publicKey: KeyObject;
}

/** The JWT authorities of one trust domain. Immutable: a change is a new bundle. Is a source of itself. */
export class JwtBundle implements JwtBundleSource {
  readonly trustDomain: TrustDomain;
  readonly authorities: readonly JwtAuthority[];
  /** One line per entry of the document that was passed over, with its position and the reason. */
  readonly ignored: readonly string[];
  readonly #byAlgorithm = new Map<
    string,
    { readonly all: KeyObject[]; readonly byKeyId: Map<string, KeyObject[]> }
  >();

  private constructor(trustDomain: TrustDomain, entries: readonly JwkEntry[], ignored: readonly string[]) {
    this.trustDomain = trustDomain;
    this.authorities = Object.freeze(entries.map(({ keyId, publicKey }) => ({ keyId, publicKey })));
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

  /** As `fromJwks`, with the list `keys` of a document that was read already. */
  static fromKeys(
    trustDomain: TrustDomain,
    keys: readonly unknown[],
    options: { readonly isUseRequired?: boolean | undefined } = {},
  ): JwtBundle {
    const entries: JwkEntry[] = [];
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

interface JwkEntry extends JwtAuthority {
  readonly algorithm: string | undefined;
}

function parseEntry(jwk: unknown, isUseRequired: boolean): JwkEntry | string {
  if (!isJsonObject(jwk)) {
    return 'it is not an object';
  }
  const { use, kid, alg, key_ops: operations } = jwk;
  if (use !== 'jwt-svid' && (isUseRequired || use !== undefined)) {
    return 'use is not "jwt-svid"';
  }
  if (typeof kid !== 'string' || kid === '') {
    return 'kid is missing';
  }
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) {
    return 'key_ops lacks "verify"';
  }
  if (alg !== undefined && typeof alg !== 'string') {
    return 'alg is not a string';
  }
  const publicKey = parseJwk(jwk);
  return typeof publicKey === 'string' ? publicKey : { keyId: kid, publicKey, algorithm: alg };
}

function toComparable(authority: JwtAuthority): string {
  return JSON.stringify([authority.keyId, toJwk(authority.publicKey)]);
}
