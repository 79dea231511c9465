import { accepted } from '@muster/lattice';
import { hostInventory } from '../inventory.ts';
import type { ControlOperation } from './operation.ts';

/** The inventory of one host. */
export const hostGetOperation: ControlOperation = {
  name: 'host.get',
  target: 'host',
  malformed: 'unsupported subject',
  run: ({ facts, components, now }) => accepted('', hostInventory(facts, components.list(), now())),
};
