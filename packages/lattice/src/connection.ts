import type { ConnectDependencies, ConnectLatticeOptions, LatticeConnection } from './connection-options.ts';

/** Connects to a lattice. */
export function connectLattice(
  _options: ConnectLatticeOptions,
  _dependencies: ConnectDependencies = {},
): Promise<LatticeConnection> {
  throw new Error('pending');
}
