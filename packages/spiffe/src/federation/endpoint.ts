import type { ConnectionOptions } from 'node:tls';

import type { JwtBundleSource, X509BundleSource } from '../bundle/source.ts';
import type { SpiffeBundle } from '../bundle/spiffe-bundle.ts';
import { SpiffeError } from '../errors.ts';
import { matchId } from '../id/matcher.ts';
import type { SpiffeId } from '../id/spiffe-id.ts';
import type { TrustDomain } from '../id/trust-domain.ts';
import { quote } from '../internal/quote.ts';
import { tlsClientOptions } from '../tls/options.ts';

const MAX_URL_LENGTH = 2048;
const USER_INFO = /^[a-z]+:\/\/[^/?#\\]*@/i;

/** Web PKI (SPIFFE Federation section 5.2.1): the certificate of the endpoint is for its host name. */
export interface HttpsWebProfile {
  readonly type: 'https_web';
  /** Authorities as PEM that are believed in place of the public ones. Default: those that Node comes with. */
  readonly ca?: string | undefined;
}

/** SPIFFE authentication (SPIFFE Federation section 5.2.2): the endpoint proves an X.509-SVID. */
export interface HttpsSpiffeProfile {
  readonly type: 'https_spiffe';
  readonly endpointId: SpiffeId;
  /**
   * Bundle of the trust domain of `endpointId`. When that is the trust domain which is fetched (a self-serving endpoint),
   * it counts for the first fetch only, and from then on the bundle fetched last does.
   */
  readonly bundles: X509BundleSource;
}

/** Where the bundle of a trust domain is to be had. All of it is configured, none of it guessed (SPIFFE Federation section 5.1). */
export interface BundleEndpoint {
  readonly trustDomain: TrustDomain;
  readonly url: string;
  readonly profile: HttpsWebProfile | HttpsSpiffeProfile;
}

/** One's own trust domain, and its keys if they are at hand. A SpiffeBundle is one. */
export interface OwnTrustDomain extends Partial<X509BundleSource & JwtBundleSource> {
  readonly trustDomain: TrustDomain;
}

/**
 * Reads a bundle endpoint URL: `https`, no user info (SPIFFE Federation sections 5.2.1.1 and 5.2.2.1). A relative one is
 * taken relative to `base`. Throws SpiffeError `ERR_BUNDLE_ENDPOINT_URL`.
 */
export function parseEndpointUrl(text: string, base?: URL): URL {
  const url = text.length <= MAX_URL_LENGTH ? parse(text, base) : undefined;
  const isValid =
    url?.protocol === 'https:' && url.username === '' && url.password === '' && !USER_INFO.test(text);
  if (!isValid) {
    throw new SpiffeError(
      'ERR_BUNDLE_ENDPOINT_URL',
      `Cannot use bundle endpoint ${quote(hideUserInfo(text))}: it must be an https URL without user info`,
    );
  }
  return url;
}

/** Leaves out everything between the first two slashes and the last "@", in whatever part of the text it stands. */
function hideUserInfo(text: string): string {
  const start = text.indexOf('//');
  const end = text.lastIndexOf('@');
  return start !== -1 && end > start ? `${text.slice(0, start)}//...${text.slice(end)}` : text;
}

/** Throws SpiffeError where the configuration cannot be meant: `ERR_BUNDLE_ENDPOINT_URL` or `ERR_BUNDLE_TRUST_DOMAIN`. */
export function checkEndpoint(endpoint: BundleEndpoint, own: OwnTrustDomain | undefined): URL {
  if (own?.trustDomain.equals(endpoint.trustDomain) === true) {
    throw new SpiffeError(
      'ERR_BUNDLE_TRUST_DOMAIN',
      `Cannot fetch the bundle of "${endpoint.trustDomain.name}": it is the own trust domain, whose bundle is not a peer's to say`,
    );
  }
  return parseEndpointUrl(endpoint.url);
}

/** How the endpoint has to prove itself. `latest` is the bundle that was fetched last. Throws SpiffeError `ERR_BUNDLE_NOT_FOUND` when there is nothing to verify it with. */
export function endpointTlsOptions(
  endpoint: BundleEndpoint,
  latest: SpiffeBundle | undefined,
  now: () => number,
): ConnectionOptions {
  const { profile, trustDomain } = endpoint;
  if (profile.type === 'https_web') {
    return {
      minVersion: 'TLSv1.2',
      rejectUnauthorized: true,
      ...(profile.ca === undefined ? {} : { ca: profile.ca }),
    };
  }
  const isSelfServing = profile.endpointId.trustDomain.equals(trustDomain);
  // A spread, so that the bundle is read now and an absent one throws now.
  return {
    ...tlsClientOptions({
      bundles: isSelfServing && latest !== undefined ? latest : profile.bundles,
      trustDomain: profile.endpointId.trustDomain,
      authorize: matchId(profile.endpointId),
      now,
    }),
  };
}

function parse(text: string, base: URL | undefined): URL | undefined {
  return URL.parse(text, base?.href) ?? undefined;
}
