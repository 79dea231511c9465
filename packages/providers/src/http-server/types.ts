import type { Clock, Logger } from '@muster/lattice';

/** A request as a handler sees it. Header names are lower case; names and values are latin1 text. */
export interface HttpRequest {
  readonly method: string;
  readonly scheme: 'http' | 'https';
  /** Host and port the client asked for, from the request target or the Host header. */
  readonly authority: string;
  readonly pathWithQuery: string;
  /** Without `host` and the hop-by-hop fields of RFC 9110 section 7.6.1. */
  readonly headers: readonly (readonly [string, string])[];
  /** Whole when it is small and either announced or there already, otherwise a stream that is read no faster than it is consumed. */
  readonly body: Uint8Array | AsyncIterable<Uint8Array> | undefined;
}

/** The answer of a handler. Hop-by-hop fields in `headers` are dropped. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  /** A stream is pulled no faster than the client reads, and closed when the client goes away. */
  readonly body: Uint8Array | AsyncIterable<Uint8Array> | undefined;
}

/** What a handler learns beside the request. */
export interface HttpContext {
  /** Aborted when the client goes away before its answer is complete, or the server is stopped by force. */
  readonly signal: AbortSignal;
  /** Names this request in logs and on answers with status 500. */
  readonly requestId: string;
}

/**
 * Answers one request. An error with code `ERR_COMPONENT_DEADLINE` becomes 504, `ERR_COMPONENT_QUEUE_FULL`,
 * `ERR_COMPONENT_STOPPED` and `ERR_COMPONENT_NOT_RUNNING` 503, others 500.
 */
export type HttpHandler = (request: HttpRequest, context: HttpContext) => Promise<HttpResponse>;

/** Bounds of one HTTP listener. Sizes in bytes, durations in milliseconds. */
export interface HttpLimits {
  /** Request line and headers together, default 16 KiB. More is answered 431. */
  readonly headerBytes: number;
  /** Number of header fields, default 100. More is answered 431. */
  readonly headerCount: number;
  /** Body of a request, default 16 MiB. More is answered 413. */
  readonly bodyBytes: number;
  /** Time for the head of a request, default 10 s. Later is answered 408. */
  readonly headersTimeoutMs: number;
  /** Time for a whole request, default 60 s. Later is answered 408. */
  readonly requestTimeoutMs: number;
  /** How long an idle connection is kept, default 5 s. */
  readonly keepAliveTimeoutMs: number;
  /** A connection on which nothing moves for this long is closed, default 120 s. Bounds clients that do not read. */
  readonly idleTimeoutMs: number;
  /** Requests on one connection, default 100 000. The last answer says `connection: close`. */
  readonly maxRequestsPerConnection: number;
  /** Open connections, default 10 000. Further ones are closed at once. */
  readonly maxConnections: number;
  /** How long `stop()` waits for running requests, default 5 s. */
  readonly drainTimeoutMs: number;
}

/** Where to listen and what to accept. */
export interface HttpServerConfig {
  /** `host:port`, `[ipv6]:port`; port 0 lets the system choose. */
  readonly address: string;
  readonly limits?: Partial<HttpLimits>;
  /** Accepted Host values, with or without port, in any case; without it every well-formed one. Others are answered 421. */
  readonly allowedHosts?: readonly string[];
}

/** What the server needs from its surroundings. */
export interface HttpServerDeps {
  readonly handle: HttpHandler;
  /** Asked for every request; false is answered 503. */
  isServing(): boolean;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** A listener that serves. */
export interface HttpServer {
  /** The real address, `host:port`. */
  readonly address: string;
  /** Stops listening, waits for running requests up to `drainTimeoutMs`, then closes what is left. */
  stop(): Promise<void>;
}
