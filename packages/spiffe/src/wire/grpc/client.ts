import http2 from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import net from 'node:net';

import { SpiffeError } from '../../errors.ts';
import { parseUnixAddress } from './address.ts';
import { encodeGrpcFrame, GrpcFrameReader } from './framing.ts';
import {
  decodeGrpcMessage,
  GRPC_STATUS,
  grpcStatusName,
  GrpcStatusError,
  parseGrpcStatus,
} from './status.ts';

const DEFAULT_MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
const LONGEST_TIMEOUT_MS = 99_999_999;

export interface GrpcClientOptions {
  /** `unix:///absolute/path` or `unix:/absolute/path`. */
  readonly address: string;
  /** Largest message that is accepted. Default 4 MiB. */
  readonly maxMessageBytes?: number | undefined;
}

export interface GrpcCallOptions {
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

/**
 * A gRPC client over one unix socket, which it opens at the first call and again when it broke. Calls throw
 * GrpcStatusError for a status other than OK, and SpiffeError `ERR_ABORTED` or `ERR_CLOSED`. A failed connection is
 * UNAVAILABLE, a passed time limit DEADLINE_EXCEEDED. An idle client does not keep the process alive.
 */
export class GrpcClient implements AsyncDisposable {
  readonly #socketPath: string;
  readonly #maxMessageBytes: number;
  #session: ClientHttp2Session | undefined;
  #openCalls = 0;
  #isClosed = false;

  constructor(options: GrpcClientOptions) {
    this.#socketPath = parseUnixAddress(options.address);
    this.#maxMessageBytes = options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES;
  }

  /** One request, one response. */
  async unary(path: string, request: Uint8Array, options: GrpcCallOptions = {}): Promise<Uint8Array> {
    let response: Uint8Array | undefined;
    for await (const message of this.serverStream(path, request, options)) {
      if (response !== undefined) {
        throw new GrpcStatusError(GRPC_STATUS.INTERNAL, `Call ${path} was answered by more than one message`);
      }
      response = message;
    }
    if (response === undefined) {
      throw new GrpcStatusError(GRPC_STATUS.INTERNAL, `Call ${path} was answered by no message`);
    }
    return response;
  }

  /** One request, a stream of responses. To leave early, abort the signal or leave the loop. */
  async *serverStream(
    path: string,
    request: Uint8Array,
    options: GrpcCallOptions = {},
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const isReused = this.#hasLiveSession;
    let isRetry = false;
    for (;;) {
      const call = new ClientCall(path, this.#open(path, options), options);
      const session = this.#session;
      this.#openCalls += 1;
      session?.ref();
      try {
        yield* call.messages(request, this.#maxMessageBytes);
        return;
      } catch (error) {
        // An idle connection may have died unnoticed. Then nothing of the call arrived, and a new connection is tried once.
        if (!isReused || isRetry || !call.isUnanswered || this.#isClosed) {
          throw error;
        }
        isRetry = true;
        session?.destroy();
        if (this.#session === session) {
          this.#session = undefined;
        }
      } finally {
        call.stop();
        this.#openCalls -= 1;
        if (this.#openCalls === 0) {
          this.#session?.unref();
        }
      }
    }
  }

  /** Ends the connection and every call on it. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const session = this.#session;
    this.#session = undefined;
    if (session !== undefined && !session.destroyed) {
      const closed = new Promise<void>((resolve) => {
        session.once('close', resolve);
      });
      session.destroy();
      await closed;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  get #hasLiveSession(): boolean {
    return this.#session !== undefined && !this.#session.closed && !this.#session.destroyed;
  }

  #open(path: string, options: GrpcCallOptions): ClientHttp2Stream {
    if (this.#isClosed) {
      throw new SpiffeError('ERR_CLOSED', `Cannot call ${path}: the client is closed`);
    }
    if (options.signal?.aborted === true) {
      throw aborted(path, options.signal);
    }
    const headers: http2.OutgoingHttpHeaders = {
      ':method': 'POST',
      ':scheme': 'http',
      ':path': path,
      ':authority': 'localhost',
      te: 'trailers',
      'content-type': 'application/grpc',
      ...options.metadata,
    };
    if (options.timeoutMs !== undefined) {
      headers['grpc-timeout'] = `${Math.min(LONGEST_TIMEOUT_MS, Math.max(1, Math.ceil(options.timeoutMs)))}m`;
    }
    try {
      return this.#connect().request(headers);
    } catch (error) {
      throw new GrpcStatusError(GRPC_STATUS.UNAVAILABLE, `Call ${path} failed: no connection`, {
        cause: error,
      });
    }
  }

  #connect(): ClientHttp2Session {
    if (this.#session !== undefined && this.#hasLiveSession) {
      return this.#session;
    }
    const session = http2.connect('http://localhost', {
      createConnection: () => net.connect({ path: this.#socketPath }),
      settings: { enablePush: false },
    });
    // Each call on the session reports the failure; without a listener it would end the process as well.
    session.on('error', () => {});
    session.on('goaway', () => {
      if (this.#session === session) {
        this.#session = undefined;
      }
    });
    this.#session = session;
    return session;
  }
}

class ClientCall {
  readonly #path: string;
  readonly #stream: ClientHttp2Stream;
  readonly #signal: AbortSignal | undefined;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #onAbort: () => void;
  readonly #closed: Promise<void>;
  #failure: SpiffeError | undefined;
  #transportError: unknown;
  #headers: IncomingHttpHeaders | undefined;
  #trailers: IncomingHttpHeaders | undefined;

  constructor(path: string, stream: ClientHttp2Stream, options: GrpcCallOptions) {
    this.#path = path;
    this.#stream = stream;
    this.#signal = options.signal;
    this.#onAbort = (): void => {
      this.#cancel(aborted(path, options.signal));
    };
    this.#signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (options.timeoutMs !== undefined) {
      const limit = options.timeoutMs;
      this.#timer = setTimeout(() => {
        this.#cancel(
          new GrpcStatusError(
            GRPC_STATUS.DEADLINE_EXCEEDED,
            `Call ${path} did not finish within ${limit} ms`,
          ),
        );
      }, limit);
    }
    this.#closed = new Promise((resolve) => {
      stream.once('close', resolve);
    });
    stream.on('error', (error) => {
      this.#transportError = error;
    });
    stream.once('response', (headers) => {
      this.#headers = headers;
    });
    stream.once('trailers', (trailers: IncomingHttpHeaders) => {
      this.#trailers = trailers;
    });
  }

  async *messages(request: Uint8Array, maxMessageBytes: number): AsyncGenerator<Uint8Array, void, undefined> {
    const frames = new GrpcFrameReader(maxMessageBytes);
    try {
      this.#stream.end(encodeGrpcFrame(request));
      for await (const chunk of this.#stream as AsyncIterable<Uint8Array>) {
        yield* frames.push(chunk);
      }
    } catch (error) {
      if (error instanceof SpiffeError) {
        throw error;
      }
      this.#transportError ??= error;
    }
    await this.#closed;
    this.#throwUnlessOk();
    if (!frames.isAtBoundary) {
      throw new GrpcStatusError(GRPC_STATUS.INTERNAL, `Call ${this.#path} ended inside a message`);
    }
  }

  /** True when the connection broke before the first byte of an answer. */
  get isUnanswered(): boolean {
    return this.#failure === undefined && this.#headers === undefined;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener('abort', this.#onAbort);
    if (!this.#stream.closed) {
      this.#stream.close(http2.constants.NGHTTP2_CANCEL);
    }
  }

  #cancel(failure: SpiffeError): void {
    this.#failure ??= failure;
    this.#stream.close(http2.constants.NGHTTP2_CANCEL);
  }

  #throwUnlessOk(): void {
    if (this.#failure !== undefined) {
      throw this.#failure;
    }
    const headers = this.#headers ?? {};
    const end = this.#trailers ?? headers;
    const status = end['grpc-status'];
    if (typeof status === 'string') {
      const code = parseGrpcStatus(status);
      if (code !== GRPC_STATUS.OK) {
        const text = end['grpc-message'];
        const reason = typeof text === 'string' && text !== '' ? `: ${decodeGrpcMessage(text)}` : '';
        throw new GrpcStatusError(code, `Call ${this.#path} ended with ${grpcStatusName(code)}${reason}`);
      }
      return;
    }
    const httpStatus = Number(headers[':status'] ?? 200);
    if (httpStatus !== 200) {
      throw new GrpcStatusError(
        httpToGrpcStatus(httpStatus),
        `Call ${this.#path} was answered by HTTP status ${httpStatus}`,
      );
    }
    const reason = findSystemCode(this.#transportError) ?? 'the connection broke';
    throw new GrpcStatusError(GRPC_STATUS.UNAVAILABLE, `Call ${this.#path} failed: ${reason}`, {
      cause: this.#transportError,
    });
  }
}

/** The code of the system, such as ENOENT, from the errors that http2 wraps around it. */
function findSystemCode(error: unknown): string | undefined {
  let current = error;
  for (let depth = 0; current instanceof Error && depth < 4; depth += 1) {
    if ('syscall' in current && 'code' in current && typeof current.code === 'string') {
      return current.code;
    }
    current = current.cause;
  }
  return undefined;
}

function httpToGrpcStatus(status: number): (typeof GRPC_STATUS)[keyof typeof GRPC_STATUS] {
  switch (status) {
    case 400:
      return GRPC_STATUS.INTERNAL;
    case 401:
      return GRPC_STATUS.UNAUTHENTICATED;
    case 403:
      return GRPC_STATUS.PERMISSION_DENIED;
    case 404:
      return GRPC_STATUS.UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
      return GRPC_STATUS.UNAVAILABLE;
    default:
      return GRPC_STATUS.UNKNOWN;
  }
}

function aborted(path: string, signal: AbortSignal | undefined): SpiffeError {
  return new SpiffeError('ERR_ABORTED', `Call ${path} was aborted`, { cause: signal?.reason });
}
