import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

import { marshalSpiffeBundle } from '../bundle/spiffe-bundle.ts';
import type { SpiffeBundle, SpiffeBundleContents } from '../bundle/spiffe-bundle.ts';

/** What a handler serves, and to whom it tells what went wrong. */
export interface BundleHandlerOptions {
  /**
   * The newest bundle, asked for at each request; undefined while there is none. What it returns is not changed afterwards:
   * a new bundle is a new object, with a higher sequence number.
   */
  getBundle(): SpiffeBundle | SpiffeBundleContents | undefined;
  /** Lets a bundle without any key be served, which revokes the trust domain everywhere. Default false: it is taken for a mistake. */
  readonly isEmptyAllowed?: boolean | undefined;
  /** Told why a request was answered with a status of 503. */
  readonly onError?: ((error: Error) => void) | undefined;
}

/** Answers one request; fits the request event of node:http, node:https and of node:http2 in compatibility. */
export type BundleHandler = (
  request: Pick<IncomingMessage, 'method' | 'headers'>,
  response: Pick<ServerResponse, 'writeHead' | 'end'>,
) => void;

interface BundleDocument {
  readonly source: object;
  readonly body: Buffer;
  readonly tag: string;
}

/**
 * Creates a handler that serves a bundle (SPIFFE Federation section 5.2.1.3) to GET and HEAD at whatever path it is put,
 * and to anybody: the server around it must not ask for a client certificate. Only public parts of keys are written.
 * Other methods get 405; 503 without a bundle, with an empty one that is not allowed, and when `getBundle` throws.
 * Never throws.
 */
export function createBundleHandler(options: BundleHandlerOptions): BundleHandler {
  let last: BundleDocument | undefined;
  const findDocument = (): BundleDocument | undefined => {
    const source = options.getBundle();
    if (source === undefined) {
      return undefined;
    }
    if (last?.source !== source) {
      last = createDocument(source, options.isEmptyAllowed ?? false);
    }
    return last;
  };
  return (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD', 'content-length': 0 });
      response.end();
      return;
    }
    let document: BundleDocument | undefined;
    try {
      document = findDocument();
      if (document === undefined) {
        throw new Error('There is no bundle to serve yet');
      }
    } catch (error) {
      options.onError?.(error instanceof Error ? error : new Error('getBundle threw', { cause: error }));
      response.writeHead(503, { 'cache-control': 'no-store', 'content-length': 0 });
      response.end();
      return;
    }
    // A cache may keep the document but has to ask each time, so that a removed key is not handed out any longer.
    const headers = { etag: document.tag, 'cache-control': 'no-cache', 'x-content-type-options': 'nosniff' };
    if (isKnown(request.headers['if-none-match'], document.tag)) {
      response.writeHead(304, headers);
      response.end();
      return;
    }
    response.writeHead(200, {
      ...headers,
      'content-type': 'application/json',
      'content-length': document.body.length,
    });
    response.end(request.method === 'HEAD' ? undefined : document.body);
  };
}

function createDocument(
  source: SpiffeBundle | SpiffeBundleContents,
  isEmptyAllowed: boolean,
): BundleDocument {
  const contents: SpiffeBundleContents =
    'x509Bundle' in source
      ? {
          x509Authorities: source.x509Bundle.authorities,
          jwtAuthorities: source.jwtBundle.authorities,
          sequence: source.sequence,
          refreshHintMs: source.refreshHintMs,
        }
      : source;
  if (!isEmptyAllowed && contents.x509Authorities.length + contents.jwtAuthorities.length === 0) {
    throw new Error('The bundle to serve has no key');
  }
  const body = Buffer.from(marshalSpiffeBundle(contents));
  return { source, body, tag: `"${createHash('sha256').update(body).digest('base64url')}"` };
}

/** Weak comparison, as If-None-Match asks for (RFC 9110 section 13.1.2). */
function isKnown(header: string | undefined, tag: string): boolean {
  return (header ?? '')
    .split(',')
    .map((part) => part.trim().replace(/^W\//, ''))
    .some((part) => part === '*' || part === tag);
}
