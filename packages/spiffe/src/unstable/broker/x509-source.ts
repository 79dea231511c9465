import { systemClock } from '../../clock.ts';
import { isSpiffeError, SpiffeError } from '../../errors.ts';
import { openX509Source } from '../../workload-api/x509-source.ts';
import type { X509Source, X509SourceOptions } from '../../workload-api/x509-source.ts';
import type { BrokerClient } from './client.ts';
import type { WorkloadReference } from './reference.ts';

/** Whose identity to follow, and on whose behalf. */
export type BrokeredX509SourceOptions = Omit<X509SourceOptions, 'address' | 'client' | 'retry' | 'denial'> & {
  /** It stays the caller's to close. */
  readonly client: BrokerClient;
  /** The workload whose identity it is. */
  readonly reference: WorkloadReference;
};

/**
 * The X.509-SVID and bundles of another workload, kept up to date. All of it is let go of once the workload is not found
 * or not entitled any more; after the first there is no way back. A server need not notice that the workload has ended, so
 * close the source when it does. Throws as `createX509Source` does, and `ERR_WORKLOAD_REFERENCE` or `ERR_NO_IDENTITY`.
 */
export async function createBrokeredX509Source(options: BrokeredX509SourceOptions): Promise<X509Source> {
  const { client, reference, ...rest } = options;
  const origin = {
    workloadApi: {
      watchX509Context: ((handlers, watchOptions) =>
        client.watchX509Context(
          reference,
          {
            onUpdate: handlers.onUpdate.bind(handlers),
            onError: (error, retryInMs) => handlers.onError?.(toDenial(error), retryInMs),
          },
          watchOptions,
        )) satisfies BrokerWatch,
    },
    release: async () => {},
  };
  return await openX509Source(() => origin, { ...rest, denial: 'withdraw-all' }, rest.clock ?? systemClock);
}

type BrokerWatch = (
  handlers: Parameters<BrokerClient['watchX509Context']>[1],
  options?: Parameters<BrokerClient['watchX509Context']>[2],
) => ReturnType<BrokerClient['watchX509Context']>;

/** To whoever uses the SVID, a workload that has ended is one that has no identity. */
function toDenial(error: Error): Error {
  return isSpiffeError(error) && error.code === 'ERR_WORKLOAD_NOT_FOUND'
    ? new SpiffeError('ERR_NO_IDENTITY', error.message, { cause: error })
    : error;
}
