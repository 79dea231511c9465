import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createLatticeDir, type LatticeDir, resolveLatticeDir } from '@muster/lattice';
import { CliError } from '../../errors.ts';
import { NATS_FOLDER } from './plans.ts';

/** A lattice directory that belongs to this process. */
export interface Claim {
  readonly directory: LatticeDir;
  /** Removes the directory with everything in it and gives the claim back. */
  release(): Promise<void>;
}

/**
 * Makes the lattice directory this process's own and removes what a killed process left there. Throws
 * ERR_LATTICE_ALREADY_RUNNING while another process has it.
 */
export async function claimLattice(lattice: string, env: NodeJS.ProcessEnv): Promise<Claim> {
  const { acquireLock, readLockOwner } = await import('@muster/nats-server');
  const path = resolveLatticeDir({ lattice, env });
  createLatticeDir(path);
  const file = join(path, 'lock');
  const lock = await acquireLock(file, { waitMs: 0 }).catch(async (cause: unknown) => {
    if ((cause as { code?: unknown }).code !== 'ERR_LOCK_TIMEOUT') throw cause;
    const owner = await readLockOwner(file);
    throw new CliError(
      'ERR_LATTICE_ALREADY_RUNNING',
      `The lattice "${lattice}" runs already${owner === undefined ? '' : ` (process ${String(owner.pid)})`}. ` +
        'Stop it there with Ctrl-C, or start another beside it with --lattice, --nats-port and --http-port',
      { cause },
    );
  });
  const clear = async (directory: LatticeDir): Promise<void> => {
    await rm(join(path, NATS_FOLDER), { recursive: true, force: true });
    directory.remove();
  };
  await clear(createLatticeDir(path));
  const directory = createLatticeDir(path);
  return {
    directory,
    release: async () => {
      await rm(join(path, NATS_FOLDER), { recursive: true, force: true });
      await lock.release();
      directory.remove();
    },
  };
}
