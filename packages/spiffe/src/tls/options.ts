import { checkServerIdentity } from 'node:tls';
import type { ConnectionOptions, DetailedPeerCertificate, PeerCertificate, TlsOptions } from 'node:tls';

import type { X509BundleSource } from '../bundle/source.ts';
import { SpiffeError } from '../errors.ts';
import type { SpiffeIdMatcher } from '../id/matcher.ts';
import type { TrustDomain } from '../id/trust-domain.ts';
import type { VerifiedX509Svid } from '../svid/verify-x509.ts';
import { marshalCertificatesPem, marshalPrivateKeyPem } from '../svid/x509-svid.ts';
import type { X509SvidSource } from '../workload-api/x509-source.ts';
import { restrictBundles, toError, verifyPeerCertificate } from './peer.ts';
import { readServerIdentity, SECURE_OPTIONS } from './server-identity.ts';
import type { TlsServerIdentity } from './server-identity.ts';

// A quarter of node:tls's own: whoever never finishes holds a connection for that long.
const HANDSHAKE_TIMEOUT_MS = 30_000;

/** Who the server may be, and who one is oneself. */
export interface TlsClientOptions {
  /** Has the authorities of the trust domains that are believed; asked at each connection. */
  readonly bundles: X509BundleSource;
  /**
   * The trust domain of the server, or several. The server is verified against that which it names and no other. Default:
   * every trust domain of `bundles`, which must be able to list them, as sets and sources do.
   */
  readonly trustDomain?: TrustDomain | readonly TrustDomain[] | undefined;
  /** Which SPIFFE ID the server may have. */
  readonly authorize: SpiffeIdMatcher;
  /** One's own SVID, for mutual TLS. */
  readonly svid?: X509SvidSource | undefined;
  /** Ms since the epoch. Default: the system's time. */
  readonly now?: (() => number) | undefined;
}

/**
 * Options for `tls.connect` and what takes the same: the server is verified by its X.509-SVID instead of its host name.
 * `ca`, `cert` and `key` are read from the sources at each use, so that the object can be kept; a copy by spread holds
 * what was current. Do not add `session`, and set `maxCachedSessions: 0` on an https agent: a resumed session is not
 * verified. Reading `ca` throws SpiffeError `ERR_BUNDLE_NOT_FOUND`, reading `cert` what `getX509Svid` throws.
 */
export function tlsClientOptions(options: TlsClientOptions): ConnectionOptions {
  return verifyingOptions(options, () => {});
}

/** The same, and tells who was verified. */
export function verifyingOptions(
  options: TlsClientOptions,
  onVerified: (verified: VerifiedX509Svid) => void,
): ConnectionOptions {
  const { bundles, authorize, svid, now, trustDomain } = options;
  const trustDomains =
    trustDomain === undefined ? undefined : ([trustDomain].flat() as readonly TrustDomain[]);
  if (trustDomains === undefined ? !canList(bundles) : trustDomains.length === 0) {
    throw new SpiffeError(
      'ERR_ID_TRUST_DOMAIN_MISSING',
      'Cannot prepare TLS: name a trust domain, or give a source that can list its trust domains',
    );
  }
  const policy = { bundles: restrictBundles(bundles, trustDomains), authorize, now };
  const connection: ConnectionOptions = {
    get ca() {
      return findAuthorities(bundles, trustDomains ?? listTrustDomains(bundles));
    },
    rejectUnauthorized: true,
    allowPartialTrustChain: true,
    minVersion: 'TLSv1.2',
    secureOptions: SECURE_OPTIONS,
    checkServerIdentity: (_hostname: string, certificate: PeerCertificate): Error | undefined => {
      try {
        onVerified(verifyPeerCertificate(certificate as DetailedPeerCertificate, policy));
        return undefined;
      } catch (error) {
        return toError(error);
      }
    },
  };
  return svid === undefined ? connection : withSvid(connection, svid);
}

/** A server of the web, with a host name, and who one is oneself. */
export interface TlsWebClientOptions {
  /** Authorities in PEM that may have signed the server's certificate, or those of the system. */
  readonly webAuthorities: 'system' | readonly (string | Buffer)[];
  /** One's own SVID, shown to a server that asks for it. */
  readonly svid?: X509SvidSource | undefined;
}

/**
 * Options as those of `tlsClientOptions`, but for a server that is verified by its host name, as a browser does, with one's own SVID: `tls.connect` needs `host`
 * or `servername`. Reading `cert` throws what `getX509Svid` throws.
 */
export function tlsWebClientOptions(options: TlsWebClientOptions): ConnectionOptions {
  const { webAuthorities, svid } = options;
  const connection: ConnectionOptions = {
    // Undefined means those of the system to node:tls. Left out, it would be what else is said about the connection.
    ca: webAuthorities === 'system' ? undefined : [...webAuthorities],
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    secureOptions: SECURE_OPTIONS,
    checkServerIdentity,
  };
  return svid === undefined ? connection : withSvid(connection, svid);
}

/** Which of the two. Throws SpiffeError `ERR_SOURCE_OPTIONS` for what asks for both: one of them would silently not be done. */
export function isWebClient(options: TlsClientOptions | TlsWebClientOptions): options is TlsWebClientOptions {
  const { webAuthorities, bundles, authorize } = options as Partial<TlsClientOptions & TlsWebClientOptions>;
  if (webAuthorities !== undefined && (bundles !== undefined || authorize !== undefined)) {
    throw new SpiffeError(
      'ERR_SOURCE_OPTIONS',
      'Cannot prepare TLS: name "webAuthorities", or "bundles" and "authorize", and not both',
    );
  }
  return webAuthorities !== undefined;
}

/** What a server shows, and whether it asks for the same. */
export type TlsServerOptions = TlsServerIdentity & {
  /** Mutual TLS: a client must present an X.509-SVID that `guardTlsServer` verifies. Default false. */
  readonly isClientRequired?: boolean | undefined;
};

/**
 * Options for `tls.createServer` and what takes the same. With `isClientRequired` the server refuses every client until
 * `guardTlsServer` is called on it, so a guard that was forgotten lets nobody in: both sides see ECONNRESET, the server as
 * `tlsClientError`. Without it, `rotateTlsServer` keeps a running server's SVID current. A handshake has 30 s
 * (`handshakeTimeout`). Throws what `getX509Svid` throws.
 */
export function tlsServerOptions(options: TlsServerOptions): TlsOptions {
  const { cert, key } = readServerIdentity(options);
  const server: TlsOptions = {
    cert,
    key,
    minVersion: 'TLSv1.2',
    secureOptions: SECURE_OPTIONS,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
  };
  if (options.isClientRequired === true) {
    // No authority at all, not those of the system either.
    Object.assign(server, { ca: [], requestCert: true, rejectUnauthorized: true });
  }
  return server;
}

/** Adds one's own certificate and key, read from the source at each use. */
export function withSvid<O extends object>(target: O, source: X509SvidSource): O {
  Object.defineProperties(target, {
    cert: { enumerable: true, configurable: true, get: () => marshalCertificatesPem(source.getX509Svid()) },
    key: { enumerable: true, configurable: true, get: () => marshalPrivateKeyPem(source.getX509Svid()) },
  });
  return target;
}

/** Sets have the first, sources the second, which may be undefined before the first update. */
interface BundleLister {
  readonly trustDomains?: unknown;
  readonly getX509Bundles?: () => { readonly trustDomains: readonly TrustDomain[] } | undefined;
}

function canList(bundles: X509BundleSource & BundleLister): boolean {
  return Array.isArray(bundles.trustDomains) || typeof bundles.getX509Bundles === 'function';
}

function listTrustDomains(bundles: X509BundleSource & BundleLister): readonly TrustDomain[] {
  return Array.isArray(bundles.trustDomains)
    ? (bundles.trustDomains as readonly TrustDomain[])
    : (bundles.getX509Bundles?.()?.trustDomains ?? []);
}

/**
 * What OpenSSL looks for first; our own verification decides. A trust domain without a bundle is passed over, but an
 * empty `ca` would make node:tls fall back to the system's authorities, so there must be one.
 */
function findAuthorities(bundles: X509BundleSource, trustDomains: readonly TrustDomain[]): string[] {
  const found = trustDomains.map((wanted) => bundles.getX509Bundle(wanted)?.toPem() ?? '');
  const authorities = found.filter((pem) => pem !== '');
  if (authorities.length === 0) {
    const names = trustDomains.map(({ name }) => `"${name}"`).join(', ');
    throw new SpiffeError(
      'ERR_BUNDLE_NOT_FOUND',
      `Cannot prepare TLS: there is no X.509 authority for trust domain ${names}`,
    );
  }
  return authorities;
}
