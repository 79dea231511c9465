import { SpiffeError } from '../errors.ts';

/** What a message of the endpoint may hold at most. More is refused as a whole, and nothing of it is used. */
export interface ResponseLimits {
  /** SVIDs in one message. Default 256. */
  readonly maxSvids?: number | undefined;
  /** Bundles in one message. Default 1000. */
  readonly maxBundles?: number | undefined;
  /** Bytes of one bundle. Default 1 MiB. */
  readonly maxBundleBytes?: number | undefined;
}

export type CheckedLimits = { readonly [K in keyof ResponseLimits]-?: number };

export const DEFAULT_LIMITS: CheckedLimits = { maxSvids: 256, maxBundles: 1000, maxBundleBytes: 1024 * 1024 };

/** Fills in the defaults. Throws SpiffeError `ERR_SOURCE_OPTIONS` for what is not a positive integer. */
export function resolveLimits(limits: ResponseLimits = {}): CheckedLimits {
  const given = Object.entries(limits).filter(([, value]) => value !== undefined);
  for (const [name, value] of given) {
    if (!Number.isSafeInteger(value) || (value as number) < 1) {
      throw new SpiffeError(
        'ERR_SOURCE_OPTIONS',
        `Cannot create client: ${name} must be a positive integer, not ${String(value)}`,
      );
    }
  }
  return { ...DEFAULT_LIMITS, ...Object.fromEntries(given) };
}

/** Throws SpiffeError `ERR_ENDPOINT_LIMIT`. */
export function checkLimit(what: string, value: number, limit: number): void {
  if (value > limit) {
    throw new SpiffeError(
      'ERR_ENDPOINT_LIMIT',
      `The endpoint sent ${value} ${what}, and must send at most ${limit}`,
    );
  }
}

/** Checks the number of bundles and the size of each. Throws SpiffeError `ERR_ENDPOINT_LIMIT`. */
export function checkBundleLimits(bundles: ReadonlyMap<string, Uint8Array>, limits: CheckedLimits): void {
  checkLimit('bundles', bundles.size, limits.maxBundles);
  for (const bytes of bundles.values()) {
    checkLimit('bytes of a bundle', bytes.length, limits.maxBundleBytes);
  }
}
