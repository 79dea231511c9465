import type { KeyObject } from 'node:crypto';

import { parseTokenKey, toJwk } from '../../bundle/jwk.ts';
import type { TokenKey } from '../../bundle/jwk.ts';
import { parseJwks } from '../../bundle/jwks.ts';
import type { TrustDomain } from '../../id/trust-domain.ts';
import { isJsonObject } from '../../internal/json.ts';

/** Answers with the WIT bundle of a trust domain, if it has one. */
export interface WitBundleSource {
  getWitBundle(trustDomain: TrustDomain): WitBundle | undefined;
}

/** A key that may sign WIT-SVIDs. */
export interface WitAuthority {
  readonly keyId: string;
  readonly publicKey: KeyObject;
}

/** The WIT authorities of one trust domain. Immutable: a change is a new bundle. Is a source of itself. */
export class WitBundle implements WitBundleSource {
  readonly trustDomain: TrustDomain;
  readonly authorities: readonly WitAuthority[];
  /** One line per entry with the use `wit-svid` that was passed over, with its position and the reason. */
  readonly ignored: readonly string[];
  readonly #byKeyId: ReadonlyMap<string, TokenKey>;

  private constructor(trustDomain: TrustDomain, keys: readonly TokenKey[], ignored: readonly string[]) {
    this.trustDomain = trustDomain;
    this.authorities = Object.freeze(keys.map(({ keyId, publicKey }) => ({ keyId, publicKey })));
    this.ignored = Object.freeze([...ignored]);
    this.#byKeyId = new Map(keys.map((key) => [key.keyId, key]));
  }

  /**
   * Takes the entries with the use `wit-svid` from a SPIFFE bundle document or a JWKS document. An entry without `kid`, or
   * whose `kid` any other entry of the document has too, whatever its use, is passed over: it must be unique in the whole
   * bundle (SPIFFE WIT-SVID section 6). Throws SpiffeError `ERR_BUNDLE_MALFORMED`.
   */
  static fromJwks(trustDomain: TrustDomain, json: string | Uint8Array): WitBundle {
    const { keys } = parseJwks(json, trustDomain.name);
    const uses = new Map<unknown, number>();
    for (const jwk of keys) {
      const keyId = isJsonObject(jwk) ? jwk['kid'] : undefined;
      uses.set(keyId, (uses.get(keyId) ?? 0) + 1);
    }
    const taken: TokenKey[] = [];
    const ignored: string[] = [];
    keys.forEach((jwk, index) => {
      if (!isJsonObject(jwk) || jwk['use'] !== 'wit-svid') {
        return;
      }
      const key = (uses.get(jwk['kid']) ?? 0) > 1 ? 'another entry has the same kid' : parseTokenKey(jwk);
      if (typeof key === 'string') {
        ignored.push(`key ${index}: ${key}`);
      } else {
        taken.push(key);
      }
    });
    return new WitBundle(trustDomain, taken, ignored);
  }

  /** The key that may verify a token of this `kid` and `alg`. */
  findKey(
    keyId: string,
    algorithm: { readonly name: string; readonly keyType: string; readonly curve?: string },
  ): KeyObject | undefined {
    const key = this.#byKeyId.get(keyId);
    const isUsable =
      key !== undefined &&
      key.publicKey.asymmetricKeyType === algorithm.keyType &&
      (algorithm.curve === undefined || key.publicKey.asymmetricKeyDetails?.namedCurve === algorithm.curve) &&
      (key.algorithm === undefined || key.algorithm === algorithm.name);
    return isUsable ? key.publicKey : undefined;
  }

  getWitBundle(trustDomain: TrustDomain): WitBundle | undefined {
    return this.trustDomain.equals(trustDomain) ? this : undefined;
  }
}

/** Writes a JWKS document with the use `wit-svid`. Never throws. */
export function marshalWitBundle(authorities: readonly WitAuthority[]): string {
  const keys = authorities.map(({ keyId, publicKey }) => ({
    use: 'wit-svid',
    kid: keyId,
    ...toJwk(publicKey),
  }));
  return JSON.stringify({ keys });
}
