import { accepted } from '@muster/lattice';
import { hostPing } from '../inventory.ts';
import type { ControlOperation } from './operation.ts';

/** Every host answers for itself. */
export const hostPingOperation: ControlOperation = {
  name: 'host.ping',
  target: 'none',
  malformed: 'unsupported subject',
  run: (context) => accepted('', hostPing(context.facts, context.now())),
};
