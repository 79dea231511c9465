import { constants } from 'node:crypto';
import type {
  ConnectionOptions,
  DetailedPeerCertificate,
  PeerCertificate,
  SecureContextOptions,
  TlsOptions,
} from 'node:tls';

import type { X509BundleSource } from '../bundle/source.ts';
import { SpiffeError } from '../errors.ts';
import type { SpiffeIdMatcher } from '../id/matcher.ts';
import type { TrustDomain } from '../id/trust-domain.ts';
import { marshalCertificatesPem, marshalPrivateKeyPem } from '../svid/x509-svid.ts';
import type { X509SvidSource } from '../workload-api/x509-source.ts';
import { verifyPeerCertificate } from './peer.ts';

// A resumed session has no certificate chain and would skip the check of the peer; renegotiation would change the peer after it.
const SECURE_OPTIONS = constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION;

export interface TlsClientOptions {
  readonly bundles: X509BundleSource;
  /** The trust domain of the server. */
  readonly trustDomain: TrustDomain;
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
  const { bundles, trustDomain, authorize, svid, now } = options;
  const connection: ConnectionOptions = {
    get ca() {
      return findBundlePem(bundles, trustDomain);
    },
    rejectUnauthorized: true,
    allowPartialTrustChain: true,
    minVersion: 'TLSv1.2',
    secureOptions: SECURE_OPTIONS,
    checkServerIdentity: (_hostname: string, certificate: PeerCertificate): Error | undefined => {
      try {
        verifyPeerCertificate(certificate as DetailedPeerCertificate, {
          // Only the configured trust domain, whatever else the source knows.
          bundles: {
            getX509Bundle: (wanted) =>
              wanted.equals(trustDomain) ? bundles.getX509Bundle(wanted) : undefined,
          },
          authorize,
          now,
        });
        return undefined;
      } catch (error) {
        return error instanceof Error ? error : new Error('The matcher threw', { cause: error });
      }
    },
  };
  return svid === undefined ? connection : withSvid(connection, svid);
}

export interface TlsServerOptions {
  readonly svid: X509SvidSource;
  /** Mutual TLS: a client must present an X.509-SVID that `guardTlsServer` verifies. Default false. */
  readonly isClientRequired?: boolean | undefined;
}

/**
 * Options for `tls.createServer` and what takes the same. With `isClientRequired` the server refuses every client until
 * `guardTlsServer` is called on it, so a guard that was forgotten lets nobody in. Without it, a running server takes a new
 * SVID by `server.setSecureContext` with fresh options. Throws what `getX509Svid` throws.
 */
export function tlsServerOptions(options: TlsServerOptions): TlsOptions {
  const server: TlsOptions = { minVersion: 'TLSv1.2', secureOptions: SECURE_OPTIONS };
  if (options.isClientRequired === true) {
    // No authority at all, not those of the system either.
    Object.assign(server, { ca: [], requestCert: true, rejectUnauthorized: true });
  }
  return withSvid(server, options.svid);
}

/** What a guarded server accepts: certificates that an authority of one of the trust domains signed. Throws SpiffeError. */
export function mutualContextOptions(
  svid: X509SvidSource,
  bundles: X509BundleSource,
  trustDomains: readonly TrustDomain[],
): SecureContextOptions {
  const context: SecureContextOptions = {
    minVersion: 'TLSv1.2',
    secureOptions: SECURE_OPTIONS,
    ca: trustDomains.map((trustDomain) => findBundlePem(bundles, trustDomain)),
    allowPartialTrustChain: true,
  };
  return withSvid(context, svid);
}

function withSvid<O extends object>(target: O, source: X509SvidSource): O {
  Object.defineProperties(target, {
    cert: { enumerable: true, configurable: true, get: () => marshalCertificatesPem(source.getX509Svid()) },
    key: { enumerable: true, configurable: true, get: () => marshalPrivateKeyPem(source.getX509Svid()) },
  });
  return target;
}

/** An empty `ca` would make node:tls fall back to the system's authorities, so there must be one. */
function findBundlePem(bundles: X509BundleSource, trustDomain: TrustDomain): string {
  const pem = bundles.getX509Bundle(trustDomain)?.toPem() ?? '';
  if (pem === '') {
    throw new SpiffeError(
      'ERR_BUNDLE_NOT_FOUND',
      `Cannot prepare TLS: there is no X.509 authority for trust domain "${trustDomain.name}"`,
    );
  }
  return pem;
}
