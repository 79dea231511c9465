import type { Authority, RegistrationEntry } from '@muster/authority';
import { type LatticeDir, systemClock } from '@muster/lattice';
import type { Progress } from '../../terminal/progress.ts';
import type { Expiries } from './expiries.ts';
import { type DevIdentities, SERVER_SVID_TTL_MS } from './identities.ts';
import type { DevOptions } from './options.ts';
import { type PartLine, partLogger } from './part-line.ts';

export interface DevAuthorityOptions {
  readonly options: DevOptions;
  readonly directory: LatticeDir;
  readonly identities: DevIdentities;
  readonly entries: readonly RegistrationEntry[];
  readonly expiries: Expiries;
  readonly progress: Progress;
  readonly onLine: (line: PartLine) => void;
}

// SVIDs never outlive the CA, and it must last several of their lives.
const CA_TTL_MS = 6 * SERVER_SVID_TTL_MS;
const BUNDLE_CHECK_MS = 60_000;

/** Starts the authority in this process, to be stopped by `stack`, and keeps the bundle document up to date; undefined when another provider is used. */
export async function startDevAuthority(
  given: DevAuthorityOptions,
  stack: AsyncDisposableStack,
): Promise<Authority | undefined> {
  const { options, directory, identities, progress } = given;
  if (options.workloadApi !== undefined) return undefined;
  const { startAuthority } = await import('@muster/authority');
  progress.begin('authority');
  const authority = await startAuthority(
    {
      trustDomain: options.trustDomain,
      workloadApiSocket: directory.workloadApiSocket,
      delegatedSocket: directory.delegatedSocket,
      entries: given.entries,
      authorizedDelegates: identities.hosts,
      x509SvidTtlMs: options.x509SvidTtlMs,
      jwtSvidTtlMs: options.jwtSvidTtlMs,
      caTtlMs: Math.max(CA_TTL_MS, 6 * options.x509SvidTtlMs),
      auditFile: directory.auditFile('authority'),
    },
    {
      clock: systemClock,
      logger: partLogger('authority', given.onLine),
      publishAudit: given.expiries.record,
    },
  );
  stack.defer(() => authority.stop());
  const bundleTimer = keepBundle(authority, directory);
  stack.defer(() => clearInterval(bundleTimer));
  const { attestation } = authority.health();
  progress.done(`trust domain ${options.trustDomain}, attests by ${attestation}`);
  return authority;
}

/** The CA rotates; whoever reads the document should find the present one. */
function keepBundle(authority: Authority, directory: LatticeDir): NodeJS.Timeout {
  let written = authority.bundle();
  directory.writeBundle(written);
  return setInterval(() => {
    const present = authority.bundle();
    if (present !== written) directory.writeBundle(present);
    written = present;
  }, BUNDLE_CHECK_MS);
}
