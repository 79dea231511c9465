import { inspect } from 'node:util';

import { SpiffeError } from '../errors.ts';
import { quote } from '../internal/quote.ts';
import { checkPath, joinSegments } from './path.ts';
import { checkText, mark, readMark } from './text.ts';
import { compareText, toLowerAscii, TrustDomain } from './trust-domain.ts';

const SCHEME = 'spiffe://';
const KIND = Symbol.for('@muster/spiffe.SpiffeId');
const MAX_ID_LENGTH = 2048;

/** A SPIFFE ID (SPIFFE-ID section 2): a trust domain and a path, which may be absent. Immutable. */
export class SpiffeId {
  readonly trustDomain: TrustDomain;
  /** The path with its leading slash, or the empty string for a trust domain ID. */
  readonly path: string;
  // Makes the type one of its own to the compiler; at run time the mark does.
  readonly #text: string;

  private constructor(trustDomain: TrustDomain, path: string) {
    this.trustDomain = trustDomain;
    this.path = path;
    this.#text = `${trustDomain.id}${path}`;
    if (this.#text.length > MAX_ID_LENGTH) {
      throw tooLong(this.#text);
    }
    mark(this, KIND, this.#text);
    Object.freeze(this);
  }

  /** Parses a SPIFFE ID. Strict: nothing is normalised, so `SPIFFE://` and an upper-case trust domain are refused. Throws an `ERR_ID_...` SpiffeError. */
  static parse(text: string): SpiffeId {
    checkLength(text);
    if (!text.startsWith(SCHEME)) {
      throw new SpiffeError(
        'ERR_ID_SCHEME',
        `Cannot parse SPIFFE ID ${quote(text)}: it must begin with "spiffe://"`,
      );
    }
    const end = findPath(text);
    const trustDomain = TrustDomain.parse(text.slice(SCHEME.length, end));
    const path = text.slice(end);
    checkPath(path);
    return new SpiffeId(trustDomain, path);
  }

  /**
   * As `parse`, but takes A-Z for a-z in scheme and trust domain, which SPIFFE-ID section 2.4 compares without case; the
   * path keeps its case. For IDs that people or other programs wrote, not for those in an SVID, which section 2.1 wants in
   * lower case. Throws an `ERR_ID_...` SpiffeError.
   */
  static parseLenient(text: string): SpiffeId {
    checkLength(text);
    const end = findPath(text);
    return SpiffeId.parse(toLowerAscii(text.slice(0, end)) + text.slice(end));
  }

  /** Builds an ID from a path such as `/a/b`; the empty path gives the trust domain ID. Throws an `ERR_ID_...` SpiffeError. */
  static fromPath(trustDomain: TrustDomain, path: string): SpiffeId {
    checkTrustDomain(trustDomain);
    checkText(path);
    checkPath(path);
    return new SpiffeId(trustDomain, path);
  }

  /** Builds an ID from path segments; none gives the trust domain ID. A segment with a slash or another foreign character is refused, never escaped. Throws an `ERR_ID_...` SpiffeError. */
  static fromSegments(trustDomain: TrustDomain, ...segments: string[]): SpiffeId {
    return SpiffeId.fromPath(trustDomain, joinSegments(segments));
  }

  /** Says whether a value is a SPIFFE ID, and not merely an object that looks like one. */
  static isSpiffeId(value: unknown): value is SpiffeId {
    return readMark(value, KIND) !== undefined;
  }

  /** Orders by text, for `Array.prototype.sort`. */
  static compare(one: SpiffeId, other: SpiffeId): number {
    return compareText(one.toString(), other.toString());
  }

  /** The segments of the path; none for a trust domain ID. */
  get segments(): readonly string[] {
    return this.path.split('/').slice(1);
  }

  /** This ID with a path such as `/a/b` added at its end. Throws an `ERR_ID_...` SpiffeError. */
  appendPath(path: string): SpiffeId {
    checkText(path);
    checkPath(path);
    return new SpiffeId(this.trustDomain, this.path + path);
  }

  /** This ID with segments added at its end. Throws an `ERR_ID_...` SpiffeError. */
  appendSegments(...segments: string[]): SpiffeId {
    return this.appendPath(joinSegments(segments));
  }

  /** An ID of the same trust domain with another path, which may be empty. Throws an `ERR_ID_...` SpiffeError. */
  replacePath(path: string): SpiffeId {
    return SpiffeId.fromPath(this.trustDomain, path);
  }

  /** An ID of the same trust domain with other segments. Throws an `ERR_ID_...` SpiffeError. */
  replaceSegments(...segments: string[]): SpiffeId {
    return SpiffeId.fromSegments(this.trustDomain, ...segments);
  }

  /** The ID as a URL. There is no way back but `parse`: the URL class resolves dot segments instead of refusing them. */
  toUrl(): URL {
    return new URL(this.#text);
  }

  toString(): string {
    return this.#text;
  }

  toJSON(): string {
    return this.#text;
  }

  /** False for anything but a SPIFFE ID of the same text. */
  equals(other: SpiffeId): boolean {
    return this.#text === readMark(other, KIND);
  }

  isMemberOf(trustDomain: TrustDomain): boolean {
    return this.trustDomain.equals(trustDomain);
  }
}

// Not a member in the class, since declarations cannot name it.
Object.defineProperty(SpiffeId.prototype, inspect.custom, {
  value(this: SpiffeId): string {
    return `SpiffeId(${this.toString()})`;
  },
});

function checkLength(text: string): void {
  checkText(text);
  if (text.length === 0) {
    throw new SpiffeError('ERR_ID_EMPTY', 'Cannot parse SPIFFE ID "": it must not be empty');
  }
  if (text.length > MAX_ID_LENGTH) {
    throw tooLong(text);
  }
}

function tooLong(text: string): SpiffeError {
  return new SpiffeError(
    'ERR_ID_TOO_LONG',
    `Cannot parse SPIFFE ID ${quote(text)}: it must have at most ${MAX_ID_LENGTH} bytes`,
  );
}

/** Where the path begins: at the first slash behind the scheme, or at the end. */
function findPath(text: string): number {
  const slash = text.indexOf('/', SCHEME.length);
  return slash === -1 ? text.length : slash;
}

function checkTrustDomain(trustDomain: TrustDomain): void {
  if (!TrustDomain.isTrustDomain(trustDomain)) {
    throw new SpiffeError(
      'ERR_ID_TRUST_DOMAIN_MISSING',
      'Cannot build SPIFFE ID: the trust domain must be one that TrustDomain.parse returned',
    );
  }
}
