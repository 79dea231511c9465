import { constants } from 'node:crypto';
import type { SecureContextOptions, Server } from 'node:tls';

import { SpiffeError } from '../errors.ts';
import { callOut } from '../internal/call-out.ts';
import { marshalCertificatesPem, marshalPrivateKeyPem } from '../svid/x509-svid.ts';
import type { X509Svid } from '../svid/x509-svid.ts';
import type { X509SvidSource } from '../workload-api/x509-source.ts';
import { toError } from './peer.ts';

// A resumed session has no certificate chain and would skip the check of the peer; renegotiation would change the peer after it.
export const SECURE_OPTIONS: number = constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION;

/** A certificate for a host name, from an authority that the clients know, and its key: PEM. */
export interface WebCertificate {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
}

/** What a server shows to its clients: an SVID, or a certificate of the web. Both are asked for at each new connection. */
export type TlsServerIdentity =
  | { readonly svid: X509SvidSource; readonly webCertificate?: undefined }
  | { readonly svid?: undefined; readonly webCertificate: () => WebCertificate };

/** The SVID to serve with. Throws what `getX509Svid` throws, and `ERR_SVID_EXPIRED` for a source that does not look. */
function readSvid(source: X509SvidSource, now: number): X509Svid {
  const svid = source.getX509Svid();
  if (!(now < svid.expiresAt)) {
    throw new SpiffeError(
      'ERR_SVID_EXPIRED',
      `Cannot serve as "${svid.id.toString()}": the X.509-SVID has expired`,
    );
  }
  return svid;
}

/** What a server is to show now. Throws as `readSvid` does, or what the callback throws. */
export function readServerIdentity(identity: TlsServerIdentity): WebCertificate {
  return identity.svid === undefined
    ? identity.webCertificate()
    : marshal(readSvid(identity.svid, Date.now()));
}

function marshal(svid: X509Svid): WebCertificate {
  return { cert: marshalCertificatesPem(svid), key: marshalPrivateKeyPem(svid) };
}

/** How a server follows its identity. */
export interface RotationOptions {
  /** Told, once each time, that connections are refused because there is no identity to serve with. */
  readonly onIdentityLost?: ((error: Error) => void) | undefined;
  /** Ms since the epoch. Default: the system's time. */
  readonly now?: (() => number) | undefined;
}

/** Keeps a server's certificate the current one. Disposing of it is the same as `close`. */
export interface TlsServerRotation extends Disposable {
  /** Stops. From then on the server has no certificate, and every new connection fails in its handshake. */
  close(): void;
}

/**
 * Makes a server that was made with `tlsServerOptions` take a renewed SVID by itself, for every connection that comes
 * after. Handshakes under way and connections that exist go on. While the source has no valid SVID, new connections fail in
 * their handshake: an expired SVID is not shown. Throws what `getX509Svid` throws.
 */
export function rotateTlsServer(
  server: Server,
  options: TlsServerIdentity & RotationOptions,
): TlsServerRotation {
  const identity = new ServerIdentity(server, options);
  identity.update();
  server.prependListener('connection', () => {
    identity.tryUpdate();
  });
  const close = (): void => {
    identity.close();
  };
  return { close, [Symbol.dispose]: close };
}

/** The certificate that a server shows, brought up to date whenever somebody connects: no event of a source can be missed. */
export class ServerIdentity {
  readonly #server: Server;
  readonly #options: TlsServerIdentity & RotationOptions;
  #applied: X509Svid | WebCertificate | undefined;
  #isClosed = false;

  constructor(server: Server, options: TlsServerIdentity & RotationOptions) {
    this.#server = server;
    this.#options = options;
  }

  /** Throws and changes nothing when there is no identity. */
  update(): void {
    if (this.#isClosed) {
      throw new SpiffeError('ERR_CLOSED', 'Cannot serve TLS: the guard or rotation of the server is closed');
    }
    const { svid: source, webCertificate, now } = this.#options;
    const next = source === undefined ? webCertificate() : readSvid(source, now?.() ?? Date.now());
    if (!isSame(next, this.#applied)) {
      const { cert, key } = 'privateKey' in next ? marshal(next) : next;
      this.#server.setSecureContext({ ...contextOf(this.#server), cert, key });
      this.#applied = next;
    }
  }

  /** Returns why there is no identity; the server then has no certificate until there is one. */
  tryUpdate(): Error | undefined {
    try {
      this.update();
      return undefined;
    } catch (thrown) {
      const error = toError(thrown, 'The source threw');
      // Once: to be refused must not cost more than to be served.
      if (this.#applied !== undefined) {
        this.#disarm();
        // What it throws must not keep the connection at hand from being refused, which would leave it open.
        callOut(
          (): unknown => this.#options.onIdentityLost?.(error),
          () => {},
        );
      }
      return error;
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#disarm();
  }

  #disarm(): void {
    this.#server.setSecureContext(contextOf(this.#server));
    this.#applied = undefined;
  }
}

/** A source may make a new object each time that it is asked. */
function isSame(next: X509Svid | WebCertificate, applied: X509Svid | WebCertificate | undefined): boolean {
  if (next === applied || applied === undefined) {
    return next === applied;
  }
  if ('privateKey' in next) {
    return (
      'privateKey' in applied && Buffer.concat(next.certificates).equals(Buffer.concat(applied.certificates))
    );
  }
  return (
    'cert' in applied &&
    String(next.cert) === String(applied.cert) &&
    String(next.key) === String(applied.key)
  );
}

/**
 * What node:tls remembers of the options that the server was made with; a new context would forget them. Never an
 * authority, not those of the system either: OpenSSL must have no opinion about clients.
 */
function contextOf(server: Server): SecureContextOptions {
  const { ciphers, sigalgs, ecdhCurve, dhparam, honorCipherOrder, minVersion, maxVersion, secureOptions } =
    server as unknown as SecureContextOptions;
  const kept = { ciphers, sigalgs, ecdhCurve, dhparam, honorCipherOrder, maxVersion };
  return {
    ...(Object.fromEntries(
      Object.entries(kept).filter(([, value]) => value !== undefined),
    ) as SecureContextOptions),
    ca: [],
    minVersion: minVersion === 'TLSv1.3' ? 'TLSv1.3' : 'TLSv1.2',
    secureOptions: (secureOptions ?? 0) | SECURE_OPTIONS,
  };
}
