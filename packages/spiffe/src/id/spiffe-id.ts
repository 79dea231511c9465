import { SpiffeError } from '../errors.ts';
import { quote } from '../internal/quote.ts';
import { TrustDomain } from './trust-domain.ts';

const SCHEME = 'spiffe://';
const MAX_ID_LENGTH = 2048;
const SLASH = 0x2f;
const DOT = 0x2e;
const PATH_CHARACTER = new Uint8Array(128);
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_') {
  PATH_CHARACTER[character.charCodeAt(0)] = 1;
}

/** A SPIFFE ID (SPIFFE-ID section 2): a trust domain and a path, which may be absent. Immutable. */
export class SpiffeId {
  readonly trustDomain: TrustDomain;
  /** The path with its leading slash, or the empty string for a trust domain ID. */
  readonly path: string;
  readonly #text: string;

  private constructor(trustDomain: TrustDomain, path: string) {
    this.trustDomain = trustDomain;
    this.path = path;
    this.#text = `${SCHEME}${trustDomain.name}${path}`;
    if (this.#text.length > MAX_ID_LENGTH) {
      throw new SpiffeError(
        'ERR_ID_TOO_LONG',
        `Cannot parse SPIFFE ID ${quote(this.#text)}: it must have at most ${MAX_ID_LENGTH} bytes`,
      );
    }
    Object.freeze(this);
  }

  /** Parses a SPIFFE ID. Strict: nothing is normalised, so `SPIFFE://` and an upper-case trust domain are refused. Throws an `ERR_ID_...` SpiffeError. */
  static parse(text: string): SpiffeId {
    if (text.length === 0) {
      throw new SpiffeError('ERR_ID_EMPTY', 'Cannot parse SPIFFE ID "": it must not be empty');
    }
    if (text.length > MAX_ID_LENGTH) {
      throw new SpiffeError(
        'ERR_ID_TOO_LONG',
        `Cannot parse SPIFFE ID ${quote(text)}: it must have at most ${MAX_ID_LENGTH} bytes`,
      );
    }
    if (!text.startsWith(SCHEME)) {
      throw new SpiffeError(
        'ERR_ID_SCHEME',
        `Cannot parse SPIFFE ID ${quote(text)}: it must begin with "spiffe://"`,
      );
    }
    const slash = text.indexOf('/', SCHEME.length);
    const end = slash === -1 ? text.length : slash;
    const trustDomain = TrustDomain.parse(text.slice(SCHEME.length, end));
    const path = text.slice(end);
    checkPath(path);
    return new SpiffeId(trustDomain, path);
  }

  /** Builds an ID from a path such as `/a/b`; the empty path gives the trust domain ID. Throws an `ERR_ID_...` SpiffeError. */
  static fromPath(trustDomain: TrustDomain, path: string): SpiffeId {
    checkPath(path);
    return new SpiffeId(trustDomain, path);
  }

  /** Builds an ID from path segments. A segment with a slash or another foreign character is refused, never escaped. */
  static fromSegments(trustDomain: TrustDomain, ...segments: string[]): SpiffeId {
    for (const segment of segments) {
      if (segment.includes('/')) {
        throw new SpiffeError(
          'ERR_ID_PATH_CHARACTER',
          `Cannot build SPIFFE ID from segment ${quote(segment)}: it must have no "/"`,
        );
      }
      if (segment.length === 0) {
        throw new SpiffeError(
          'ERR_ID_PATH_EMPTY_SEGMENT',
          'Cannot build SPIFFE ID: a path segment must not be empty',
        );
      }
    }
    return SpiffeId.fromPath(trustDomain, segments.map((segment) => `/${segment}`).join(''));
  }

  toString(): string {
    return this.#text;
  }

  toJSON(): string {
    return this.#text;
  }

  equals(other: SpiffeId): boolean {
    return this.#text === other.toString();
  }

  isMemberOf(trustDomain: TrustDomain): boolean {
    return this.trustDomain.equals(trustDomain);
  }
}

function checkPath(path: string): void {
  if (path.length === 0) {
    return;
  }
  if (path.charCodeAt(0) !== SLASH) {
    throw pathError('ERR_ID_PATH_LEADING_SLASH', path, 'it must begin with "/"');
  }
  let segmentStart = 1;
  for (let index = 1; index <= path.length; index += 1) {
    const code = index === path.length ? SLASH : path.charCodeAt(index);
    if (code !== SLASH) {
      if (PATH_CHARACTER[code] !== 1) {
        throw pathError(
          'ERR_ID_PATH_CHARACTER',
          path,
          'it must consist of "/", A-Z, a-z, 0-9, ".", "-" and "_"',
        );
      }
      continue;
    }
    const length = index - segmentStart;
    if (length === 0) {
      if (index === path.length) {
        throw pathError('ERR_ID_PATH_TRAILING_SLASH', path, 'it must not end in "/"');
      }
      throw pathError('ERR_ID_PATH_EMPTY_SEGMENT', path, 'it must have no empty segment');
    }
    const isDots =
      path.charCodeAt(segmentStart) === DOT &&
      (length === 1 || (length === 2 && path.charCodeAt(segmentStart + 1) === DOT));
    if (isDots) {
      throw pathError('ERR_ID_PATH_DOT_SEGMENT', path, 'it must have no "." or ".." segment');
    }
    segmentStart = index + 1;
  }
}

type PathErrorCode =
  | 'ERR_ID_PATH_CHARACTER'
  | 'ERR_ID_PATH_DOT_SEGMENT'
  | 'ERR_ID_PATH_EMPTY_SEGMENT'
  | 'ERR_ID_PATH_LEADING_SLASH'
  | 'ERR_ID_PATH_TRAILING_SLASH';

function pathError(code: PathErrorCode, path: string, wanted: string): SpiffeError {
  return new SpiffeError(code, `Cannot parse SPIFFE ID path ${quote(path)}: ${wanted}`);
}
