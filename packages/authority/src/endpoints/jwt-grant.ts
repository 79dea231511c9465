import type { JsonObject } from '@muster/lattice';
import { SpiffeId } from '@muster/spiffe';
import type { IssuedJwtSvid } from '../ca/jwt-authority.ts';
import type { StoredEntry } from '../entries/registration-entry.ts';
import type { Entrance } from './call-gate.ts';
import { expiryOf } from './held-svids.ts';
import type { ServiceContext } from './service-context.ts';

/** Issues one JWT-SVID for an entry and records it. `extra` is added to the record. */
export function issueJwtSvid(
  context: ServiceContext,
  entrance: Entrance,
  entry: StoredEntry,
  audience: readonly string[],
  extra: JsonObject = {},
): IssuedJwtSvid {
  const { ca, clock, journal, jwtSvidTtlMs } = context;
  const expiresAt = expiryOf(entry, clock.now(), entry.jwt_svid_ttl, jwtSvidTtlMs);
  const svid = ca.issueJwtSvid(SpiffeId.parse(entry.spiffe_id), audience, expiresAt);
  journal.allow({
    ...entrance,
    spiffeId: svid.spiffeId,
    entryId: entry.id,
    reason: 'entry matches',
    details: {
      kind: 'jwt',
      audience: [...audience],
      tokenId: svid.tokenId,
      expiresAt: new Date(svid.expiresAt).toISOString(),
      ...extra,
    },
  });
  return svid;
}
