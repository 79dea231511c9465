import type { LookupFunction } from 'node:net';

import { parseSpiffeBundle } from '../bundle/spiffe-bundle.ts';
import type { SpiffeBundle } from '../bundle/spiffe-bundle.ts';
import { systemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { SpiffeError } from '../errors.ts';
import { quote } from '../internal/quote.ts';
import type { CallOptions } from '../workload-api/options.ts';
import { checkFetchedBundle } from './acceptance.ts';
import { isPublicAddress } from './address.ts';
import { checkEndpoint, endpointTlsOptions, parseEndpointUrl } from './endpoint.ts';
import type { BundleEndpoint, OwnTrustDomain } from './endpoint.ts';
import { requestEndpoint } from './request.ts';
import type { EndpointResponse } from './request.ts';

const DEFAULT_TIMEOUT_MS = 10_000;
const DEFAULT_MAX_BYTES = 1024 * 1024;
// One that calls itself permanent is followed like the others and as little remembered (section 7.5.1).
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** `timeoutMs` is for the whole fetch, a redirect included. Default 10000. */
export interface FetchBundleOptions extends CallOptions {
  /** The bundle fetched last: none that is older is taken, and a self-serving `https_spiffe` endpoint is verified by it. */
  readonly previous?: SpiffeBundle | undefined;
  /** One's own trust domain, whose bundle no endpoint may replace and whose keys no bundle may claim. */
  readonly own?: OwnTrustDomain | undefined;
  /** Most bytes of a document. Default 1048576. */
  readonly maxBytes?: number | undefined;
  /** Whether a redirect is followed. Default true, as SPIFFE Federation section 5.2.1.4 has it; who knows the endpoint to have none may say false. */
  readonly isRedirectFollowed?: boolean | undefined;
  /** Resolves host names. Default: the system's resolver. */
  readonly lookup?: LookupFunction | undefined;
  /** Default: the system's time. */
  readonly clock?: Clock | undefined;
}

/**
 * Fetches the bundle of a trust domain from its bundle endpoint (SPIFFE Federation section 5.2). The trust domain is the
 * configured one, since the document names none. At most one redirect is followed and none remembered, to an `https` URL that proves
 * the same identity and is either public or the address that sent it. Throws SpiffeError `ERR_BUNDLE_...`, `ERR_ENDPOINT_...`,
 * `ERR_TIMEOUT` or `ERR_ABORTED`.
 */
export async function fetchBundle(
  endpoint: BundleEndpoint,
  options: FetchBundleOptions = {},
): Promise<SpiffeBundle> {
  const { previous, own } = options;
  const clock = options.clock ?? systemClock;
  const url = checkEndpoint(endpoint, own);
  if (previous?.trustDomain.equals(endpoint.trustDomain) === false) {
    throw new SpiffeError(
      'ERR_BUNDLE_TRUST_DOMAIN',
      `Cannot fetch the bundle of "${endpoint.trustDomain.name}": the previous one must be of the same trust domain`,
    );
  }
  const limits = startLimits(options, clock);
  try {
    const tls = endpointTlsOptions(endpoint, previous, () => clock.now());
    const get = async (target: URL, checkAddress: (address: string) => void): Promise<EndpointResponse> =>
      await requestEndpoint({
        url: target,
        tls,
        maxBytes: options.maxBytes ?? DEFAULT_MAX_BYTES,
        signal: limits.signal,
        lookup: options.lookup,
        checkAddress,
      });
    let response = await get(url, () => {});
    if (REDIRECTS.has(response.status)) {
      if (options.isRedirectFollowed === false) {
        throw refusedRedirect('redirects are not followed');
      }
      response = await follow(response, url, get);
    }
    if (response.status !== 200) {
      throw new SpiffeError(
        'ERR_BUNDLE_ENDPOINT_STATUS',
        `Cannot fetch the bundle of "${endpoint.trustDomain.name}": the status must be 200 and is ${response.status}`,
      );
    }
    const bundle = parseSpiffeBundle(endpoint.trustDomain, response.body);
    checkFetchedBundle(bundle, previous, own);
    return bundle;
  } finally {
    limits.end();
  }
}

async function follow(
  redirect: EndpointResponse,
  from: URL,
  get: (target: URL, checkAddress: (address: string) => void) => Promise<EndpointResponse>,
): Promise<EndpointResponse> {
  if (redirect.location === undefined) {
    throw refusedRedirect('it names no location');
  }
  const target = parseRedirectTarget(redirect.location, from);
  const response = await get(target, (address) => {
    // An endpoint must not make its clients knock on doors inside their own network. Its own door is known already.
    if (!isPublicAddress(address) && address !== redirect.remoteAddress) {
      throw refusedRedirect(`${quote(target.host)} is at an address that is not public`);
    }
  });
  if (response.status >= 300 && response.status < 400) {
    throw refusedRedirect('it leads to another one');
  }
  return response;
}

function parseRedirectTarget(location: string, from: URL): URL {
  try {
    return parseEndpointUrl(location, from);
  } catch (error) {
    throw refusedRedirect('its target is not a bundle endpoint URL', error);
  }
}

function refusedRedirect(reason: string, cause?: unknown): SpiffeError {
  return new SpiffeError('ERR_BUNDLE_ENDPOINT_REDIRECT', `Cannot follow the redirect: ${reason}`, { cause });
}

/** One signal for the caller's and for the time-out; its reason is the error to be thrown. */
function startLimits(options: CallOptions, clock: Clock): { signal: AbortSignal; end(): void } {
  const controller = new AbortController();
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const timer = clock.setTimeout(() => {
    controller.abort(
      new SpiffeError('ERR_TIMEOUT', `Cannot fetch bundle: it did not come within ${timeoutMs} ms`),
    );
  }, timeoutMs);
  const { signal } = options;
  const abort = (): void => {
    controller.abort(
      new SpiffeError('ERR_ABORTED', 'Fetching the bundle was aborted', { cause: signal?.reason }),
    );
  };
  if (signal?.aborted === true) {
    abort();
  }
  signal?.addEventListener('abort', abort, { once: true });
  return {
    signal: controller.signal,
    end() {
      clock.clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    },
  };
}
