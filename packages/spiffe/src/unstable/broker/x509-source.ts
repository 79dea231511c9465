import { systemClock } from '../../clock.ts';
import type { Clock } from '../../clock.ts';
import { isSpiffeError, SpiffeError } from '../../errors.ts';
import type { Watch, WatchHandlers } from '../../workload-api/options.ts';
import type { X509Context } from '../../workload-api/responses.ts';
import { openX509Source } from '../../workload-api/x509-source.ts';
import type { X509Source, X509SourceOptions } from '../../workload-api/x509-source.ts';
import type { BrokerClient } from './client.ts';
import { followProcess } from './process-life.ts';
import type { WorkloadReference } from './reference.ts';

const LIFE_CHECK_MS = 1000;

/** Whose identity to follow, and how. */
export type BrokeredX509SourceOptions = Omit<X509SourceOptions, 'address' | 'client' | 'retry' | 'denial'> & {
  /** It stays the caller's to close. */
  readonly client: BrokerClient;
  /** The workload. */
  readonly reference: WorkloadReference;
  /** Asked once a second and at each update. Once it says no or throws, all is let go of for good. Default: for a process of this machine, whether it is still the same; for others always yes. */
  readonly isAlive?: (() => boolean) | undefined;
};

/**
 * The X.509-SVID and bundles of another workload, kept up to date. All of it is let go of once the workload has ended, is
 * not found or not entitled any more; after the first two there is no way back. Throws as `createX509Source` does, and
 * `ERR_WORKLOAD_REFERENCE` or `ERR_WORKLOAD_NOT_FOUND`.
 */
export async function createBrokeredX509Source(options: BrokeredX509SourceOptions): Promise<X509Source> {
  const { client, reference, isAlive, ...rest } = options;
  const clock = options.clock ?? systemClock;
  const life = isAlive ?? ('pid' in reference ? followProcess(reference.pid) : () => true);
  const origin = {
    workloadApi: {
      watchX509Context: (handlers: WatchHandlers<X509Context>) =>
        watchWhileAlive(client, reference, life, handlers, clock),
    },
    release: async () => {},
  };
  return await openX509Source(() => origin, { ...rest, denial: 'withdraw-all' }, clock);
}

/** Servers need not notice the end of a workload, and would give the SVID of another one that is given its process ID. */
function watchWhileAlive(
  client: BrokerClient,
  reference: WorkloadReference,
  isAlive: () => boolean,
  handlers: WatchHandlers<X509Context>,
  clock: Clock,
): Watch {
  const ending = new AbortController();
  let death: SpiffeError | undefined;
  let timer: unknown;
  const check = (): boolean => {
    const found = death === undefined ? findDeath(isAlive) : undefined;
    if (found !== undefined) {
      death = found;
      ending.abort();
      handlers.onError?.(toDenial(found), undefined);
    }
    return death === undefined;
  };
  const tick = (): void => {
    if (check()) {
      timer = clock.setTimeout(tick, LIFE_CHECK_MS);
    }
  };
  const watch = client.watchX509Context(
    reference,
    {
      onUpdate: (context) => {
        if (check()) {
          handlers.onUpdate(context);
        }
      },
      onError: (error, retryInMs) => {
        if (check()) {
          handlers.onError?.(toDenial(error), retryInMs);
        }
      },
    },
    { signal: ending.signal },
  );
  const ended = watch.ended.then((error) => {
    clock.clearTimeout(timer);
    return death ?? error;
  });
  tick();
  const close = async (): Promise<void> => {
    clock.clearTimeout(timer);
    await watch.close();
  };
  return { ended, close, [Symbol.asyncDispose]: close };
}

/** Who cannot tell whether the workload is alive has no ground to use its SVID. */
function findDeath(isAlive: () => boolean): SpiffeError | undefined {
  try {
    return isAlive() ? undefined : new SpiffeError('ERR_WORKLOAD_NOT_FOUND', 'The workload has ended');
  } catch (error) {
    return new SpiffeError('ERR_WORKLOAD_NOT_FOUND', 'Nobody can tell whether the workload is alive', {
      cause: error,
    });
  }
}

/** To whoever uses the SVID, a workload that has ended is one that has no identity. */
function toDenial(error: Error): Error {
  return isSpiffeError(error) && error.code === 'ERR_WORKLOAD_NOT_FOUND'
    ? new SpiffeError('ERR_NO_IDENTITY', error.message, { cause: error })
    : error;
}
