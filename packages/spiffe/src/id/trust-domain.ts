import { inspect } from 'node:util';

import { SpiffeError } from '../errors.ts';
import { quote } from '../internal/quote.ts';
import { checkText, mark, readMark } from './text.ts';

const SCHEME = 'spiffe://';
const KIND = Symbol.for('@muster/spiffe.TrustDomain');
const MAX_TRUST_DOMAIN_LENGTH = 255;
const TRUST_DOMAIN_CHARACTER = new Uint8Array(128);
for (const character of 'abcdefghijklmnopqrstuvwxyz0123456789.-_') {
  TRUST_DOMAIN_CHARACTER[character.charCodeAt(0)] = 1;
}

/** The name of a trust domain (SPIFFE-ID section 2.1). Immutable; compared by {@link TrustDomain.equals}. */
export class TrustDomain {
  /** The bare name, such as `example.org`. */
  readonly name: string;
  // Makes the type one of its own to the compiler; at run time the mark does.
  readonly #name: string;

  private constructor(name: string) {
    this.name = name;
    this.#name = name;
    mark(this, KIND, name);
    Object.freeze(this);
  }

  /** Parses a bare trust domain name; a SPIFFE ID is not one. Strict: nothing is normalised. Throws an `ERR_ID_...` SpiffeError. */
  static parse(text: string): TrustDomain {
    checkText(text);
    checkTrustDomain(text, text);
    return new TrustDomain(text);
  }

  /**
   * As `parse`, but takes letters A-Z for a-z (SPIFFE-ID section 2.4), and nothing else that is not allowed. For names that
   * people or other programs wrote, not for those in an SVID. Throws an `ERR_ID_...` SpiffeError.
   */
  static parseLenient(text: string): TrustDomain {
    checkText(text);
    return TrustDomain.parse(toLowerAscii(text));
  }

  /** Says whether a value is a trust domain, and not merely an object that looks like one. */
  static isTrustDomain(value: unknown): value is TrustDomain {
    return readMark(value, KIND) !== undefined;
  }

  /** Orders by name, for `Array.prototype.sort`. */
  static compare(one: TrustDomain, other: TrustDomain): number {
    return compareText(one.name, other.name);
  }

  /** The trust domain ID, `spiffe://` and the name. */
  get id(): string {
    return `${SCHEME}${this.#name}`;
  }

  toString(): string {
    return this.#name;
  }

  toJSON(): string {
    return this.#name;
  }

  /** False for anything but a trust domain of the same name. */
  equals(other: TrustDomain): boolean {
    return this.#name === readMark(other, KIND);
  }
}

// Not a member in the class, since declarations cannot name it.
Object.defineProperty(TrustDomain.prototype, inspect.custom, {
  value(this: TrustDomain): string {
    return `TrustDomain(${this.toString()})`;
  },
});

/** Compares by UTF-16 code units, which for what IDs consist of is the order of bytes. */
export function compareText(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** Lower case for A-Z alone: the method of strings would also turn U+212A, a Kelvin sign, into a "k". */
export function toLowerAscii(text: string): string {
  return text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
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
