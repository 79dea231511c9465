import { SpiffeError } from '../errors.ts';

/**
 * Refuses what is not a string: TypeScript keeps such out, JavaScript and parsed JSON do not, and an object with a
 * `toString` of its own may read differently each time. Throws SpiffeError `ERR_ID_NOT_TEXT`.
 */
export function checkText(text: unknown): void {
  if (typeof text !== 'string') {
    throw new SpiffeError(
      'ERR_ID_NOT_TEXT',
      `Cannot parse SPIFFE ID: it must be a string but is of type ${typeof text}`,
    );
  }
}

/** Marks an object as one of a kind, with its text. Not enumerable, so that no copy by spread and no JSON is marked. */
export function mark(target: object, kind: symbol, text: string): void {
  Object.defineProperty(target, kind, { value: text });
}

/**
 * The text that a value was marked with, or undefined. The kinds are symbols of the whole process, so that values from
 * another copy of this package count, as happens where two versions are installed; what looks alike does not.
 */
export function readMark(value: unknown, kind: symbol): string | undefined {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, kind)) {
    return undefined;
  }
  const text: unknown = (value as Record<symbol, unknown>)[kind];
  return typeof text === 'string' ? text : undefined;
}
