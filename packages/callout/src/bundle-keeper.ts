import { sleep } from '@muster/lattice';
import type { Clock, Logger } from '@muster/lattice';
import { createBundleSource } from '@muster/spiffe';
import type { JwtBundleSource, X509BundleSource } from '@muster/spiffe';

/** Bundles that are followed until they are closed. */
export interface FollowedBundles extends X509BundleSource, JwtBundleSource, AsyncDisposable {
  /** Calls the listener after each change. Returns how to stop that. */
  onChange(listener: () => void): () => void;
  close(): Promise<void>;
}

export interface BundleKeeperOptions {
  /** Opens the streams; rejects when there are no bundles. `onEnd` is told when they ended for good or were denied. */
  readonly open: (onEnd: (error: Error) => void, signal: AbortSignal) => Promise<FollowedBundles>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal | undefined;
}

const RETRY_MS = 1_000;

/**
 * Bundles that are followed for as long as the callout runs. While the Workload API is away the last ones stay in use. When
 * it says that the callout has no identity any more they are dropped, so that nobody gets in, until it has one again.
 */
export async function keepBundles(options: BundleKeeperOptions): Promise<FollowedBundles> {
  const { clock, logger, open, signal } = options;
  const closing = new AbortController();
  const stop = (): void => closing.abort();
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted === true) stop();
  const listeners = new Set<() => void>();
  let present: FollowedBundles | undefined;
  let usable: (X509BundleSource & JwtBundleSource) | undefined;
  const notify = (): void => {
    for (const listener of listeners) listener();
  };

  const onEnd = (error: Error): void => {
    logger.warn('Workload API ended the bundle stream', { error });
    if (isDenial(error)) {
      usable = undefined;
      notify();
    }
    const ended = present;
    present = undefined;
    // Before the first bundles there is nothing to replace: `acquire` is still at it.
    if (ended !== undefined) void replace(ended);
  };
  const acquire = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      try {
        present = await open(onEnd, closing.signal);
        usable = present;
        present.onChange(notify);
        notify();
        return;
      } catch (error) {
        if (!closing.signal.aborted)
          logger.warn('no bundles from the Workload API', { error, retryInMs: RETRY_MS });
        await sleep(clock, RETRY_MS, closing.signal);
      }
    }
  };
  const replace = async (ended: FollowedBundles): Promise<void> => {
    await ended.close().catch(() => {});
    await sleep(clock, RETRY_MS, closing.signal);
    await acquire();
  };

  await acquire();
  closing.signal.throwIfAborted();
  signal?.removeEventListener('abort', stop);
  const close = async (): Promise<void> => {
    closing.abort();
    listeners.clear();
    await present?.close();
  };
  return {
    getJwtBundle: (trustDomain) => usable?.getJwtBundle(trustDomain),
    getX509Bundle: (trustDomain) => usable?.getX509Bundle(trustDomain),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function isDenial(error: Error): boolean {
  return (error as { code?: unknown }).code === 'ERR_NO_IDENTITY';
}

/** Follows the Workload API at `address`. Resolves with the first bundles, however long that takes. */
export function watchBundles(
  address: string,
  options: Pick<BundleKeeperOptions, 'clock' | 'logger' | 'signal'>,
): Promise<FollowedBundles> {
  const { clock, logger } = options;
  return keepBundles({
    ...options,
    open: (onEnd, signal) =>
      createBundleSource({
        address,
        clock,
        signal,
        onError: (error, retryInMs) => {
          // A denied stream is tried again as well, but what it brought before must not be used meanwhile.
          if (retryInMs === undefined || isDenial(error)) onEnd(error);
          else logger.warn('Workload API is away, keeping the last bundles', { error, retryInMs });
        },
      }),
  });
}
