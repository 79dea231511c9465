import { SpiffeError } from '../errors.ts';
import type { Certificate } from './certificate.ts';
import type { IssuerCache } from './issuer-cache.ts';

const MAX_SIGNATURE_CHECKS = 64;

/** Who signed whom, in one search for a path. Each pair is looked at once, and the work is bounded. */
export class SignedLinks {
  /** The first reason why `findBelow` passed an intermediate over. */
  firstObstacle: SpiffeError | undefined;
  readonly #cache: IssuerCache;
  readonly #known = new Map<Certificate, Map<Certificate, boolean>>();
  #checks = 0;

  constructor(cache: IssuerCache) {
    this.#cache = cache;
  }

  /** Throws what `isSignedBy` throws, and SpiffeError `ERR_SVID_UNTRUSTED` where it would be a signature too many. */
  check(issued: Certificate, issuer: Certificate): void {
    if (!this.#cache.isLink(issued, issuer) && !this.#isSigned(issued, issuer)) {
      throw new SpiffeError(
        'ERR_CA_SIGNATURE',
        'Cannot verify X.509-SVID: a certificate is not signed by the issuer it names',
      );
    }
  }

  /**
   * The intermediates to which signatures lead down from an anchor; whether they may issue anything is not looked at. From
   * above, because anybody can send certificates that he made up himself, with keys that are slow to verify by and many
   * ways between them: the signatures of those are never checked, unless one is by an anchor.
   */
  findBelow(
    anchors: readonly Certificate[],
    intermediates: readonly Certificate[],
  ): ReadonlySet<Certificate> {
    const found = new Set<Certificate>();
    const issuers = intermediates.length === 0 ? [] : [...anchors];
    for (const issuer of issuers) {
      for (const issued of intermediates) {
        if (!found.has(issued) && this.#isBelow(issued, issuer)) {
          found.add(issued);
          issuers.push(issued);
        }
      }
    }
    return found;
  }

  #isBelow(issued: Certificate, issuer: Certificate): boolean {
    // Who sends the anchor along shall not cost a signature more.
    const isOther = Buffer.compare(issued.bytes, issuer.bytes) !== 0;
    if (Buffer.compare(issued.issuer, issuer.subject) !== 0 || !isOther) {
      return false;
    }
    try {
      this.check(issued, issuer);
      return true;
    } catch (error) {
      if (!(error instanceof SpiffeError)) {
        throw error;
      }
      this.firstObstacle ??= error;
      return false;
    }
  }

  #isSigned(issued: Certificate, issuer: Certificate): boolean {
    const known = this.#known.get(issued) ?? new Map<Certificate, boolean>();
    const earlier = known.get(issuer);
    if (earlier !== undefined) {
      return earlier;
    }
    this.#checks += 1;
    if (this.#checks > MAX_SIGNATURE_CHECKS) {
      throw new SpiffeError(
        'ERR_SVID_UNTRUSTED',
        `Cannot verify X.509-SVID: no path was found within ${MAX_SIGNATURE_CHECKS} signature checks`,
      );
    }
    const isSigned = issued.isSignedBy(issuer);
    this.#known.set(issued, known.set(issuer, isSigned));
    return isSigned;
  }
}
