import { SpiffeId } from '@muster/spiffe';
import type { Clock } from '@muster/lattice';
import type { Artifact } from '../artifact.ts';
import type { HostAudit } from '../audit.ts';
import type { ResolvedHostConfig } from '../config.ts';
import { createComponentIdentity } from './identity.ts';
import type { ComponentIdentity, DelegatedIdentity } from './identity.ts';
import type { ComponentPlan } from './running.ts';
import { applicationOf, componentSelectors } from './selectors.ts';

/** Makes the identities of a host's components. */
export interface ComponentIdentities {
  /** Undefined on a host without a Delegated Identity API. */
  readonly create: (plan: ComponentPlan, artifact: Artifact) => ComponentIdentity | undefined;
  close(): Promise<void>;
}

export function createComponentIdentities(options: {
  readonly config: ResolvedHostConfig;
  readonly parts: {
    readonly openDelegate: (address: string) => DelegatedIdentity & { close(): Promise<void> };
  };
  readonly audit: HostAudit;
  readonly clock: Clock;
}): ComponentIdentities {
  const { config, audit, clock } = options;
  const { delegatedApi, lattice, trustDomain } = config;
  const delegate = delegatedApi === undefined ? undefined : options.parts.openDelegate(delegatedApi);
  const hostId = config.spiffeId.toString();
  return {
    create(plan, { digest }) {
      if (delegate === undefined) {
        return undefined;
      }
      const { id: componentId, annotations } = plan;
      const app = applicationOf(annotations);
      const segments = ['lattice', lattice, 'app', app ?? '', 'component', componentId];
      return createComponentIdentity({
        delegate,
        selectors: componentSelectors({ digest, componentId, lattice, hostId, annotations }),
        preferredId: app === undefined ? undefined : preferred(trustDomain, segments),
        audit: (entry) => audit.write(entry),
        details: { componentId, digest, lattice, hostId },
        clock,
      });
    },
    close: async () => delegate?.close(),
  };
}

/** An application named `.` or `..` has no SPIFFE ID by the house's scheme. */
function preferred(
  trustDomain: ResolvedHostConfig['trustDomain'],
  segments: readonly string[],
): string | undefined {
  try {
    return SpiffeId.fromSegments(trustDomain, ...segments).toString();
  } catch {
    return undefined;
  }
}
