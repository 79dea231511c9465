import { SpiffeError } from '../errors.ts';
import { quote } from '../internal/quote.ts';
import { checkText } from './text.ts';

const SLASH = 0x2f;
const DOT = 0x2e;
const PATH_CHARACTER = new Uint8Array(128);
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_') {
  PATH_CHARACTER[character.charCodeAt(0)] = 1;
}

/** Checks a whole path, which may be empty (SPIFFE-ID section 2.2), in one pass. Throws SpiffeError `ERR_ID_PATH_...`. */
export function checkPath(path: string): void {
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

/**
 * Makes a path of segments, none of which can become two or vanish: a foreign character is refused, never escaped. Throws
 * SpiffeError `ERR_ID_PATH_...`.
 */
export function joinSegments(segments: readonly string[]): string {
  for (const segment of segments) {
    checkSegment(segment);
  }
  return segments.map((segment) => `/${segment}`).join('');
}

/** Checks that a text is exactly one segment. Throws SpiffeError `ERR_ID_PATH_...`. */
export function checkSegment(segment: string): void {
  checkText(segment);
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
  checkPath(`/${segment}`);
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
