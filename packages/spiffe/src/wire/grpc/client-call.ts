import http2 from 'node:http2';
import type { ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';

import { isSpiffeError } from '../../errors.ts';
import { quote } from '../../internal/quote.ts';
import type { CallLimits } from './call-limits.ts';
import { encodeGrpcFrame, GrpcFrameReader } from './framing.ts';
import {
  decodeGrpcMessage,
  GRPC_STATUS,
  grpcStatusName,
  GrpcStatusError,
  parseGrpcDetails,
  parseGrpcStatus,
} from './status.ts';
import type { GrpcStatusCode } from './status.ts';
import type { GrpcTarget } from './target.ts';

const HTTP_STATUS: Readonly<Record<number, GrpcStatusCode>> = {
  400: GRPC_STATUS.INTERNAL,
  401: GRPC_STATUS.UNAUTHENTICATED,
  403: GRPC_STATUS.PERMISSION_DENIED,
  404: GRPC_STATUS.UNIMPLEMENTED,
  429: GRPC_STATUS.UNAVAILABLE,
  502: GRPC_STATUS.UNAVAILABLE,
  503: GRPC_STATUS.UNAVAILABLE,
  504: GRPC_STATUS.UNAVAILABLE,
};

/** One try of a call on one stream. */
export class ClientCall {
  readonly #path: string;
  readonly #stream: ClientHttp2Stream;
  readonly #limits: CallLimits;
  readonly #closed: Promise<void>;
  #transportError: unknown;
  #headers: IncomingHttpHeaders | undefined;
  #trailers: IncomingHttpHeaders | undefined;

  constructor(path: string, stream: ClientHttp2Stream, limits: CallLimits) {
    this.#path = path;
    this.#stream = stream;
    this.#limits = limits;
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
    limits.onFailure(() => {
      this.stop();
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
      // A limit that was hit is the reason of whatever happened to the stream after it.
      if (isSpiffeError(error)) {
        throw this.#limits.failure ?? error;
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
    return this.#limits.failure === undefined && this.#headers === undefined;
  }

  stop(): void {
    if (!this.#stream.closed) {
      this.#stream.close(http2.constants.NGHTTP2_CANCEL);
    }
    // Closing alone waits until the frame is written, which on a connection that died unnoticed is never.
    this.#stream.destroy();
  }

  #throwUnlessOk(): void {
    if (this.#limits.failure !== undefined) {
      throw this.#limits.failure;
    }
    const headers = this.#headers ?? {};
    const end = this.#trailers ?? headers;
    const status = end['grpc-status'];
    if (typeof status === 'string') {
      const code = parseGrpcStatus(status);
      if (code !== GRPC_STATUS.OK) {
        const text = end['grpc-message'];
        const reason = typeof text === 'string' && text !== '' ? `: ${decodeGrpcMessage(text)}` : '';
        throw new GrpcStatusError(code, `Call ${this.#path} ended with ${grpcStatusName(code)}${reason}`, {
          details: parseGrpcDetails(end['grpc-status-details-bin']),
        });
      }
      return;
    }
    const httpStatus = Number(headers[':status'] ?? 200);
    if (httpStatus !== 200) {
      throw new GrpcStatusError(
        HTTP_STATUS[httpStatus] ?? GRPC_STATUS.UNKNOWN,
        `Call ${this.#path} was answered by HTTP status ${httpStatus}`,
      );
    }
    throw unavailable(this.#path, this.#transportError);
  }
}

/** The failure of a call whose connection broke. */
export function unavailable(path: string, cause: unknown): GrpcStatusError {
  return new GrpcStatusError(
    GRPC_STATUS.UNAVAILABLE,
    `Call ${path} failed: ${findReason(cause) ?? 'the connection broke'}`,
    { cause },
  );
}

/** Where a connection leads to, for messages. */
export function describe(target: GrpcTarget): string {
  return quote('path' in target ? target.path : `${target.host} port ${target.port}`);
}

const HINTS = new Map([
  ['ENOENT', 'there is no socket'],
  ['ECONNREFUSED', 'nothing listens there'],
  ['EACCES', 'this user may not open it'],
]);

/** The failure of a call whose connection could not be opened: it says where to, since that is most often wrong. */
export function unreachable(path: string, target: GrpcTarget, cause: unknown): GrpcStatusError {
  const code = findReason(cause);
  const hint = HINTS.get(code ?? '');
  const reason =
    hint !== undefined ? `${hint} (${String(code)})` : (code ?? 'the connection was not established');
  return new GrpcStatusError(
    GRPC_STATUS.UNAVAILABLE,
    `Call ${path} failed: cannot connect to ${describe(target)}: ${reason}`,
    { cause },
  );
}

/** The code of the system or of TLS, such as ENOENT, from the errors that http2 wraps around it. */
function findReason(error: unknown): string | undefined {
  let current = error;
  for (let depth = 0; current instanceof Error && depth < 4; depth += 1) {
    const code = 'code' in current && typeof current.code === 'string' ? current.code : '';
    if (
      'syscall' in current ||
      code.startsWith('ERR_SSL_') ||
      (/^[A-Z][A-Z_]+$/.test(code) && !code.startsWith('ERR_'))
    ) {
      return code === '' ? undefined : code;
    }
    current = current.cause;
  }
  return undefined;
}
