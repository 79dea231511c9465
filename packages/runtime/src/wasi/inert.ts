import { ResultError } from '../errors.ts';

/** A function that answers every call with one error of its result type. */
export function refusing(error: unknown): () => never {
  return () => {
    throw new ResultError(error);
  };
}

/** A resource class of which no guest ever holds a value that does anything: every method refuses. */
export function inertClass(methods: readonly string[], error: unknown): new () => object {
  const inert = class {};
  for (const name of methods) Object.defineProperty(inert.prototype, name, { value: refusing(error) });
  return inert;
}
