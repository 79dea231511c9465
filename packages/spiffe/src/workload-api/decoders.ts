import type { JwtBundleSet, X509BundleSet } from '../bundle/bundle-set.ts';
import { jwtBundlesResponse, x509BundlesResponse } from '../wire/messages/workload-api.ts';
import type { CheckedLimits } from './limits.ts';
import { listIgnored, parseJwtBundles, parseX509Bundles } from './responses.ts';
import type { Decoder } from './stream-client.ts';

/** Reads the messages with bundles that the Workload API and the Broker API have in common. */
export function createBundleDecoders(limits: CheckedLimits): {
  readonly x509Bundles: Decoder<X509BundleSet>;
  readonly jwtBundles: Decoder<JwtBundleSet>;
} {
  return {
    x509Bundles: {
      decode: (bytes) => parseX509Bundles(x509BundlesResponse.decode(bytes).bundles, limits),
      findNotes: listIgnored,
    },
    jwtBundles: {
      decode: (bytes) => parseJwtBundles(jwtBundlesResponse.decode(bytes).bundles, limits),
      findNotes: listIgnored,
    },
  };
}
