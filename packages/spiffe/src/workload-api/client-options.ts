import type { Clock } from '../clock.ts';
import { WorkloadApiClient } from './client.ts';
import type { RetryOptions } from './options.ts';

/** Where a source gets its state from. */
export interface ClientOptions {
  /** `unix:///absolute/path`, `unix:/absolute/path` or `tcp://ip:port`. Default: that of the environment variable `SPIFFE_ENDPOINT_SOCKET`. */
  readonly address?: string | undefined;
  /** A client to use in place of one of the source's own. It stays the caller's to close; sources of one client share its connection, and equal streams. */
  readonly client?: WorkloadApiClient | undefined;
  /** How streams come back. Not for a client that is given. */
  readonly retry?: RetryOptions | undefined;
}

export interface OpenedClient {
  readonly workloadApi: WorkloadApiClient;
  /** Closes the client if it is the source's own. */
  release(): Promise<void>;
}

/** Throws SpiffeError `ERR_ENDPOINT_ADDRESS`. */
export function openClient(
  options: ClientOptions & { readonly timeoutMs?: number | undefined },
  clock: Clock,
): OpenedClient {
  if (options.client !== undefined) {
    return { workloadApi: options.client, release: async () => {} };
  }
  const { address, retry } = options;
  const workloadApi = new WorkloadApiClient({ address, retry, clock });
  return {
    workloadApi,
    release: async () => {
      await workloadApi.close();
    },
  };
}
