import { createHash } from 'node:crypto';
import type { VerifiedJwtSvid } from '@muster/spiffe';

/**
 * Remembers JWT-SVIDs whose signature verified, by digest, until they expire. Must be cleared at every bundle change, or a
 * revoked key would live on. Only successes are kept.
 */
export class VerifiedTokenCache {
  readonly #size: number;
  readonly #entries = new Map<string, VerifiedJwtSvid>();

  /** `size` 0 keeps nothing. */
  constructor(size: number) {
    this.#size = size;
  }

  /** The result of `verify` for this token, remembered or made now. What `verify` throws is passed on. */
  get(token: string, now: number, verify: () => VerifiedJwtSvid): VerifiedJwtSvid {
    if (this.#size === 0) return verify();
    const key = createHash('sha256').update(token, 'latin1').digest('base64');
    const known = this.#entries.get(key);
    if (known !== undefined && known.expiresAt > now) return known;
    this.#entries.delete(key);
    const svid = verify();
    const oldest = this.#entries.size < this.#size ? undefined : this.#entries.keys().next().value;
    if (oldest !== undefined) this.#entries.delete(oldest);
    this.#entries.set(key, svid);
    return svid;
  }

  clear(): void {
    this.#entries.clear();
  }
}
