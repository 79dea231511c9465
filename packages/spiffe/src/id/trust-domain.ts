import { SpiffeError } from '../errors.ts';
import { quote } from '../internal/quote.ts';

const MAX_TRUST_DOMAIN_LENGTH = 255;
const TRUST_DOMAIN_CHARACTER = new Uint8Array(128);
for (const character of 'abcdefghijklmnopqrstuvwxyz0123456789.-_') {
  TRUST_DOMAIN_CHARACTER[character.charCodeAt(0)] = 1;
}

/** The name of a trust domain (SPIFFE-ID section 2.1). Immutable; compared by {@link TrustDomain.equals}. */
export class TrustDomain {
  /** The bare name, such as `example.org`. */
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
    Object.freeze(this);
  }

  /** Parses a bare trust domain name; a SPIFFE ID is not one. Strict: nothing is normalised. Throws an `ERR_ID_...` SpiffeError. */
  static parse(text: string): TrustDomain {
    checkTrustDomain(text, text);
    return new TrustDomain(text);
  }

  /** The trust domain ID, `spiffe://` and the name. */
  get id(): string {
    return `spiffe://${this.name}`;
  }

  toString(): string {
    return this.name;
  }

  toJSON(): string {
    return this.name;
  }

  equals(other: TrustDomain): boolean {
    return this.name === other.name;
  }
}

function checkTrustDomain(name: string, whole: string): void {
  if (name.length === 0) {
    throw new SpiffeError(
      'ERR_ID_TRUST_DOMAIN_MISSING',
      `Cannot parse ${quote(whole)}: trust domain is missing`,
    );
  }
  if (name.length > MAX_TRUST_DOMAIN_LENGTH) {
    throw new SpiffeError(
      'ERR_ID_TRUST_DOMAIN_TOO_LONG',
      `Cannot parse ${quote(whole)}: trust domain must have at most ${MAX_TRUST_DOMAIN_LENGTH} bytes`,
    );
  }
  for (let index = 0; index < name.length; index += 1) {
    if (TRUST_DOMAIN_CHARACTER[name.charCodeAt(index)] !== 1) {
      throw new SpiffeError(
        'ERR_ID_TRUST_DOMAIN_CHARACTER',
        `Cannot parse ${quote(whole)}: trust domain must consist of a-z, 0-9, ".", "-" and "_"`,
      );
    }
  }
}
