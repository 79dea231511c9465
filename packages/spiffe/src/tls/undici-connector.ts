import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

import { checkConnectOptions, connectTls, nameOf } from './connect.ts';
import type { TlsConnectOptions } from './connect.ts';
import { toError } from './peer.ts';

/** What undici says about a connection that it wants. */
export interface UndiciConnectTarget {
  /** Name or address of the server. */
  readonly hostname: string;
  /** Empty for 443. */
  readonly port: string;
  /** The name to ask the server for. Default: `hostname`. */
  readonly servername?: string | undefined;
  /** The own address to connect from. */
  readonly localAddress?: string | null | undefined;
  /** A connection that goes through a proxy already. */
  readonly httpSocket?: Socket | undefined;
}

/** Connects for undici, as its own connectors do. */
export type UndiciConnector = (
  target: UndiciConnectTarget,
  callback: (...result: [error: null, socket: TLSSocket] | [error: Error, socket: null]) => void,
) => void;

/**
 * For the `connect` option of undici's `Agent`, `Pool` or `Client`, and by `dispatcher` for the `fetch` that undici exports (that
 * of Node may be of another version and refuse it): each connection is made as by `connectTls`, also for a URL that says http,
 * and fails as that does. `isHttp2Allowed` offers HTTP/2; undici wants `allowH2` then. Default false. Throws SpiffeError
 * `ERR_ID_TRUST_DOMAIN_MISSING`.
 */
export function createUndiciConnector(
  options: TlsConnectOptions & { readonly isHttp2Allowed?: boolean | undefined },
): UndiciConnector {
  checkConnectOptions(options);
  return (target, callback) => {
    const { hostname, port, servername, localAddress, httpSocket } = target;
    const host = hostname.replace(/^\[(.*)\]$/, '$1');
    let socket: TLSSocket;
    try {
      socket = connectTls(
        {
          ...(httpSocket === undefined ? { host, port: Number(port || 443) } : { host, socket: httpSocket }),
          ...(servername === undefined || servername === '' ? nameOf(host) : { servername }),
          ...(typeof localAddress === 'string' ? { localAddress } : {}),
          ALPNProtocols: options.isHttp2Allowed === true ? ['h2', 'http/1.1'] : ['http/1.1'],
        },
        options,
      );
    } catch (error) {
      // As it would be by a handshake that fails.
      httpSocket?.destroy();
      process.nextTick(callback, toError(error, 'The source threw'), null);
      return;
    }
    const fail = (error: Error): void => {
      callback(error, null);
    };
    socket.setNoDelay(true);
    socket.once('error', fail);
    socket.once('secureConnect', () => {
      socket.off('error', fail);
      callback(null, socket);
    });
  };
}
