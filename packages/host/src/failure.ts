import { LATTICE_ERRORS } from '@muster/lattice';
import { RUNTIME_ERRORS } from '@muster/runtime';
import { HOST_ERRORS } from './errors.ts';

/** What may be said about a failure: its code, and a text for people that starts with the code. */
export interface Failure {
  readonly code: string;
  readonly text: string;
}

/** Only errors with one of our codes are quoted; anything else may carry more than others should see. */
export function describeFailure(error: unknown): Failure {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (typeof code === 'string' && isOurs(code)) {
    return { code, text: `${code}: ${(error as Error).message}` };
  }
  return { code: 'ERR_UNKNOWN', text: 'internal error' };
}

function isOurs(code: string): boolean {
  return [HOST_ERRORS, RUNTIME_ERRORS, LATTICE_ERRORS].some((table) => Object.hasOwn(table, code));
}
