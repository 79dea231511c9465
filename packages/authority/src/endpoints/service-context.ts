import type { Clock } from '@muster/lattice';
import type { TrustDomain } from '@muster/spiffe';
import { GRPC_STATUS, GrpcStatusError, type GrpcCall } from '@muster/spiffe/wire';
import type { CertificateAuthority } from '../ca/certificate-authority.ts';
import type { IssuedX509Svid } from '../ca/x509-authority.ts';
import type { StoredEntry } from '../entries/registration-entry.ts';
import type { EntryStore } from '../entries/entry-store.ts';
import type { CallGate, Entrance } from './call-gate.ts';
import { HeldSvids } from './held-svids.ts';
import type { Journal } from './journal.ts';
import { watchState, type State } from './state-watch.ts';

/** What both APIs work with. */
export interface ServiceContext {
  readonly trustDomain: TrustDomain;
  readonly ca: CertificateAuthority;
  readonly entries: EntryStore;
  readonly gate: CallGate;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly x509SvidTtlMs: number;
  readonly jwtSvidTtlMs: number;
  /** From 0 to 1, for the jitter of renewals. */
  readonly random: () => number;
}

const MAX_AUDIENCES = 32;
const MAX_AUDIENCE_BYTES = 2048;

/** Refuses a request that names no audience, too many, or one that is empty or too long. Throws INVALID_ARGUMENT. */
export function assertAudience(audience: readonly string[]): void {
  if (audience.length === 0) throw invalid('audience must be specified');
  const isUsable = (text: string): boolean => text !== '' && Buffer.byteLength(text) <= MAX_AUDIENCE_BYTES;
  if (audience.length > MAX_AUDIENCES || !audience.every(isUsable))
    throw invalid('audience is out of bounds');
}

/** The status for a request that is wrong whoever sends it; clients do not retry it. */
export function invalid(message: string): GrpcStatusError {
  return new GrpcStatusError(GRPC_STATUS.INVALID_ARGUMENT, message);
}

/** The one answer to everybody who gets nothing; the reason stands in the audit record. */
export function noIdentity(): GrpcStatusError {
  return new GrpcStatusError(GRPC_STATUS.PERMISSION_DENIED, 'no identity issued');
}

/**
 * A stream of states: lets the caller in, then makes states as entries, keys and time change. The caller is attested
 * anew for each state, so a stream ends when its process lost what it was let in for.
 */
export async function* openStream(
  context: ServiceContext,
  call: GrpcCall,
  produce: (entrance: Entrance) => State,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { gate, clock, entries, ca } = context;
  let entrance = await gate.enter(call);
  const end = gate.countStream(entrance);
  try {
    let isFirst = true;
    yield* watchState({
      clock,
      signal: call.signal,
      changes: [(listener) => entries.onChange(listener), (listener) => ca.onChange(listener)],
      produce: async () => {
        if (!isFirst) entrance = await gate.reenter(call, entrance);
        isFirst = false;
        return produce(entrance);
      },
    });
  } finally {
    end();
  }
}

/** The X.509-SVIDs of one stream, with an audit record for each that is issued. */
export function holdSvids(context: ServiceContext, entrance: () => Entrance): HeldSvids {
  const { ca, clock, journal, x509SvidTtlMs, random } = context;
  return new HeldSvids({
    ca,
    now: () => clock.now(),
    defaultTtlMs: x509SvidTtlMs,
    random,
    onIssue: (svid, entry) => journal.allow({ ...entrance(), ...x509Grant(svid, entry) }),
  });
}

function x509Grant(
  svid: IssuedX509Svid,
  entry: StoredEntry,
): {
  spiffeId: string;
  entryId: string;
  reason: string;
  details: { kind: string; serial: string; expiresAt: string };
} {
  return {
    spiffeId: svid.spiffeId,
    entryId: entry.id,
    reason: 'entry matches',
    details: { kind: 'x509', serial: svid.serial, expiresAt: new Date(svid.expiresAt).toISOString() },
  };
}

/** The X.509 bundle of the trust domain by its id, concatenated DER. */
export function x509Bundles({ ca, trustDomain }: ServiceContext): ReadonlyMap<string, Uint8Array> {
  return new Map([[trustDomain.id, Buffer.concat(ca.x509Authorities())]]);
}

/** The JWT bundle of the trust domain by its id, a JWK set. */
export function jwtBundles({ ca, trustDomain }: ServiceContext): ReadonlyMap<string, Uint8Array> {
  return new Map([[trustDomain.id, ca.jwks()]]);
}

/** Remembers which bundle a stream has sent, so that one bundle is sent once. */
export function bundleState(context: ServiceContext, encode: () => Uint8Array): () => Uint8Array | undefined {
  let sent: number | undefined;
  return () => {
    const { sequence } = context.ca;
    if (sequence === sent) return undefined;
    sent = sequence;
    return encode();
  };
}
