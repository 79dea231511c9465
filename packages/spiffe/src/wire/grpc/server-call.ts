import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';

import { isSpiffeError } from '../../errors.ts';
import { encodeGrpcFrame, GrpcFrameReader } from './framing.ts';
import type { GrpcCall, GrpcMethod } from './server.ts';
import { encodeGrpcMessage, GRPC_STATUS, GrpcStatusError } from './status.ts';

const TIMEOUT_UNIT_MS: Readonly<Record<string, number>> = {
  n: 1e-6,
  u: 1e-3,
  m: 1,
  S: 1000,
  M: 60_000,
  H: 3_600_000,
};
const LONGEST_TIMER_MS = 2_147_483_647;

export interface CallContext {
  readonly socket: Socket;
  readonly services: ReadonlyMap<
    string,
    { readonly securityHeader: string | undefined; readonly methods: ReadonlyMap<string, GrpcMethod> }
  >;
  readonly closing: AbortSignal;
  readonly maxRequestBytes: number;
  readonly onError: ((error: unknown, call: { readonly path: string }) => void) | undefined;
}

/** Serves one call from its headers to its trailers. Never rejects. */
export async function serveCall(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  rawHeaders: readonly string[],
  context: CallContext,
): Promise<void> {
  stream.on('error', () => {});
  if (
    headers[':method'] !== 'POST' ||
    !/^application\/grpc(?:\+proto)?(?:;|$)/.test(headers['content-type'] ?? '')
  ) {
    stream.respond({ ':status': 415 }, { endStream: true });
    return;
  }
  const path = headers[':path'] ?? '';
  const response = new Response(stream);
  const ended = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const end = (): void => {
    clearTimeout(timer);
    ended.abort();
  };
  stream.once('close', end);
  context.closing.addEventListener('abort', end, { once: true });
  try {
    const method = findMethod(path, rawHeaders, context);
    const timeoutMs = parseTimeout(headers['grpc-timeout']);
    if (timeoutMs !== undefined) {
      timer = setTimeout(() => {
        response.end(GRPC_STATUS.DEADLINE_EXCEEDED, 'deadline exceeded');
        ended.abort();
      }, timeoutMs);
    }
    const request = await readRequest(stream, context.maxRequestBytes);
    const call: GrpcCall = { socket: context.socket, signal: ended.signal, path };
    if (method.kind === 'unary') {
      await response.write(await method.handle(request, call));
    } else {
      for await (const message of method.handle(request, call)) {
        if (ended.signal.aborted) {
          break;
        }
        await response.write(message);
      }
    }
    response.end(GRPC_STATUS.OK, '');
  } catch (error) {
    respondError(error, response, path, context, ended.signal.aborted);
  } finally {
    clearTimeout(timer);
    context.closing.removeEventListener('abort', end);
  }
}

function respondError(
  error: unknown,
  response: Response,
  path: string,
  context: CallContext,
  isAborted: boolean,
): void {
  if (error instanceof GrpcStatusError) {
    response.end(error.status, error.message, error.details);
    return;
  }
  const isBadRequest = isSpiffeError(error) && error.code.startsWith('ERR_PROTOBUF_');
  if (!isAborted && !isBadRequest) {
    context.onError?.(error, { path });
  }
  response.end(GRPC_STATUS.INTERNAL, isBadRequest ? 'request is not a valid message' : 'internal error');
}

function findMethod(path: string, rawHeaders: readonly string[], context: CallContext): GrpcMethod {
  const [, serviceName = '', methodName = '', ...rest] = path.split('/');
  const service = context.services.get(serviceName);
  if (service === undefined) {
    throw new GrpcStatusError(GRPC_STATUS.UNIMPLEMENTED, 'unknown service');
  }
  const method = service.methods.get(methodName);
  if (method === undefined || rest.length > 0) {
    throw new GrpcStatusError(GRPC_STATUS.UNIMPLEMENTED, 'unknown method');
  }
  if (service.securityHeader !== undefined) {
    const values = rawHeaders.filter(
      (_, index) => index % 2 === 1 && rawHeaders[index - 1] === service.securityHeader,
    );
    if (values.length !== 1 || values[0] !== 'true') {
      throw new GrpcStatusError(GRPC_STATUS.INVALID_ARGUMENT, 'security header missing from request');
    }
  }
  return method;
}

function parseTimeout(header: string | string[] | undefined): number | undefined {
  if (header === undefined) {
    return undefined;
  }
  const match = typeof header === 'string' ? /^(\d{1,8})([HMSmun])$/.exec(header) : null;
  if (match === null) {
    throw new GrpcStatusError(GRPC_STATUS.INTERNAL, 'malformed grpc-timeout');
  }
  return Math.min(LONGEST_TIMER_MS, Number(match[1]) * (TIMEOUT_UNIT_MS[match[2] ?? ''] ?? 0));
}

async function readRequest(stream: ServerHttp2Stream, maxRequestBytes: number): Promise<Uint8Array> {
  const frames = new GrpcFrameReader(maxRequestBytes);
  const messages: Uint8Array[] = [];
  // Not `for await`: leaving such a loop by an exception would destroy the stream before it is answered.
  await new Promise<void>((resolve, reject) => {
    stream.on('data', (chunk: Uint8Array) => {
      try {
        messages.push(...frames.push(chunk));
        if (messages.length > 1) {
          throw new GrpcStatusError(GRPC_STATUS.INTERNAL, 'request must be one message');
        }
      } catch (error) {
        stream.removeAllListeners('data');
        stream.resume();
        reject(error);
      }
    });
    stream.once('end', resolve);
    stream.once('close', resolve);
  });
  const [request] = messages;
  if (request === undefined || !frames.isAtBoundary) {
    throw new GrpcStatusError(GRPC_STATUS.INTERNAL, 'request must be one message');
  }
  return request;
}

class Response {
  readonly #stream: ServerHttp2Stream;
  #isEnded = false;

  constructor(stream: ServerHttp2Stream) {
    this.#stream = stream;
  }

  /** Sends a message and waits until the peer takes more, or is gone. */
  async write(message: Uint8Array): Promise<void> {
    const stream = this.#stream;
    if (this.#isEnded || stream.closed || stream.destroyed) {
      return;
    }
    if (!stream.headersSent) {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    }
    if (!stream.write(encodeGrpcFrame(message))) {
      await new Promise<void>((resolve) => {
        stream.once('drain', resolve);
        stream.once('close', resolve);
      });
    }
  }

  /** Sends the status, once. */
  end(status: number, message: string, details?: Uint8Array): void {
    const stream = this.#stream;
    if (this.#isEnded || stream.closed || stream.destroyed) {
      return;
    }
    this.#isEnded = true;
    const trailers = {
      'grpc-status': String(status),
      ...(message === '' ? {} : { 'grpc-message': encodeGrpcMessage(message) }),
      ...(details === undefined
        ? {}
        : { 'grpc-status-details-bin': Buffer.from(details).toString('base64').replace(/=+$/, '') }),
    };
    if (stream.headersSent) {
      stream.once('wantTrailers', () => {
        stream.sendTrailers(trailers);
      });
      stream.end();
    } else {
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc', ...trailers },
        { endStream: true },
      );
    }
  }
}
