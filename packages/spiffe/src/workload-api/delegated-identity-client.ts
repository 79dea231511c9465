import type { JwtBundleSet, X509BundleSet } from '../bundle/bundle-set.ts';
import { systemClock } from '../clock.ts';
import { SpiffeError } from '../errors.ts';
import { SpiffeId } from '../id/spiffe-id.ts';
import { TrustDomain } from '../id/trust-domain.ts';
import type { JwtSvid } from '../svid/jwt-svid.ts';
import { parseX509Svid } from '../svid/x509-svid.ts';
import type { X509Svid } from '../svid/x509-svid.ts';
import { GrpcClient } from '../wire/grpc/client.ts';
import {
  DELEGATED_IDENTITY_SERVICE,
  fetchJwtSvidsRequest,
  fetchJwtSvidsResponse,
  subscribeToJwtBundlesResponse,
  subscribeToX509BundlesResponse,
  subscribeToX509SvidsRequest,
  subscribeToX509SvidsResponse,
} from '../wire/messages/delegated-identity.ts';
import type { SpiffeIdMessage } from '../wire/messages/delegated-identity.ts';
import { emptyMessage } from '../wire/messages/workload-api.ts';
import type { StreamClientSettings } from './client.ts';
import { checkLimit, resolveLimits } from './limits.ts';
import type { CheckedLimits } from './limits.ts';
import type { CallOptions, Watch, WatchHandlers, WatchOptions } from './options.ts';
import { checkAudience, listIgnored, parseJwtBundles, parseJwtSvids, parseX509Bundles } from './responses.ts';
import { StreamClient } from './stream-client.ts';
import type { Decoder } from './stream-client.ts';

/** One fact about a workload, such as type `wasm` and value `app:shop`. */
export interface Selector {
  readonly type: string;
  readonly value: string;
}

/** Where the agent's admin socket is, and the limits of its client. */
export interface DelegatedIdentityClientOptions extends StreamClientSettings {
  /** `unix:///absolute/path` or `unix:/absolute/path` of the agent's admin socket. */
  readonly address: string;
}

/** The workload a delegate asks for: by what it knows of it, or by its process. */
export type DelegatedWorkload = { readonly selectors: readonly Selector[] } | { readonly pid: number };

/** The X.509-SVIDs of a workload; none when no registration entry matches it. */
export interface DelegatedX509Svids {
  readonly svids: readonly X509Svid[];
  readonly federatesWith: readonly string[];
}

/**
 * Client of SPIRE's Delegated Identity API: fetches SVIDs on behalf of other workloads. The endpoint believes the
 * selectors it is given, so the caller answers for them. Errors are those of WorkloadApiClient.
 */
export class DelegatedIdentityClient implements AsyncDisposable {
  readonly #calls: StreamClient;
  readonly #limits: CheckedLimits;

  /** Throws SpiffeError `ERR_ENDPOINT_ADDRESS` or `ERR_SOURCE_OPTIONS`. */
  constructor(options: DelegatedIdentityClientOptions) {
    this.#limits = resolveLimits(options.limits);
    this.#calls = new StreamClient({
      grpc: new GrpcClient({
        address: options.address,
        maxMessageBytes: options.maxMessageBytes,
        keepAliveMs: options.keepAliveMs,
        keepAliveTimeoutMs: options.keepAliveMs,
      }),
      service: DELEGATED_IDENTITY_SERVICE,
      timeoutMs: options.timeoutMs,
      keepAliveMs: options.keepAliveMs,
      retry: options.retry,
      clock: options.clock ?? systemClock,
    });
  }

  /** New JWT-SVIDs of the workload for an audience. At least one, not verified. Throws as `WorkloadApiClient.fetchJwtSvids`. */
  async fetchJwtSvids(
    request: DelegatedWorkload & { readonly audience: readonly string[] },
    options: CallOptions = {},
  ): Promise<JwtSvid[]> {
    checkAudience(request.audience);
    const bytes = fetchJwtSvidsRequest.encode({ audience: request.audience, ...toMessage(request) });
    const decode = (answer: Uint8Array): JwtSvid[] => {
      const messages = fetchJwtSvidsResponse.decode(answer).svids.map(({ token, id, hint }) => ({
        svid: token,
        spiffeId: parseId(id).toString(),
        hint,
      }));
      return parseJwtSvids(messages, { audience: request.audience }, this.#limits);
    };
    return await this.#calls.unary('FetchJWTSVIDs', bytes, decode, options);
  }

  /** Follows the X.509-SVIDs of the workload. */
  watchX509Svids(
    workload: DelegatedWorkload,
    handlers: WatchHandlers<DelegatedX509Svids>,
    options: WatchOptions = {},
  ): Watch {
    const bytes = subscribeToX509SvidsRequest.encode(toMessage(workload));
    const decoder: Decoder<DelegatedX509Svids> = {
      decode: (answer) => decodeX509Svids(answer, this.#limits),
      findNotes: () => [],
    };
    return this.#calls.watch('SubscribeToX509SVIDs', bytes, decoder, handlers, options);
  }

  /** Follows the X.509 bundles of all trust domains the endpoint knows. */
  watchX509Bundles(handlers: WatchHandlers<X509BundleSet>, options: WatchOptions = {}): Watch {
    const decoder: Decoder<X509BundleSet> = {
      decode: (bytes) =>
        parseX509Bundles(subscribeToX509BundlesResponse.decode(bytes).caCertificates, this.#limits),
      findNotes: listIgnored,
    };
    return this.#calls.watch('SubscribeToX509Bundles', emptyMessage.encode({}), decoder, handlers, options);
  }

  /** Follows the JWT bundles of all trust domains the endpoint knows. */
  watchJwtBundles(handlers: WatchHandlers<JwtBundleSet>, options: WatchOptions = {}): Watch {
    const decoder: Decoder<JwtBundleSet> = {
      decode: (bytes) => parseJwtBundles(subscribeToJwtBundlesResponse.decode(bytes).bundles, this.#limits),
      findNotes: listIgnored,
    };
    return this.#calls.watch('SubscribeToJWTBundles', emptyMessage.encode({}), decoder, handlers, options);
  }

  /** Ends every call and watch, and the connection. */
  async close(): Promise<void> {
    await this.#calls.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function toMessage(workload: DelegatedWorkload): {
  readonly selectors: readonly Selector[];
  readonly pid: number;
} {
  const selectors = 'selectors' in workload ? workload.selectors : [];
  const pid = 'pid' in workload ? workload.pid : 0;
  if (selectors.length === 0 && pid === 0) {
    throw new SpiffeError(
      'ERR_REQUEST_REFUSED',
      'Cannot ask for a workload: there must be selectors or a process ID',
    );
  }
  return { selectors, pid };
}

function decodeX509Svids(bytes: Uint8Array, limits: CheckedLimits): DelegatedX509Svids {
  const response = subscribeToX509SvidsResponse.decode(bytes);
  checkLimit('X.509-SVIDs', response.x509Svids.length, limits.maxSvids);
  const svids = response.x509Svids.map(({ x509Svid, x509SvidKey }) => {
    const svid = parseX509Svid(Buffer.concat(x509Svid?.certChain ?? []), x509SvidKey, {
      hint: x509Svid?.hint,
    });
    if (!svid.id.equals(parseId(x509Svid?.id))) {
      throw new SpiffeError(
        'ERR_SVID_ID_MISMATCH',
        `The endpoint sent the SVID of "${svid.id.toString()}" under another ID`,
      );
    }
    return svid;
  });
  return { svids, federatesWith: response.federatesWith };
}

function parseId(id: SpiffeIdMessage | undefined): SpiffeId {
  if (id === undefined) {
    throw new SpiffeError('ERR_ENDPOINT_RESPONSE', 'The endpoint sent an SVID without its SPIFFE ID');
  }
  return SpiffeId.fromPath(TrustDomain.parse(id.trustDomain), id.path);
}
