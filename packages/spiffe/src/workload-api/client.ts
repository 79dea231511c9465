import type { JwtBundleSet, X509BundleSet } from '../bundle/bundle-set.ts';
import { systemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { SpiffeId } from '../id/spiffe-id.ts';
import type { JwtSvid } from '../svid/jwt-svid.ts';
import { GrpcClient } from '../wire/grpc/client.ts';
import {
  emptyMessage,
  jwtSvidRequest,
  jwtSvidResponse,
  validateJwtSvidRequest,
  validateJwtSvidResponse,
  WORKLOAD_API_HEADER,
  WORKLOAD_API_SERVICE,
  x509SvidResponse,
} from '../wire/messages/workload-api.ts';
import { resolveEndpointAddress } from './address.ts';
import { parseResponse } from './errors.ts';
import { createBundleDecoders } from './decoders.ts';
import { resolveLimits } from './limits.ts';
import type { CheckedLimits, ResponseLimits } from './limits.ts';
import type { CallOptions, RetryOptions, Watch, WatchHandlers, WatchOptions } from './options.ts';
import { checkAudience, listIgnored, parseJwtSvids, parseX509Context } from './responses.ts';
import type { X509Context } from './responses.ts';
import { StreamClient } from './stream-client.ts';
import type { Decoder } from './stream-client.ts';

/** What the clients of both APIs have in common. */
export interface StreamClientSettings {
  /** Default time limit of a fetch, in ms. Default 10000. */
  readonly timeoutMs?: number | undefined;
  /** How watches come back. */
  readonly retry?: RetryOptions | undefined;
  /** Default: the system's time. */
  readonly clock?: Clock | undefined;
  /** Largest message that is accepted, in bytes. Default 4 MiB. */
  readonly maxMessageBytes?: number | undefined;
  /** While a stream is open the endpoint is asked for a sign of life so often, and given up when it is silent for as long, in ms. Default 3000. */
  readonly keepAliveMs?: number | undefined;
  /** What a message may hold at most. */
  readonly limits?: ResponseLimits | undefined;
}

/** Where the Workload API is, and the limits of its client. */
export interface WorkloadApiClientOptions extends StreamClientSettings {
  /** `unix:///absolute/path`, `unix:/absolute/path` or `tcp://ip:port`. Default: that of the environment variable `SPIFFE_ENDPOINT_SOCKET`. */
  readonly address?: string | undefined;
}

/** What the endpoint found in a token. */
export interface ValidatedJwtSvid {
  readonly id: SpiffeId;
  readonly claims: Readonly<Record<string, unknown>>;
}

/**
 * Client of the SPIFFE Workload API. Fetches throw a SpiffeError: `ERR_NO_IDENTITY` where the endpoint denies,
 * `ERR_ENDPOINT_UNAVAILABLE`, `ERR_REQUEST_REFUSED`, `ERR_TIMEOUT`, `ERR_ABORTED` or what a bad response deserves.
 * Watches come back by themselves. Nothing is opened before the first call.
 */
export class WorkloadApiClient implements AsyncDisposable {
  readonly #calls: StreamClient;
  readonly #limits: CheckedLimits;
  readonly #decoders: ReturnType<typeof createBundleDecoders>;

  /** Throws SpiffeError `ERR_ENDPOINT_ADDRESS` or `ERR_SOURCE_OPTIONS`. */
  constructor(options: WorkloadApiClientOptions = {}) {
    this.#limits = resolveLimits(options.limits);
    this.#decoders = createBundleDecoders(this.#limits);
    this.#calls = new StreamClient({
      grpc: new GrpcClient({
        target: resolveEndpointAddress(options.address),
        maxMessageBytes: options.maxMessageBytes,
        keepAliveMs: options.keepAliveMs,
        keepAliveTimeoutMs: options.keepAliveMs,
      }),
      service: WORKLOAD_API_SERVICE,
      metadata: { [WORKLOAD_API_HEADER]: 'true' },
      timeoutMs: options.timeoutMs,
      keepAliveMs: options.keepAliveMs,
      retry: options.retry,
      clock: options.clock ?? systemClock,
    });
  }

  readonly #x509Context: Decoder<X509Context> = {
    decode: (bytes) => parseX509Context(x509SvidResponse.decode(bytes), this.#limits),
    findNotes: ({ bundles }) => listIgnored(bundles),
  };

  /** All X.509-SVIDs of the caller with their bundles (SPIFFE Workload API section 5.2.1). */
  async fetchX509Context(options: CallOptions = {}): Promise<X509Context> {
    return await this.#calls.first('FetchX509SVID', NO_FIELDS, this.#x509Context, options);
  }

  /** The X.509 bundles of the caller's trust domain and of those it federates with (SPIFFE Workload API section 5.2.2). */
  async fetchX509Bundles(options: CallOptions = {}): Promise<X509BundleSet> {
    return await this.#calls.first('FetchX509Bundles', NO_FIELDS, this.#decoders.x509Bundles, options);
  }

  /** New JWT-SVIDs for an audience: of one identity of the caller, or of all (SPIFFE Workload API section 6.2.1). At least one, not verified. */
  async fetchJwtSvids(
    request: { readonly audience: readonly string[]; readonly spiffeId?: string | undefined },
    options: CallOptions = {},
  ): Promise<JwtSvid[]> {
    checkAudience(request.audience);
    const bytes = jwtSvidRequest.encode({ audience: request.audience, spiffeId: request.spiffeId ?? '' });
    return await this.#calls.unary(
      'FetchJWTSVID',
      bytes,
      (answer) => parseJwtSvids(jwtSvidResponse.decode(answer).svids, request, this.#limits),
      options,
    );
  }

  /** The JWT bundles of the caller's trust domain and of those it federates with (SPIFFE Workload API section 6.2.2). */
  async fetchJwtBundles(options: CallOptions = {}): Promise<JwtBundleSet> {
    return await this.#calls.first('FetchJWTBundles', NO_FIELDS, this.#decoders.jwtBundles, options);
  }

  /** Lets the endpoint verify a token (SPIFFE Workload API section 6.2.3). Verifying it oneself with `verifyJwtSvid` needs no call. */
  async validateJwtSvid(
    request: { readonly token: string; readonly audience: string },
    options: CallOptions = {},
  ): Promise<ValidatedJwtSvid> {
    checkAudience([request.audience]);
    const bytes = validateJwtSvidRequest.encode({ audience: request.audience, svid: request.token });
    return await this.#calls.unary('ValidateJWTSVID', bytes, decodeValidated, options);
  }

  /** Follows the caller's X.509-SVIDs and bundles. */
  watchX509Context(handlers: WatchHandlers<X509Context>, options: WatchOptions = {}): Watch {
    return this.#calls.watch('FetchX509SVID', NO_FIELDS, this.#x509Context, handlers, options);
  }

  /** Follows the X.509 bundles. */
  watchX509Bundles(handlers: WatchHandlers<X509BundleSet>, options: WatchOptions = {}): Watch {
    return this.#calls.watch('FetchX509Bundles', NO_FIELDS, this.#decoders.x509Bundles, handlers, options);
  }

  /** Follows the JWT bundles. */
  watchJwtBundles(handlers: WatchHandlers<JwtBundleSet>, options: WatchOptions = {}): Watch {
    return this.#calls.watch('FetchJWTBundles', NO_FIELDS, this.#decoders.jwtBundles, handlers, options);
  }

  /** Ends every call and watch, and the connection. */
  async close(): Promise<void> {
    await this.#calls.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

const NO_FIELDS: Uint8Array = emptyMessage.encode({});

function decodeValidated(bytes: Uint8Array): ValidatedJwtSvid {
  return parseResponse('ValidateJWTSVID response', () => {
    const { spiffeId, claims } = validateJwtSvidResponse.decode(bytes);
    return { id: SpiffeId.parse(spiffeId), claims };
  });
}
