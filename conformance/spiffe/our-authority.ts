// Our own authority in this process, serving the programs of others.
import { type Authority, type RegistrationEntry, startAuthority } from '@muster/authority';
import { silentLogger, systemClock } from '@muster/lattice';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from './program.ts';

export interface OurAuthority extends AsyncDisposable {
  readonly authority: Authority;
  readonly workloadApiSocket: string;
  readonly workloadApi: string;
}

export async function startOurAuthority(
  trustDomain: string,
  entries: readonly RegistrationEntry[],
): Promise<OurAuthority> {
  const folder = temporaryFolder('authority');
  const workloadApiSocket = join(folder, 'workload-api', 'api.sock');
  mkdirSync(join(folder, 'workload-api'), { mode: 0o700 });
  const authority = await startAuthority(
    { trustDomain, workloadApiSocket, entries, x509SvidTtlMs: 60_000, jwtSvidTtlMs: 60_000 },
    { logger: silentLogger, clock: systemClock },
  );
  return {
    authority,
    workloadApiSocket,
    workloadApi: `unix://${workloadApiSocket}`,
    async [Symbol.asyncDispose]() {
      await authority.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
