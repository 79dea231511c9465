import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import type { LookupFunction } from 'node:net';
import type { ConnectionOptions, TLSSocket } from 'node:tls';

import { isSpiffeError, SpiffeError } from '../errors.ts';
import { guardLookup } from './address.ts';

const MAX_HEADER_BYTES = 16 * 1024;

export interface EndpointRequest {
  readonly url: URL;
  readonly tls: ConnectionOptions;
  /** Most bytes of a body. */
  readonly maxBytes: number;
  /** Its reason is what the request then fails with. */
  readonly signal: AbortSignal;
  readonly lookup: LookupFunction | undefined;
  /** Throws for an address that must not be connected to. */
  checkAddress(address: string): void;
}

export interface EndpointResponse {
  readonly status: number;
  readonly location: string | undefined;
  /** Empty unless the status is 200: the body of anything else is not read. */
  readonly body: Uint8Array;
  /** The address that answered. */
  readonly remoteAddress: string | undefined;
}

/** Makes one GET request on a connection of its own. Throws SpiffeError. */
export async function requestEndpoint(plan: EndpointRequest): Promise<EndpointResponse> {
  const { url, tls, signal } = plan;
  const hostname = url.hostname.replace(/^\[|\]$/g, '');
  signal.throwIfAborted();
  if (isIP(hostname) !== 0) {
    // A literal address is connected to without being looked up.
    plan.checkAddress(hostname);
  }
  return await new Promise((resolve, reject) => {
    const request = httpsRequest({
      ...tls,
      host: hostname,
      port: url.port === '' ? 443 : url.port,
      path: `${url.pathname}${url.search}`,
      method: 'GET',
      headers: { accept: 'application/json', 'accept-encoding': 'identity' },
      // A fresh agent: no connection and no TLS session is used twice, so each fetch verifies a whole chain.
      agent: false,
      maxHeaderSize: MAX_HEADER_BYTES,
      lookup: guardLookup((address) => {
        plan.checkAddress(address);
      }, plan.lookup),
    });
    const abort = (): void => {
      finish();
      reject(signal.reason as Error);
    };
    const finish = (): void => {
      signal.removeEventListener('abort', abort);
      request.destroy();
    };
    const fail = (error: unknown): void => {
      const isUntrusted = hasUnverifiedPeer(request.socket as TLSSocket | null);
      finish();
      reject(toEndpointError(error, url, isUntrusted));
    };
    signal.addEventListener('abort', abort, { once: true });
    request.on('error', fail);
    request.on('close', () => {
      fail(new Error('The connection was closed before the response ended'));
    });
    request.on('response', (response) => {
      const remoteAddress = response.socket.remoteAddress;
      response.on('error', fail);
      readBody(response, plan.maxBytes).then((body) => {
        finish();
        const { statusCode: status = 0, headers } = response;
        resolve({ status, location: headers.location, body, remoteAddress });
      }, fail);
    });
    request.end();
  });
}

async function readBody(response: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  if (response.statusCode !== 200) {
    return new Uint8Array();
  }
  const encoding = response.headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity') {
    throw new SpiffeError(
      'ERR_ENDPOINT_RESPONSE',
      'Cannot fetch bundle: the response must not be compressed, since that was not asked for',
    );
  }
  if (Number(response.headers['content-length'] ?? 0) > maxBytes) {
    throw tooLarge(maxBytes);
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > maxBytes) {
      throw tooLarge(maxBytes);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(maxBytes: number): SpiffeError {
  return new SpiffeError(
    'ERR_BUNDLE_SIZE',
    `Cannot fetch bundle: the document must have at most ${maxBytes} bytes`,
  );
}

/** Set by node:tls when the chain or the name of the server was refused. */
function hasUnverifiedPeer(socket: TLSSocket | null): boolean {
  return (socket?.authorizationError ?? null) !== null;
}

function toEndpointError(error: unknown, url: URL, isUntrusted: boolean): SpiffeError {
  if (isUntrusted) {
    return new SpiffeError(
      'ERR_BUNDLE_ENDPOINT_IDENTITY',
      `Cannot fetch bundle from "${url.host}": the server must prove to be the endpoint that is configured`,
      { cause: error },
    );
  }
  if (isSpiffeError(error)) {
    return error;
  }
  return new SpiffeError(
    'ERR_ENDPOINT_UNAVAILABLE',
    `Cannot fetch bundle from "${url.host}": it cannot be reached or ended the connection`,
    { cause: error },
  );
}
