import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { formatAddress, listenError, parseAddress } from './address.ts';
import { createAuthorityCheck } from './authority.ts';
import { isHeldBack } from './connection.ts';
import type { Connection } from './connection.ts';
import { Answer } from './exchange.ts';
import { defaultHttpLimits } from './limits.ts';
import { serve } from './serve.ts';
import type { ServeState } from './serve.ts';
import type { HttpLimits, HttpServer, HttpServerConfig, HttpServerDeps } from './types.ts';

/**
 * Opens one HTTP/1.1 listener (RFC 9112) and hands every acceptable request to `deps.handle`.
 * Throws ProviderError `ERR_HTTP_ADDRESS_*` or `ERR_HTTP_LISTEN_FAILED`; later trouble only goes to the logger.
 */
export async function startHttpServer(config: HttpServerConfig, deps: HttpServerDeps): Promise<HttpServer> {
  const limits = { ...defaultHttpLimits, ...config.limits };
  const { host, port } = parseAddress(config.address);
  const state: ServeState = {
    deps,
    limits,
    authorities: createAuthorityCheck(config.allowedHosts),
    isStopping: false,
  };
  const server = createNodeServer(limits);
  server.on('request', (message, response) => void serve(state, message, response, false));
  server.on('checkContinue', (message, response) => void serve(state, message, response, true));
  server.on('clientError', (error, socket) => answerClientError(error, socket as AnswerSocket));
  try {
    await listen(server, host, port);
  } catch (cause) {
    throw listenError(config.address, cause);
  }
  server.on('error', (error: NodeJS.ErrnoException) => {
    deps.logger.error('http listener failed', { address: config.address, code: error.code });
  });
  const bound = server.address() as AddressInfo;
  let stopping: Promise<void> | undefined;
  return {
    address: formatAddress(host, bound.port),
    stop() {
      stopping ??= drain(server, state);
      return stopping;
    },
  };
}

/** node:http keeps the answer under way on its socket; there is no public way to it from `clientError`. */
type AnswerSocket = Connection & { readonly _httpMessage?: Answer | null };
type AnswerServer = Server<typeof IncomingMessage, typeof Answer>;

function createNodeServer(limits: HttpLimits): AnswerServer {
  const server = createServer({
    ServerResponse: Answer,
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: checkingInterval(limits),
    insecureHTTPParser: false,
    requireHostHeader: true,
    noDelay: true,
  });
  // Counted by us: node would drop the fields beyond its own maximum in silence.
  server.maxHeadersCount = 0;
  server.maxRequestsPerSocket = limits.maxRequestsPerConnection;
  server.maxConnections = limits.maxConnections;
  server.timeout = limits.idleTimeoutMs;
  return server;
}

/** Node looks for late requests at this interval, so time-outs are late by as much. */
function checkingInterval(limits: HttpLimits): number {
  return Math.max(50, Math.min(limits.headersTimeoutMs, limits.requestTimeoutMs, 4_000) / 4);
}

function listen(server: AnswerServer, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

const clientErrors: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Content Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/**
 * Answers what never became a whole request. With an answer on the wire already, or one due to a whole request before
 * it, the connection can only be cut: a status sent now would be taken for that answer.
 */
function answerClientError(error: Error & { code?: string }, socket: AnswerSocket): void {
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && isHeldBack(socket)) {
    // It is late because we do not read; the idle time-out still bounds it.
    return;
  }
  const answer = socket._httpMessage;
  if (!socket.writable || (answer && (answer.headersSent || answer.req.complete))) {
    socket.destroy();
    return;
  }
  const status = clientErrors[error.code ?? ''] ?? '400 Bad Request';
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`, () => socket.destroy());
}

async function drain(server: AnswerServer, state: ServeState): Promise<void> {
  state.isStopping = true;
  const { clock } = state.deps;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const timer = clock.setTimeout(() => server.closeAllConnections(), state.limits.drainTimeoutMs);
  await closed;
  clock.clearTimeout(timer);
}
