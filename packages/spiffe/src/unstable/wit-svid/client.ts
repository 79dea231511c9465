import { createPrivateKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { systemClock } from '../../clock.ts';
import { SpiffeError } from '../../errors.ts';
import { isJsonObject, parseStrictJson } from '../../internal/json.ts';
import { GrpcClient } from '../../wire/grpc/client.ts';
import {
  emptyMessage,
  witBundlesResponse,
  witSvidRequest,
  witSvidResponse,
  WORKLOAD_API_HEADER,
  WORKLOAD_API_SERVICE,
} from '../../wire/messages/workload-api.ts';
import type { WitSvidMessage } from '../../wire/messages/workload-api.ts';
import { resolveEndpointAddress } from '../../workload-api/address.ts';
import type { WorkloadApiClientOptions } from '../../workload-api/client.ts';
import { checkBundleLimits, checkLimit, resolveLimits } from '../../workload-api/limits.ts';
import type { CheckedLimits } from '../../workload-api/limits.ts';
import type { CallOptions, Watch, WatchHandlers, WatchOptions } from '../../workload-api/options.ts';
import { checkHint, checkSameId, parseTrustDomainKey } from '../../workload-api/responses.ts';
import { StreamClient } from '../../workload-api/stream-client.ts';
import { WitBundle } from './wit-bundle.ts';
import type { WitBundleSource } from './wit-bundle.ts';
import { parseUnverifiedWitSvid } from './wit-svid.ts';
import type { WitSvid } from './wit-svid.ts';

/** Which identity of one's own to fetch WIT-SVIDs of. Default: all. */
export interface WitSvidChoice {
  readonly spiffeId?: string | undefined;
}

/**
 * Client of the WIT-SVID profile of the Workload API (Incubating, July 2026). SPIRE 1.15.3 does not offer it and answers
 * `ERR_ENDPOINT_UNIMPLEMENTED`. Errors and watches are those of WorkloadApiClient.
 */
export class WitApiClient implements AsyncDisposable {
  readonly #calls: StreamClient;
  readonly #limits: CheckedLimits;

  /** Throws SpiffeError `ERR_ENDPOINT_ADDRESS` or `ERR_SOURCE_OPTIONS`. */
  constructor(options: WorkloadApiClientOptions = {}) {
    const { keepAliveMs, maxMessageBytes, retry, timeoutMs } = options;
    this.#limits = resolveLimits(options.limits);
    this.#calls = new StreamClient({
      grpc: new GrpcClient({
        target: resolveEndpointAddress(options.address),
        maxMessageBytes,
        keepAliveMs,
        keepAliveTimeoutMs: keepAliveMs,
      }),
      service: WORKLOAD_API_SERVICE,
      metadata: { [WORKLOAD_API_HEADER]: 'true' },
      timeoutMs,
      retry,
      keepAliveMs,
      clock: options.clock ?? systemClock,
    });
  }

  /** WIT-SVIDs of the caller with their keys. At least one, not verified. */
  async fetchWitSvids(choice: WitSvidChoice = {}, options: CallOptions = {}): Promise<WitSvid[]> {
    return await this.#calls.first('FetchWITSVID', toRequest(choice), this.#decodeSvids(choice), options);
  }

  /** The WIT bundles of the caller's trust domain and of those it federates with. */
  async fetchWitBundles(options: CallOptions = {}): Promise<WitBundleSource> {
    return await this.#calls.first('FetchWITBundles', NO_FIELDS, this.#decodeBundles, options);
  }

  /** Follows the caller's WIT-SVIDs. */
  watchWitSvids(
    choice: WitSvidChoice,
    handlers: WatchHandlers<WitSvid[]>,
    options: WatchOptions = {},
  ): Watch {
    return this.#calls.watch('FetchWITSVID', toRequest(choice), this.#decodeSvids(choice), handlers, options);
  }

  /** Follows the WIT bundles. */
  watchWitBundles(handlers: WatchHandlers<WitBundleSource>, options: WatchOptions = {}): Watch {
    return this.#calls.watch('FetchWITBundles', NO_FIELDS, this.#decodeBundles, handlers, options);
  }

  /** Ends every call and watch, and the connection. */
  async close(): Promise<void> {
    await this.#calls.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #decodeSvids({ spiffeId }: WitSvidChoice): (bytes: Uint8Array) => WitSvid[] {
    return (bytes) => {
      const { svids } = witSvidResponse.decode(bytes);
      checkLimit('WIT-SVIDs', svids.length, this.#limits.maxSvids);
      if (svids.length === 0) {
        // A mandatory field at its default: the message is discarded (SPIFFE Workload API section 4.5).
        throw new SpiffeError('ERR_ENDPOINT_RESPONSE', 'The endpoint answered without any WIT-SVID');
      }
      const wanted = svids
        .map(parseWitSvidMessage)
        .filter(({ id }) => spiffeId === undefined || id.toString() === spiffeId);
      if (wanted.length === 0) {
        throw new SpiffeError(
          'ERR_NO_IDENTITY',
          'The endpoint answered without the WIT-SVID that was asked for',
        );
      }
      return wanted;
    };
  }

  readonly #decodeBundles = (bytes: Uint8Array): WitBundleSource => {
    const { bundles } = witBundlesResponse.decode(bytes);
    checkBundleLimits(bundles, this.#limits);
    const parsed = new Map(
      Array.from(bundles, ([key, jwks]) => {
        const trustDomain = parseTrustDomainKey(key);
        return [trustDomain.name, WitBundle.fromJwks(trustDomain, jwks)];
      }),
    );
    return { getWitBundle: (trustDomain) => parsed.get(trustDomain.name) };
  };
}

const NO_FIELDS: Uint8Array = emptyMessage.encode({});

function toRequest({ spiffeId = '' }: WitSvidChoice): Uint8Array {
  return witSvidRequest.encode({ spiffeId });
}

function parseWitSvidMessage(message: WitSvidMessage): WitSvid {
  const svid = parseUnverifiedWitSvid(message.witSvid, parsePrivateJwk(message.witSvidKey), {
    hint: checkHint(message.hint),
  });
  checkSameId(svid.id, message.spiffeId);
  return svid;
}

/** No message of node:crypto gets out: it could quote the key. */
function parsePrivateJwk(text: string): KeyObject {
  try {
    const jwk = parseStrictJson(text);
    if (isJsonObject(jwk) && (jwk['kty'] === 'EC' || jwk['kty'] === 'RSA')) {
      return createPrivateKey({ key: jwk, format: 'jwk' });
    }
  } catch {
    // Told below.
  }
  throw new SpiffeError(
    'ERR_SVID_KEY_MALFORMED',
    'Cannot read the key of a WIT-SVID: it must be a private JWK',
  );
}
