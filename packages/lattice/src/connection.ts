import type { ConnectionOptions as TlsConnectionOptions } from 'node:tls';
import type { NatsConnection } from '@nats-io/transport-node';
import { matchPathPrefix, tlsClientOptions } from '@muster/spiffe';
import type { TrustDomain, X509BundleSource } from '@muster/spiffe';
import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import type {
  ConnectDependencies,
  ConnectLatticeOptions,
  ConnectRetryOptions,
  LatticeConnection,
} from './connection-options.ts';
import { JsonReader } from './json.ts';
import { silentLogger } from './logger.ts';
import { openManagedConnection } from './managed-connection.ts';
import type { Nkey } from './nkey.ts';
import { systemSubjects } from './subjects.ts';
import { TokenSlot } from './token-slot.ts';

const RETRY: Required<ConnectRetryOptions> = {
  initialDelayMs: 500,
  maxDelayMs: 10_000,
  attempts: 0,
  jitter: 0.5,
};

/**
 * Connects with a JWT-SVID over TLS to a server whose SPIFFE ID has the wanted path. Before every attempt, also when
 * reconnecting, a fresh JWT-SVID is fetched; an earlier one is sent only while it has not expired, an expired one never.
 * Throws ERR_CONNECT_FAILED when `retry.attempts` are used up or `signal` aborts.
 */
export function connectLattice(
  options: ConnectLatticeOptions,
  dependencies: ConnectDependencies = {},
): Promise<LatticeConnection> {
  const { clock = systemClock, logger = silentLogger } = dependencies;
  const { fetchToken, tokenTimeoutMs = 5_000, userExpiry = (nats) => askUserExpiry(nats, clock) } = options;
  const slot = new TokenSlot({ fetchToken, timeoutMs: tokenTimeoutMs, clock });
  return openManagedConnection({
    servers: options.servers,
    name: options.name,
    credentials: {
      prepare: (signal) => slot.prepare(signal),
      answer: () => {
        const token = slot.take();
        return token === undefined ? undefined : { auth_token: token };
      },
    },
    tls: serverTls(options.trustDomain, options.bundles, options.serverPath),
    inboxPrefix: options.inboxPrefix,
    retry: { ...RETRY, ...options.retry },
    attemptTimeoutMs: options.attemptTimeoutMs ?? 10_000,
    userExpiry: userExpiry === false ? undefined : userExpiry,
    signal: options.signal,
    clock,
    logger,
  });
}

export interface ConnectWithNkeyOptions extends Pick<
  ConnectLatticeOptions,
  'servers' | 'name' | 'trustDomain' | 'serverPath' | 'bundles' | 'retry' | 'attemptTimeoutMs' | 'signal'
> {
  /** Key of a user that nats-server's configuration names. */
  readonly nkey: Nkey;
  readonly inboxPrefix?: string;
}

/** As `connectLattice`, for the few parts that log in with an nkey because they cannot depend on the callout. */
export function connectWithNkey(
  options: ConnectWithNkeyOptions,
  dependencies: ConnectDependencies = {},
): Promise<LatticeConnection> {
  const { clock = systemClock, logger = silentLogger } = dependencies;
  const { nkey } = options;
  return openManagedConnection({
    servers: options.servers,
    name: options.name,
    credentials: {
      prepare: () => Promise.resolve(),
      answer: (nonce = '') => ({
        nkey: nkey.publicKey,
        sig: Buffer.from(nkey.sign(Buffer.from(nonce, 'utf8'))).toString('base64url'),
      }),
    },
    tls: serverTls(options.trustDomain, options.bundles, options.serverPath),
    ...(options.inboxPrefix === undefined ? {} : { inboxPrefix: options.inboxPrefix }),
    retry: { ...RETRY, ...options.retry },
    attemptTimeoutMs: options.attemptTimeoutMs ?? 10_000,
    userExpiry: undefined,
    signal: options.signal,
    clock,
    logger,
  });
}

/** TLS options are made for each attempt, so that a rotated bundle is used at once. */
function serverTls(
  trustDomain: TrustDomain,
  bundles: X509BundleSource,
  serverPath = '/nats/',
): () => TlsConnectionOptions {
  const authorize = matchPathPrefix(trustDomain, serverPath);
  return () => tlsClientOptions({ bundles, trustDomain, authorize });
}

/** When the server will end this connection, by its own account; undefined when it will not. */
async function askUserExpiry(nats: NatsConnection, clock: Clock): Promise<number | undefined> {
  const answer = await nats.request(systemSubjects.userInfo, undefined, { timeout: 5_000 });
  const data = new JsonReader('user info', JsonReader.decode('user info', answer.data).object('data'));
  if (!data.has('expires')) return undefined;
  const remainingNs = data.value('expires');
  return typeof remainingNs === 'number' ? clock.now() + remainingNs / 1e6 : undefined;
}
