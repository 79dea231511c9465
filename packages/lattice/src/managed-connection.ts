import type { ConnectionOptions as TlsConnectionOptions } from 'node:tls';
import type { Auth, NatsConnection, ConnectionOptions } from '@nats-io/transport-node';
import { Backoff } from './backoff.ts';
import type { Clock } from './clock.ts';
import { sleep } from './clock.ts';
import type { ConnectionStatus, ConnectRetryOptions, LatticeConnection } from './connection-options.ts';
import { LatticeError } from './errors.ts';
import type { Logger } from './logger.ts';
import { connectPrepared } from './nats-transport.ts';
import type { AttemptHooks } from './nats-transport.ts';
import { PlannedReconnect } from './planned-reconnect.ts';

/** What differs between a connection with a JWT-SVID and one with an nkey. */
export interface Credentials {
  /** Awaited before every attempt. */
  prepare(signal: AbortSignal): Promise<void>;
  /** Answers the server, synchronously; `nonce` is the server's challenge. */
  answer(nonce: string | undefined): Auth;
}

export interface ManagedConnectionOptions {
  readonly servers: readonly string[];
  readonly name: string;
  readonly credentials: Credentials;
  readonly tls: () => TlsConnectionOptions;
  readonly inboxPrefix?: string;
  readonly retry: Required<ConnectRetryOptions>;
  readonly attemptTimeoutMs: number;
  /** Undefined: no planned reconnects. */
  readonly userExpiry: ((nats: NatsConnection) => Promise<number | undefined>) | undefined;
  readonly signal: AbortSignal | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Default `connectPrepared`. */
  readonly connect?: typeof connectPrepared;
}

/** Connects with `prepare` before each attempt and keeps the connection until it is closed. */
export async function openManagedConnection(options: ManagedConnectionOptions): Promise<LatticeConnection> {
  const { clock, logger, credentials, name, connect = connectPrepared } = options;
  const closing = new AbortController();
  const backoff = new Backoff(options.retry);
  const listeners = new Set<(status: ConnectionStatus) => void>();
  let lastError: Error | undefined;
  let reported = 0;
  let isPlanned = false;
  let isEstablished = false;
  let attemptSignal =
    options.signal === undefined ? closing.signal : AbortSignal.any([closing.signal, options.signal]);

  const emit = (status: ConnectionStatus): void => {
    logStatus(logger, name, status);
    for (const listener of listeners) listener(status);
  };
  const hooks: AttemptHooks = {
    async prepare() {
      attemptSignal.throwIfAborted();
      await credentials.prepare(attemptSignal);
      return options.tls();
    },
    failed(error) {
      lastError = asError(error);
    },
  };
  const natsOptions: Omit<ConnectionOptions, 'tls'> = {
    servers: [...options.servers],
    name,
    authenticator: (nonce?: string) => credentials.answer(nonce),
    ...(options.inboxPrefix === undefined ? {} : { inboxPrefix: options.inboxPrefix }),
    timeout: options.attemptTimeoutMs,
    maxReconnectAttempts: -1,
    // Without this, an expiry followed by one refusal would end the connection for good.
    ignoreAuthErrorAbort: true,
    pingInterval: 20_000,
    maxPingOut: 2,
    noAsyncTraces: true,
    reconnectDelayHandler: () => {
      if (isEstablished && backoff.attempts > reported) {
        reported = backoff.attempts;
        const error =
          lastError ?? new LatticeError('ERR_CONNECT_FAILED', 'Cannot connect: the attempt failed');
        emit({ type: 'attempt-failed', error, attempt: reported, retryInMs: backoff.pauseMs });
      }
      return backoff.pauseMs;
    },
    // Called once before each dial, which nothing else of the client's is.
    reconnectToServer: (servers) => {
      const isFirst = backoff.attempts === 0;
      backoff.begin();
      lastError = undefined;
      const [next] = servers;
      if (next === undefined || !isEstablished || !isFirst || isPlanned) return null;
      return { server: next, delay: backoff.firstPauseMs() };
    },
  };

  const nats = await connectFirst(options, backoff, emit, () => connect(natsOptions, hooks));
  attemptSignal = closing.signal;
  isEstablished = true;
  let isUp = true;
  const planned = new PlannedReconnect({
    clock,
    userExpiry:
      options.userExpiry === undefined
        ? undefined
        : () => options.userExpiry?.(nats) ?? Promise.resolve(undefined),
    prefetch: () => credentials.prepare(closing.signal),
    reconnect: () => {
      isPlanned = true;
      emit({ type: 'planned-reconnect' });
      void nats.reconnect();
    },
  });
  const connected = (): void => {
    backoff.succeed();
    isUp = true;
    isPlanned = false;
    reported = 0;
    lastError = undefined;
    planned.arm();
  };
  connected();

  void (async () => {
    for await (const status of nats.status()) {
      if (status.type === 'disconnect') {
        isUp = false;
        planned.disarm();
        emit({ type: 'disconnected' });
      } else if (status.type === 'reconnect') {
        const { attempts } = backoff;
        connected();
        emit({ type: 'reconnected', server: status.server, attempts });
      } else if (status.type === 'error') {
        lastError = status.error;
        emit({ type: 'error', error: status.error });
      }
    }
  })();
  const closed = nats.closed().then((error) => {
    isUp = false;
    planned.disarm();
    emit(error instanceof Error ? { type: 'closed', error } : { type: 'closed' });
  });

  emit({ type: 'connected', server: nats.getServer() });
  return {
    nats,
    closed,
    isConnected: () => isUp && !nats.isClosed(),
    userExpiresAt: () => planned.userExpiresAt,
    reconnect: () => void nats.reconnect(),
    onStatus(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async close({ isDrained = false } = {}) {
      planned.disarm();
      if (isDrained && isUp && !nats.isClosed()) await nats.drain();
      closing.abort(new LatticeError('ERR_CONNECTION_CLOSED', 'Cannot connect: the connection was closed'));
      await nats.close();
      await closed;
    },
  };
}

async function connectFirst(
  options: ManagedConnectionOptions,
  backoff: Backoff,
  emit: (status: ConnectionStatus) => void,
  connect: () => Promise<NatsConnection>,
): Promise<NatsConnection> {
  const { clock, retry, signal } = options;
  const aborted = (): boolean => signal?.aborted === true;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const nats = await connect();
      if (!aborted()) return nats;
      await nats.close();
    } catch (cause) {
      const error = asError(cause);
      const isLast = retry.attempts !== 0 && attempt >= retry.attempts;
      if (isLast || aborted()) {
        throw new LatticeError('ERR_CONNECT_FAILED', `Cannot connect to the lattice as "${options.name}"`, {
          cause,
        });
      }
      emit({ type: 'attempt-failed', error, attempt, retryInMs: backoff.pauseMs });
      await sleep(clock, backoff.pauseMs, signal);
    }
    if (aborted())
      throw new LatticeError('ERR_CONNECT_FAILED', 'Cannot connect to the lattice: it was aborted');
  }
}

function logStatus(logger: Logger, name: string, status: ConnectionStatus): void {
  const fields = { connection: name, ...status };
  if (status.type === 'attempt-failed' || status.type === 'error')
    logger.warn('lattice connection trouble', fields);
  else logger.info('lattice connection status', fields);
}

function asError(value: unknown): Error {
  return value instanceof Error ? value : new Error(String(value));
}
