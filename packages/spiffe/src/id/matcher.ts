import { SpiffeError } from '../errors.ts';
import type { SpiffeId } from './spiffe-id.ts';
import type { TrustDomain } from './trust-domain.ts';

/** Lets a verified SPIFFE ID pass by returning, or throws SpiffeError `ERR_ID_NOT_AUTHORIZED`. Synchronous and without side effects. */
export type SpiffeIdMatcher = (id: SpiffeId) => void;

/** Lets every SPIFFE ID pass. The bundle source then decides alone who is trusted. */
export function matchAny(): SpiffeIdMatcher {
  return () => {};
}

/** Lets exactly one SPIFFE ID pass. */
export function matchId(allowed: SpiffeId): SpiffeIdMatcher {
  return (id) => {
    if (!id.equals(allowed)) {
      throw notAuthorized(id, `expected "${allowed.toString()}"`);
    }
  };
}

/** Lets any of the listed SPIFFE IDs pass; an empty list lets none pass. */
export function matchOneOf(allowed: readonly SpiffeId[]): SpiffeIdMatcher {
  const texts = new Set(allowed.map(String));
  return (id) => {
    if (!texts.has(id.toString())) {
      throw notAuthorized(id, `expected one of ${texts.size} IDs`);
    }
  };
}

/** Lets every SPIFFE ID of one trust domain pass. */
export function matchMemberOf(trustDomain: TrustDomain): SpiffeIdMatcher {
  return (id) => {
    if (!id.isMemberOf(trustDomain)) {
      throw notAuthorized(id, `expected a member of trust domain "${trustDomain.name}"`);
    }
  };
}

/** Lets IDs of one trust domain pass whose path begins with whole segments, such as `/nats`: `/nats/a` passes, `/nats-evil/a` does not. */
export function matchPathPrefix(trustDomain: TrustDomain, prefix: string): SpiffeIdMatcher {
  const withSlash = prefix.endsWith('/') ? prefix : `${prefix}/`;
  return (id) => {
    if (!id.isMemberOf(trustDomain) || !id.path.startsWith(withSlash)) {
      throw notAuthorized(id, `expected an ID under "${trustDomain.id}${withSlash}"`);
    }
  };
}

function notAuthorized(id: SpiffeId, wanted: string): SpiffeError {
  return new SpiffeError(
    'ERR_ID_NOT_AUTHORIZED',
    `SPIFFE ID "${id.toString()}" is not authorized: ${wanted}`,
  );
}
