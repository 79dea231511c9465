import type { Certificate } from './certificate.ts';
import { parseCertificate } from './certificate.ts';

const MAX_CERTIFICATES = 64;
const MAX_BYTES = 8192;
const KEY_BYTES = 24;

/**
 * Remembers the intermediates of one bundle that a verified path went through, and by whom each was signed, so that the
 * next chain with the same bytes needs one signature check less for each. Everything else is checked each time: what
 * stands here is a fact about bytes and a key, and holds for as long as the bundle that the key comes from. Never a leaf.
 */
export class IssuerCache {
  readonly #certificates = new Map<string, Certificate>();
  // An issuer is an authority of the bundle or another certificate from here, by identity: an equal one is not enough.
  readonly #issuers = new WeakMap<Certificate, Certificate>();

  /** Reads an intermediate, or finds it by all of its bytes. Throws what `parseCertificate` throws. */
  parse(bytes: Uint8Array): Certificate {
    const known = this.#certificates.get(toKey(bytes));
    // A copy: what is remembered must not change with the caller's buffer.
    return known !== undefined && Buffer.compare(known.bytes, bytes) === 0
      ? known
      : parseCertificate(Uint8Array.from(bytes));
  }

  /** Says whether it is known that the issuer signed it. */
  isLink(issued: Certificate, issuer: Certificate): boolean {
    return this.#issuers.get(issued) === issuer;
  }

  /** Takes the intermediates of a path over that was verified in full: leaf first, authority last. */
  keep(path: readonly Certificate[]): void {
    for (let index = path.length - 2; index > 0; index -= 1) {
      this.#keepLink(path[index]!, path[index + 1]!);
    }
  }

  #keepLink(issued: Certificate, issuer: Certificate): void {
    if (this.isLink(issued, issuer) || issued.bytes.length > MAX_BYTES) {
      return;
    }
    const key = toKey(issued.bytes);
    // Another one that ends in the same bytes, or the same one twice in a chain: the first stays.
    if ((this.#certificates.get(key) ?? issued) !== issued) {
      return;
    }
    if (!this.#certificates.has(key) && this.#certificates.size >= MAX_CERTIFICATES) {
      this.#certificates.clear();
    }
    this.#certificates.set(key, issued);
    this.#issuers.set(issued, issuer);
  }
}

/** The end of the signature, which is the part that differs most. Only equal bytes make equal certificates. */
function toKey(bytes: Uint8Array): string {
  const end = bytes.subarray(-KEY_BYTES);
  return Buffer.from(end.buffer, end.byteOffset, end.length).toString('latin1');
}
