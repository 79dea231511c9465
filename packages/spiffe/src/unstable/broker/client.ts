import type { JwtBundleSet, X509BundleSet } from '../../bundle/bundle-set.ts';
import type { X509BundleSource } from '../../bundle/source.ts';
import { systemClock } from '../../clock.ts';
import { SpiffeError } from '../../errors.ts';
import type { SpiffeIdMatcher } from '../../id/matcher.ts';
import type { TrustDomain } from '../../id/trust-domain.ts';
import type { JwtSvid } from '../../svid/jwt-svid.ts';
import { GrpcClient } from '../../wire/grpc/client.ts';
import {
  BROKER_HEADER,
  BROKER_SERVICE,
  brokerJwtSvidRequest,
  subscribeRequest,
} from '../../wire/messages/broker.ts';
import type { WorkloadReferenceMessage } from '../../wire/messages/broker.ts';
import { jwtSvidResponse, x509SvidResponse } from '../../wire/messages/workload-api.ts';
import type { StreamClientSettings } from '../../workload-api/client.ts';
import { createBundleDecoders } from '../../workload-api/decoders.ts';
import { resolveLimits } from '../../workload-api/limits.ts';
import type { CheckedLimits } from '../../workload-api/limits.ts';
import type { CallOptions, Watch, WatchHandlers, WatchOptions } from '../../workload-api/options.ts';
import { checkAudience, listIgnored, parseJwtSvids, parseX509Context } from '../../workload-api/responses.ts';
import type { X509Context } from '../../workload-api/responses.ts';
import { StreamClient } from '../../workload-api/stream-client.ts';
import type { Decoder } from '../../workload-api/stream-client.ts';
import type { X509SvidSource } from '../../workload-api/x509-source.ts';
import { BROKER_SOCKET_VARIABLE, connectMutually, parseBrokerAddress } from './endpoint.ts';
import { encodeReference } from './reference.ts';
import type { WorkloadReference } from './reference.ts';

/** Which endpoint to speak to, and as whom. */
export interface BrokerClientOptions extends StreamClientSettings {
  /** `unix:///absolute/path` or `tcp://host:port`. Default: the environment variable `SPIFFE_BROKER_SOCKET`. */
  readonly address?: string | undefined;
  /** The broker's own SVID and the bundles to verify the endpoint with: an X509Source. It is not closed with the client. */
  readonly source: X509SvidSource & X509BundleSource;
  /** Which SPIFFE ID the endpoint must have. */
  readonly authorize: SpiffeIdMatcher;
  /** The trust domain of the endpoint. Default: the broker's own. */
  readonly trustDomain?: TrustDomain | undefined;
}

/**
 * Client of the SPIFFE Broker API (Incubating, as of June 2026): fetches SVIDs and bundles on behalf of workloads it refers to,
 * by mutual TLS and nothing else. Throws a SpiffeError: `ERR_WORKLOAD_REFERENCE`, `ERR_WORKLOAD_NOT_FOUND`, `ERR_NO_IDENTITY`
 * where the workload or the broker is not entitled, the codes of TLS verification, and those of WorkloadApiClient. A watch
 * comes back by itself, but not once the workload is not found: the reference may come to mean another one.
 */
export class BrokerClient implements AsyncDisposable {
  readonly #calls: StreamClient;
  readonly #isRemote: boolean;
  readonly #limits: CheckedLimits;
  readonly #decoders: ReturnType<typeof createBundleDecoders>;

  /** Throws SpiffeError `ERR_ENDPOINT_ADDRESS` or `ERR_SOURCE_OPTIONS`. */
  constructor(options: BrokerClientOptions) {
    const { source, authorize } = options;
    const clock = options.clock ?? systemClock;
    this.#limits = resolveLimits(options.limits);
    this.#decoders = createBundleDecoders(this.#limits);
    const target = parseBrokerAddress(options.address ?? process.env[BROKER_SOCKET_VARIABLE]);
    this.#isRemote = 'host' in target;
    const grpc = new GrpcClient({
      target,
      connect: async (to, signal) => {
        const trustDomain = options.trustDomain ?? source.getX509Svid().id.trustDomain;
        const now = (): number => clock.now();
        return await connectMutually({ svid: source, bundles: source, trustDomain, authorize, now })(
          to,
          signal,
        );
      },
      maxMessageBytes: options.maxMessageBytes,
      keepAliveMs: options.keepAliveMs,
      keepAliveTimeoutMs: options.keepAliveMs,
    });
    this.#calls = new StreamClient({
      grpc,
      service: BROKER_SERVICE,
      metadata: { [BROKER_HEADER]: 'true' },
      timeoutMs: options.timeoutMs,
      retry: options.retry,
      keepAliveMs: options.keepAliveMs,
      clock,
    });
  }

  readonly #x509Context: Decoder<X509Context> = {
    decode: (bytes) => {
      const response = x509SvidResponse.decode(bytes);
      if (response.svids.length === 0) {
        // What SPIRE sends while no registration entry fits the workload: there is no identity, and that is no mistake.
        throw new SpiffeError('ERR_NO_IDENTITY', 'The endpoint answered that the workload has no X.509-SVID');
      }
      return parseX509Context(response, this.#limits);
    },
    findNotes: ({ bundles }) => listIgnored(bundles),
  };

  /** All X.509-SVIDs of the workload with their bundles. */
  async fetchX509Context(reference: WorkloadReference, options: CallOptions = {}): Promise<X509Context> {
    return await this.#calls.first(
      'SubscribeToX509SVID',
      this.#subscribe(reference),
      this.#x509Context,
      options,
    );
  }

  /** The X.509 bundles of the workload. */
  async fetchX509Bundles(reference: WorkloadReference, options: CallOptions = {}): Promise<X509BundleSet> {
    const request = this.#subscribe(reference);
    return await this.#calls.first('SubscribeToX509Bundles', request, this.#decoders.x509Bundles, options);
  }

  /** New JWT-SVIDs of the workload for an audience: of one identity, or of all. At least one, not verified. */
  async fetchJwtSvids(
    reference: WorkloadReference,
    request: { readonly audience: readonly string[]; readonly spiffeId?: string | undefined },
    options: CallOptions = {},
  ): Promise<JwtSvid[]> {
    checkAudience(request.audience);
    const bytes = brokerJwtSvidRequest.encode({
      reference: this.#encode(reference),
      audience: request.audience,
      spiffeId: request.spiffeId ?? '',
    });
    // Not every server looks at the SPIFFE ID that is asked for: the reader keeps only the SVID of that one.
    const decode = (answer: Uint8Array): JwtSvid[] =>
      parseJwtSvids(jwtSvidResponse.decode(answer).svids, request, this.#limits);
    return await this.#calls.unary('FetchJWTSVID', bytes, decode, options);
  }

  /** The JWT bundles of the workload. */
  async fetchJwtBundles(reference: WorkloadReference, options: CallOptions = {}): Promise<JwtBundleSet> {
    const request = this.#subscribe(reference);
    return await this.#calls.first('SubscribeToJWTBundles', request, this.#decoders.jwtBundles, options);
  }

  /**
   * Follows the X.509-SVIDs and bundles of the workload. To be forgotten at an error `ERR_WORKLOAD_NOT_FOUND` or
   * `ERR_NO_IDENTITY`, which `createBrokeredX509Source` does. Not every server ends the stream when the workload ends.
   */
  watchX509Context(
    reference: WorkloadReference,
    handlers: WatchHandlers<X509Context>,
    options: WatchOptions = {},
  ): Watch {
    return this.#watch('SubscribeToX509SVID', reference, this.#x509Context, handlers, options);
  }

  /** Follows the X.509 bundles of the workload. */
  watchX509Bundles(
    reference: WorkloadReference,
    handlers: WatchHandlers<X509BundleSet>,
    options: WatchOptions = {},
  ): Watch {
    return this.#watch('SubscribeToX509Bundles', reference, this.#decoders.x509Bundles, handlers, options);
  }

  /** Follows the JWT bundles of the workload. */
  watchJwtBundles(
    reference: WorkloadReference,
    handlers: WatchHandlers<JwtBundleSet>,
    options: WatchOptions = {},
  ): Watch {
    return this.#watch('SubscribeToJWTBundles', reference, this.#decoders.jwtBundles, handlers, options);
  }

  /** Ends every call and watch, and the connection. */
  async close(): Promise<void> {
    await this.#calls.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #watch<T>(
    method: string,
    reference: WorkloadReference,
    decoder: Decoder<T>,
    handlers: WatchHandlers<T>,
    options: WatchOptions,
  ): Watch {
    const isAlone = isReusable(reference);
    return this.#calls.watch(method, this.#subscribe(reference), decoder, handlers, { ...options, isAlone });
  }

  #subscribe(reference: WorkloadReference): Uint8Array {
    return subscribeRequest.encode({ reference: this.#encode(reference) });
  }

  #encode(reference: WorkloadReference): WorkloadReferenceMessage {
    return { reference: encodeReference(reference, { isRemote: this.#isRemote }) };
  }
}

/** A process ID may be given to another process while a stream for the first one is still open: the two must not share it. */
function isReusable(reference: WorkloadReference): boolean {
  return 'pid' in reference;
}
