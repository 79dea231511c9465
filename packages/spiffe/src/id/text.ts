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
