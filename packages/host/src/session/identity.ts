import { createJwtSource, createX509Source } from '@muster/spiffe';
import type { JwtSvid, RetryOptions, X509BundleSource, X509Source } from '@muster/spiffe';
import type { Clock, Logger } from '@muster/lattice';
import type { ResolvedHostConfig } from '../config.ts';
import { HostError } from '../errors.ts';

/** The host's own identity. */
export interface HostIdentity {
  readonly bundles: X509BundleSource;
  /** True while the X.509-SVID is there and not past its end. Cheap: asked for every HTTP request. */
  isValid(): boolean;
  /** Called when `isValid` may have changed. */
  onChange(listener: () => void): () => void;
  /** A JWT-SVID made for this connection attempt, for the callout's audience. */
  fetchToken(options: { readonly signal: AbortSignal }): Promise<JwtSvid>;
  close(): Promise<void>;
}

/**
 * Waits for the host's X.509-SVID, by its SPIFFE ID. Nothing else of a host happens before it is there. Throws HostError
 * `ERR_HOST_NO_IDENTITY` after `identityTimeoutMs`, and the reason of `signal`.
 */
export async function openHostIdentity(
  config: ResolvedHostConfig,
  deps: { readonly clock: Clock; readonly logger: Logger; readonly signal?: AbortSignal | undefined },
): Promise<HostIdentity> {
  const { clock, logger, signal } = deps;
  const spiffeId = config.spiffeId.toString();
  const address = config.workloadApi;
  let source: X509Source;
  try {
    source = await createX509Source({
      address,
      spiffeId,
      timeoutMs: config.identityTimeoutMs,
      retry: workloadApiRetry(config),
      clock,
      ...(signal === undefined ? {} : { signal }),
      onError: (error, retryInMs) => logger.warn('workload api not usable', { error, retryInMs }),
    });
  } catch (cause) {
    signal?.throwIfAborted();
    throw new HostError(
      'ERR_HOST_NO_IDENTITY',
      `Cannot start a host: the Workload API must issue "${spiffeId}"`,
      {
        cause,
      },
    );
  }
  const tokens = createJwtSource({ address, spiffeId, clock });
  return watchValidity(source, clock, {
    fetchToken: ({ signal }) => tokens.fetchJwtSvid({ audience: config.audience, isFresh: true, signal }),
    close: async () => {
      await Promise.all([source.close(), tokens.close()]);
    },
  });
}

/** The pace of connection attempts holds for the Workload API too, but asking it never ends. */
function workloadApiRetry({ retry }: ResolvedHostConfig): RetryOptions {
  const { initialDelayMs = 500, maxDelayMs = 10_000 } = retry;
  return { initialDelayMs, maxDelayMs };
}

/** Adds a timer of our own to what the source reports: the end of an SVID is noticed even if nobody says so. */
export function watchValidity(
  source: Pick<X509Source, 'state' | 'getX509Svid' | 'getX509Bundle' | 'onChange'>,
  clock: Clock,
  rest: Pick<HostIdentity, 'fetchToken' | 'close'>,
): HostIdentity {
  const listeners = new Set<() => void>();
  let expiresAt = 0;
  let timer: ReturnType<Clock['setTimeout']> | undefined;
  const notify = (): void => {
    for (const listener of listeners) {
      listener();
    }
  };
  const look = (): void => {
    expiresAt = source.state() === 'valid' ? source.getX509Svid().expiresAt : 0;
    if (timer !== undefined) {
      clock.clearTimeout(timer);
      timer = undefined;
    }
    const remaining = expiresAt - clock.now();
    if (remaining > 0) {
      timer = clock.setTimeout(remaining > MAX_TIMER_MS ? look : notify, Math.min(remaining, MAX_TIMER_MS));
    }
  };
  const unsubscribe = source.onChange(() => {
    look();
    notify();
  });
  look();
  return {
    bundles: source,
    isValid: () => clock.now() < expiresAt,
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    fetchToken: rest.fetchToken,
    async close() {
      unsubscribe();
      listeners.clear();
      expiresAt = 0;
      if (timer !== undefined) {
        clock.clearTimeout(timer);
      }
      await rest.close();
    },
  };
}

const MAX_TIMER_MS = 86_400_000;
