import { accepted } from '@muster/lattice';
import type { ControlOperation } from './operation.ts';

/** Identities here are SPIFFE IDs; there are no signed claims to show. */
export const claimsGetOperation: ControlOperation = {
  name: 'claims.get',
  target: 'none',
  malformed: 'unsupported subject',
  run: () => accepted('', []),
};
