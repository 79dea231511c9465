import { isIP } from 'node:net';
import tls from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';

import { SpiffeError } from '../errors.ts';
import type { VerifiedX509Svid } from '../svid/verify-x509.ts';
import { isWebClient, tlsWebClientOptions, verifyingOptions } from './options.ts';
import type { TlsClientOptions, TlsWebClientOptions } from './options.ts';
import { recordTlsPeer } from './peer-record.ts';

const DEFAULT_TIMEOUT_MS = 10_000;

/** How connections are made: whom to expect there, who one is, and how long it may take. */
export type TlsConnectOptions = (TlsClientOptions | TlsWebClientOptions) & {
  /** Longest time for connecting and the handshake together, in ms. Default 10000. */
  readonly connectTimeoutMs?: number | undefined;
  /** Gives up connecting. A connection that is made already stays. */
  readonly signal?: AbortSignal | undefined;
};

/** Throws SpiffeError at once for what would be wrong with every connection. */
export function checkConnectOptions(options: TlsConnectOptions): void {
  if (!isWebClient(options)) {
    verifyingOptions(options, () => {});
  }
}

/**
 * `tls.connect` that reads the current SVID and bundles, verifies the server, resumes no session, and lets `tlsPeerOf` know the
 * server. What `target` says about verification does not count. Nothing is sent before the server is verified. Throws what
 * the sources throw; the socket fails with SpiffeError `ERR_TIMEOUT` or `ERR_ABORTED`, or why the server was refused.
 */
export function connectTls(target: ConnectionOptions, options: TlsConnectOptions): TLSSocket {
  if (options.signal?.aborted === true) {
    throw new SpiffeError('ERR_ABORTED', 'Cannot connect: it was aborted', { cause: options.signal.reason });
  }
  let verified: VerifiedX509Svid | undefined;
  const isWeb = isWebClient(options);
  const secured = isWeb
    ? tlsWebClientOptions(options)
    : verifyingOptions(options, (peer) => {
        verified = peer;
      });
  // A context, session or key of somebody else would replace what is secured here.
  const nobody = {
    secureContext: undefined,
    session: undefined,
    pskCallback: undefined,
    pfx: undefined,
    signal: undefined,
  };
  const minVersion = target.minVersion === 'TLSv1.3' ? 'TLSv1.3' : 'TLSv1.2';
  const settings = { ...target, ...nobody, ...secured, minVersion } as const;
  const secureContext = tls.createSecureContext(settings);
  const socket = tls.connect({ ...settings, secureContext });
  // Left to node:tls, certificates, key and authorities would stay, some 40 KB for each connection, until a major
  // collection of garbage, which V8 sees no reason for: it does not count them. After the listener that frees the session.
  socket.once('close', () => {
    (secureContext.context as { readonly close?: () => void }).close?.();
  });
  socket.prependOnceListener('secureConnect', () => {
    if (verified !== undefined) {
      recordTlsPeer(socket, verified);
    } else if (!isWeb) {
      socket.destroy(
        new SpiffeError('ERR_TLS_SESSION_RESUMED', 'Cannot connect: the server was not verified'),
      );
    }
  });
  limit(socket, options);
  return socket;
}

/** For the `createConnection` option of `http2.connect`: each session is connected as by `connectTls`, and fails as that does. Throws SpiffeError `ERR_ID_TRUST_DOMAIN_MISSING`. */
export function createHttp2Connection(options: TlsConnectOptions): (authority: URL) => TLSSocket {
  checkConnectOptions(options);
  return ({ hostname, port }) => {
    const host = hostname.replace(/^\[(.*)\]$/, '$1');
    return connectTls({ host, port: Number(port || 443), ALPNProtocols: ['h2'], ...nameOf(host) }, options);
  };
}

/** The name to ask the server for; an address is none. */
export function nameOf(host: string): { servername?: string } {
  return isIP(host) === 0 ? { servername: host } : {};
}

function limit(socket: TLSSocket, options: TlsConnectOptions): void {
  const { connectTimeoutMs = DEFAULT_TIMEOUT_MS, signal } = options;
  const timer = setTimeout(() => {
    socket.destroy(
      new SpiffeError('ERR_TIMEOUT', `Cannot connect: the server must answer within ${connectTimeoutMs} ms`),
    );
  }, connectTimeoutMs);
  const abort = (): void => {
    socket.destroy(
      new SpiffeError('ERR_ABORTED', 'Cannot connect: it was aborted', { cause: signal?.reason }),
    );
  };
  signal?.addEventListener('abort', abort, { once: true });
  const settle = (): void => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  };
  socket.once('secureConnect', settle);
  socket.once('close', settle);
}
