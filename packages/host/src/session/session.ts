import { sleep } from '@muster/lattice';
import type { Clock, ConnectRetryOptions, LatticeConnection, Logger } from '@muster/lattice';
import { HostError } from '../errors.ts';
import type { HostIdentity } from './identity.ts';

/** The two connections of a host. */
export interface Connections {
  readonly ctl: LatticeConnection;
  readonly rpc: LatticeConnection;
}

/** What a session needs, and what it tells. */
export interface SessionOptions {
  readonly identity: Pick<HostIdentity, 'isValid' | 'onChange'>;
  /** Connects and keeps trying; `isFirst` bounds the attempts. Rejects when the signal aborts. */
  readonly connect: (
    name: 'ctl' | 'rpc',
    options: { isFirst: boolean; signal: AbortSignal },
  ) => Promise<LatticeConnection>;
  /** Both connections are there. What it throws closes them, and all is tried again. */
  readonly onUp: (connections: Connections) => Promise<void>;
  /** The control connection came back by itself: state may have changed meanwhile. */
  readonly onReconnected: () => void;
  /** The connections are gone, or about to go. */
  readonly onDown: () => void;
  readonly retry: ConnectRetryOptions;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Keeps two connections open exactly as long as the host has a valid identity. */
export interface Session {
  /** Resolves when both connections are up and `onUp` is through. Throws HostError `ERR_HOST_CONNECT_FAILED`. */
  start(): Promise<void>;
  isUp(): boolean;
  /** Ends for good. */
  stop(): Promise<void>;
}

export function createSession(options: SessionOptions): Session {
  const { identity, clock, logger } = options;
  const { attempts = 0 } = options.retry;
  const stopping = new AbortController();
  const first = Promise.withResolvers<void>();
  first.promise.catch(() => {});
  let isFirst = true;
  let isUp = false;
  let running: Promise<void> | undefined;

  /** One life of the connections; resolves when it has ended after they were up. */
  const live = async (): Promise<void> => {
    const ended = new AbortController();
    const check = (): void => {
      if (!identity.isValid() || stopping.signal.aborted) {
        ended.abort();
      }
    };
    const unsubscribe = identity.onChange(check);
    stopping.signal.addEventListener('abort', check);
    check();
    const opened: LatticeConnection[] = [];
    const open = async (name: 'ctl' | 'rpc'): Promise<LatticeConnection> => {
      ended.signal.throwIfAborted();
      const connection = await options.connect(name, { isFirst, signal: ended.signal });
      opened.push(connection);
      return connection;
    };
    try {
      const ctl = await open('ctl');
      const rpc = await open('rpc');
      let hasReconnected = false;
      ctl.onStatus(({ type }) => {
        if (type !== 'reconnected') {
          return;
        }
        hasReconnected = true;
        if (isUp) {
          options.onReconnected();
        }
      });
      await raceEnd(options.onUp({ ctl, rpc }), ended.signal, [ctl, rpc]);
      isUp = true;
      isFirst = false;
      first.resolve();
      if (hasReconnected) {
        options.onReconnected();
      }
      await Promise.race([aborted(ended.signal), ctl.closed, rpc.closed]);
      logger.warn('host disconnected', { hasIdentity: identity.isValid() });
    } finally {
      unsubscribe();
      stopping.signal.removeEventListener('abort', check);
      isUp = false;
      options.onDown();
      await Promise.all(opened.map((connection) => connection.close().catch(() => {})));
    }
  };

  const run = async (): Promise<void> => {
    let failures = 0;
    while (!stopping.signal.aborted) {
      await untilValid(identity, stopping.signal);
      try {
        await live();
        failures = 0;
        if (identity.isValid()) {
          // The server let us in and sent us away: no hurry to try that again.
          await sleep(clock, backOff(options.retry, 1), stopping.signal);
        }
      } catch (error) {
        if (stopping.signal.aborted) {
          break;
        }
        failures += 1;
        logger.warn('host connection failed', { error, failures });
        if (isFirst && attempts > 0 && failures >= attempts) {
          throw new HostError(
            'ERR_HOST_CONNECT_FAILED',
            'Cannot start a host: the lattice must be reachable',
            {
              cause: error,
            },
          );
        }
        await sleep(clock, backOff(options.retry, failures), stopping.signal);
      }
    }
  };

  return {
    start() {
      running ??= run().catch((error: unknown) => first.reject(error));
      return first.promise;
    },
    isUp: () => isUp,
    async stop() {
      stopping.abort();
      first.reject(
        new HostError('ERR_HOST_CONNECT_FAILED', 'Cannot start a host: it must not be stopped meanwhile'),
      );
      await running;
    },
  };
}

/** Ends early when the connections end, so that a request on a dead connection is not waited for. */
async function raceEnd(
  work: Promise<void>,
  signal: AbortSignal,
  connections: readonly LatticeConnection[],
): Promise<void> {
  const end = Promise.race([aborted(signal), ...connections.map(({ closed }) => closed)]).then(() => {
    throw new HostError('ERR_HOST_NOT_CONNECTED', 'Cannot serve the lattice: the connection must stay open');
  });
  work.catch(() => {});
  end.catch(() => {});
  await Promise.race([work, end]);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
    }
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function untilValid(identity: SessionOptions['identity'], signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const check = (): void => {
      if (identity.isValid() || signal.aborted) {
        unsubscribe();
        signal.removeEventListener('abort', check);
        resolve();
      }
    };
    const unsubscribe = identity.onChange(check);
    signal.addEventListener('abort', check);
    check();
  });
}

/** Doubles from the first pause to the largest, minus a random part. */
function backOff(retry: ConnectRetryOptions, failures: number): number {
  const { initialDelayMs = 500, maxDelayMs = 10_000, jitter = 0.5 } = retry;
  const full = Math.min(maxDelayMs, initialDelayMs * 2 ** Math.min(failures - 1, 30));
  return full * (1 - jitter * Math.random());
}
