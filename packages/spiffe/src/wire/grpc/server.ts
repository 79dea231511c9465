import http2 from 'node:http2';
import type { ServerHttp2Session } from 'node:http2';
import net from 'node:net';
import type { Socket } from 'node:net';

import { serveCall } from './server-call.ts';

const DEFAULT_MAX_CONNECTIONS = 1024;
const DEFAULT_MAX_REQUEST_BYTES = 64 * 1024;
const MAX_CONCURRENT_CALLS = 128;
const MAX_HEADER_BYTES = 16 * 1024;

/** What a handler knows of its call. */
export interface GrpcCall {
  /** The connection's own socket: the same object that `onConnection` got. */
  readonly socket: Socket;
  /** Aborted when the client cancels, its deadline passes, the connection ends or the server closes. */
  readonly signal: AbortSignal;
  /** `/Service/Method` */
  readonly path: string;
}

/** A handler throws GrpcStatusError to end the call with that status; anything else becomes INTERNAL without details. A stream handler must end once `call.signal` is aborted. */
export type GrpcMethod =
  | { readonly kind: 'unary'; handle(request: Uint8Array, call: GrpcCall): Promise<Uint8Array> | Uint8Array }
  | { readonly kind: 'serverStream'; handle(request: Uint8Array, call: GrpcCall): AsyncIterable<Uint8Array> };

/** The methods of one gRPC service. */
export interface GrpcService {
  /** Name of a header that each call must carry exactly once with the value `true`; else the call ends with INVALID_ARGUMENT. */
  readonly securityHeader?: string | undefined;
  /** Methods by their bare name. Any other name ends with UNIMPLEMENTED. */
  readonly methods: Readonly<Record<string, GrpcMethod>>;
}

/** What a server offers, and its limits. */
export interface GrpcServerOptions {
  /** Services by their full name. */
  readonly services: Readonly<Record<string, GrpcService>>;
  /** Called at accept, before a byte is read, so that the peer can be attested. When it throws, the connection is destroyed. */
  onConnection?(socket: Socket): void;
  /** Told of what a handler threw that is not a GrpcStatusError. */
  onError?(error: unknown, call: { readonly path: string }): void;
  /** Largest request message. Default 64 KiB. */
  readonly maxRequestBytes?: number | undefined;
  /** Connections at one time; more are refused. Default 1024. */
  readonly maxConnections?: number | undefined;
}

/** A gRPC server. Disposing of it is the same as `close`. */
export interface GrpcServer extends AsyncDisposable {
  /** Listens on a unix socket path, which must not exist. The mode of the socket file is the caller's business. Rejects with the error of node:net. */
  listen(socketPath: string): Promise<void>;
  /** Ends every call and connection and removes the socket file. */
  close(): Promise<void>;
}

/** Creates a gRPC server for unix sockets. It does nothing until `listen`. Never throws. */
export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  const services = new Map(
    Object.entries(options.services).map(([name, service]) => [
      name,
      {
        securityHeader: service.securityHeader?.toLowerCase(),
        methods: new Map(Object.entries(service.methods)),
      },
    ]),
  );
  const sessions = new Set<ServerHttp2Session>();
  const closing = new AbortController();
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    try {
      options.onConnection?.(socket);
    } catch (error) {
      options.onError?.(error, { path: '' });
      socket.destroy();
      return;
    }
    const session = http2.performServerHandshake(socket, {
      settings: { maxConcurrentStreams: MAX_CONCURRENT_CALLS, maxHeaderListSize: MAX_HEADER_BYTES },
    });
    sessions.add(session);
    session.on('error', () => {});
    session.on('close', () => {
      sessions.delete(session);
    });
    session.on('stream', (stream, headers, _flags, rawHeaders) => {
      void serveCall(stream, headers, rawHeaders, {
        socket,
        services,
        closing: closing.signal,
        maxRequestBytes: options.maxRequestBytes ?? DEFAULT_MAX_REQUEST_BYTES,
        onError: options.onError?.bind(options),
      });
    });
  });
  server.maxConnections = options.maxConnections ?? DEFAULT_MAX_CONNECTIONS;

  async function close(): Promise<void> {
    closing.abort();
    await new Promise<void>((resolve) => {
      server.close(() => {
        resolve();
      });
      for (const session of sessions) {
        session.destroy();
      }
    });
  }

  return {
    async listen(socketPath): Promise<void> {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ path: socketPath }, () => {
          server.off('error', reject);
          resolve();
        });
      });
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
