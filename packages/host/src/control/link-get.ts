import { accepted } from '@muster/lattice';
import type { ControlOperation } from './operation.ts';

/** All links of the lattice, as this host knows them. */
export const linkGetOperation: ControlOperation = {
  name: 'link.get',
  target: 'none',
  malformed: 'unsupported subject',
  run: ({ state }) => accepted('', state.links()),
};
