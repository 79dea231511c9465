import { connect } from '@nats-io/transport-node';
import type { ConnectionOptions } from '@nats-io/transport-node';
import { connectLattice, inboxPrefix } from '@muster/lattice';
import type { ConnectLatticeOptions, LatticeConnection } from '@muster/lattice';
import { matchPathPrefix, parseUnverifiedJwtSvid, tlsClientOptions } from '@muster/spiffe';
import { AUDIENCE, HOST_ID } from './fixture.ts';
import type { Fixture } from './fixture.ts';

/** How an attempt with raw credentials ended, and how long it took. */
export interface Attempt {
  readonly isIn: boolean;
  readonly error: string;
  readonly tookMs: number;
}

/** One attempt of the plain NATS client, which sends whatever it is given. */
export async function attempt(
  fixture: Fixture,
  credentials: ConnectionOptions,
  name = 'ctl',
): Promise<Attempt> {
  const startedAt = performance.now();
  const tls = tlsClientOptions({
    bundles: fixture.ca.bundle,
    trustDomain: fixture.trustDomain,
    authorize: matchPathPrefix(fixture.trustDomain, '/nats/'),
  }) as NonNullable<ConnectionOptions['tls']>;
  try {
    const nats = await connect({
      servers: fixture.url,
      name,
      tls,
      reconnect: false,
      timeout: 10_000,
      ...credentials,
    });
    await nats.close();
    return { isIn: true, error: '', tookMs: performance.now() - startedAt };
  } catch (error) {
    return { isIn: false, error: String(error), tookMs: performance.now() - startedAt };
  }
}

/** A connection as hosts and operators make it, with JWT-SVIDs of the fixture's issuer. */
export function connectAs(
  fixture: Fixture,
  spiffeId: string = HOST_ID,
  options: Partial<ConnectLatticeOptions> = {},
): Promise<LatticeConnection> {
  return connectLattice({
    servers: [fixture.url],
    name: 'ctl',
    trustDomain: fixture.trustDomain,
    bundles: fixture.ca.bundle,
    fetchToken: () =>
      Promise.resolve(parseUnverifiedJwtSvid(fixture.issuer.issue(spiffeId, AUDIENCE, freshTimes()))),
    inboxPrefix: inboxPrefix(spiffeId),
    retry: { initialDelayMs: 50, maxDelayMs: 200, attempts: 1 },
    ...options,
  });
}

/** The issuer's own clock stands still; a real one does not. */
export function freshTimes(lifeSeconds = 60): { claims: { iat: number; exp: number } } {
  const now = Math.floor(Date.now() / 1_000);
  return { claims: { iat: now, exp: now + lifeSeconds } };
}

/** Resolves when `isDone` says so; rejects after `timeoutMs`. */
export async function eventually(what: string, isDone: () => boolean, timeoutMs = 10_000): Promise<void> {
  const until = Date.now() + timeoutMs;
  while (!isDone()) {
    if (Date.now() > until) throw new Error(`did not happen within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
