import type { TestCa, TestX509Svid } from '@muster/testing';

import { jwtBundlesResponse, x509BundlesResponse, x509SvidResponse } from '../../src/wire/index.ts';

/** Retries so fast that a test need not wait. */
export const FAST_RETRY = { initialDelayMs: 1, maxDelayMs: 5, jitter: 0 } as const;

export interface OfferedSvid {
  readonly id: string;
  readonly svid: TestX509Svid;
  readonly bundle: Uint8Array;
  readonly hint?: string;
}

/** A FetchX509SVID response as bytes. */
export function x509Message(offered: readonly OfferedSvid[], federated: readonly TestCa[] = []): Uint8Array {
  return x509SvidResponse.encode({
    svids: offered.map(({ id, svid, bundle, hint = '' }) => ({
      spiffeId: id,
      x509Svid: svid.chainDer,
      x509SvidKey: svid.keyDer,
      bundle,
      hint,
    })),
    crl: [],
    federatedBundles: new Map(federated.map((ca) => [ca.trustDomain.id, ca.certificate])),
  });
}

export function x509BundlesMessage(authorities: readonly TestCa[]): Uint8Array {
  return x509BundlesResponse.encode({
    crl: [],
    bundles: new Map(authorities.map((ca) => [ca.trustDomain.id, ca.certificate])),
  });
}

export function jwtBundlesMessage(bundles: Readonly<Record<string, string>>): Uint8Array {
  return jwtBundlesResponse.encode({
    bundles: new Map(Object.entries(bundles).map(([key, jwks]) => [key, Buffer.from(jwks)])),
  });
}

/** Waits until a condition holds, looking again after each turn of the event loop. The runner's time limit ends a wait in vain. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}
