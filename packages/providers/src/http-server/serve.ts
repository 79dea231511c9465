import type { IncomingMessage } from 'node:http';
import type { AuthorityCheck } from './authority.ts';
import { hold, leave, tryEnter } from './connection.ts';
import type { Connection } from './connection.ts';
import { Exchange } from './exchange.ts';
import type { Answer } from './exchange.ts';
import { WHOLE_BODY_BYTES } from './limits.ts';
import { readHead } from './request.ts';
import type { RequestHead } from './request.ts';
import { readArrivedBody, readWholeBody, streamBody } from './request-body.ts';
import { pipeBody, writeHead } from './response.ts';
import type { HttpLimits, HttpRequest, HttpResponse, HttpServerDeps } from './types.ts';

/** What all requests of one listener share. */
export interface ServeState {
  readonly deps: HttpServerDeps;
  readonly limits: HttpLimits;
  readonly authorities: AuthorityCheck;
  isStopping: boolean;
}

/** Answers one request completely; never rejects. */
export async function serve(
  state: ServeState,
  message: IncomingMessage,
  response: Answer,
  isContinueExpected: boolean,
): Promise<void> {
  const connection = message.socket as Connection;
  if (connection.isClosing === true) {
    // Behind an answer that closes nothing more is done (RFC 9112, 9.6); its end closes this one too.
    return;
  }
  if (!tryEnter(connection)) {
    hold(connection, () => void serve(state, message, response, isContinueExpected));
    return;
  }
  response.on('close', onClose);
  if (!state.deps.isServing()) {
    refuse(response, 503, 'not serving');
    return;
  }
  const head = readHead(message, state.limits, state.authorities);
  if (typeof head === 'number') {
    refuse(response, head, reasons[head]);
    return;
  }
  if (isContinueExpected) {
    response.writeContinue();
  }
  const exchange = new Exchange(message, response);
  response.exchange = exchange;
  try {
    const body = head.bodyLength === 0 ? undefined : await bodyOf(exchange, head, state.limits.bodyBytes);
    const answer = await state.deps.handle(requestOf(message, head, body), exchange);
    await send(state, exchange, answer);
  } catch (error) {
    fail(state, exchange, error);
  }
}

/** Failures after which the same request may well succeed a moment later. */
const unavailable: ReadonlySet<string> = new Set([
  'ERR_COMPONENT_QUEUE_FULL',
  'ERR_COMPONENT_STOPPED',
  'ERR_COMPONENT_NOT_RUNNING',
]);

const SINGLE_WRITE_BYTES = 4096;

const reasons = {
  400: 'bad request',
  413: 'request body too large',
  421: 'host not served here',
  431: 'too many headers',
} as const;

function onClose(this: Answer): void {
  if (!this.writableFinished) {
    this.exchange?.abandon();
  }
  leave(this.req.socket);
}

function requestOf(message: IncomingMessage, head: RequestHead, body: HttpRequest['body']): HttpRequest {
  return {
    method: message.method ?? 'GET',
    scheme: 'http',
    authority: head.authority,
    pathWithQuery: head.pathWithQuery,
    headers: head.headers,
    body,
  };
}

async function bodyOf(
  exchange: Exchange,
  head: RequestHead,
  limitBytes: number,
): Promise<Exclude<HttpRequest['body'], undefined>> {
  const { message } = exchange;
  if (head.bodyLength > 0 && head.bodyLength <= WHOLE_BODY_BYTES) {
    return readWholeBody(message, head.bodyLength);
  }
  return (
    (await readArrivedBody(message, Math.min(WHOLE_BODY_BYTES, limitBytes))) ??
    streamBody(message, limitBytes, () => {
      exchange.isBodyTooLarge = true;
    })
  );
}

async function send(state: ServeState, exchange: Exchange, answer: HttpResponse): Promise<void> {
  const { message, response } = exchange;
  const { body } = answer;
  if (exchange.isBodyTooLarge && !response.headersSent) {
    await cancel(body);
    refuse(response, 413, reasons[413]);
    return;
  }
  if (exchange.isGone) {
    await cancel(body);
    return;
  }
  // A body that the handler did not read would otherwise be drained for as long as the client likes to send it.
  const isClosing = state.isStopping || !message.complete;
  const head = writeHead(answer, message.method === 'HEAD', isClosing);
  if (isClosing) {
    markClosing(message);
  }
  response.writeHead(head.status, head.headers);
  if (!head.hasBody || body === undefined) {
    response.end();
    await cancel(body);
  } else if (body instanceof Uint8Array) {
    if (body.byteLength <= SINGLE_WRITE_BYTES) {
      // Head and body as one string leave in one write, which is cheaper than a gathered one.
      response.end(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1'), 'latin1');
    } else {
      response.end(body);
    }
  } else {
    await pipeBody(response, body, head.length);
  }
}

/** Lets a stream that nobody will read release what it holds. */
async function cancel(body: HttpResponse['body']): Promise<void> {
  if (body !== undefined && !(body instanceof Uint8Array)) {
    await body[Symbol.asyncIterator]().return?.();
  }
}

function fail(state: ServeState, exchange: Exchange, error: unknown): void {
  const { response } = exchange;
  const code = codeOf(error);
  if (exchange.isGone) {
    return;
  }
  if (response.headersSent) {
    // The status is on the wire already: only a broken connection still tells the client that this is not the whole answer.
    state.deps.logger.warn('http answer broken off', { requestId: exchange.requestId, code });
    response.destroy();
    return;
  }
  if (exchange.isBodyTooLarge) {
    refuse(response, 413, reasons[413]);
  } else if (code === 'ERR_COMPONENT_DEADLINE') {
    state.deps.logger.warn('http request past its deadline', { requestId: exchange.requestId, code });
    refuse(response, 504, 'deadline exceeded', exchange.requestId);
  } else if (unavailable.has(code)) {
    refuse(response, 503, 'not available now', undefined, ['retry-after', '1']);
  } else {
    state.deps.logger.error('http request failed', { requestId: exchange.requestId, code });
    refuse(response, 500, 'internal error', exchange.requestId);
  }
}

function markClosing(message: IncomingMessage): void {
  (message.socket as Connection).isClosing = true;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
}

/** A short answer of the server itself; the connection stays open only where that is safe. */
function refuse(
  response: Answer,
  status: number,
  text: string,
  requestId?: string,
  extra: readonly string[] = [],
): void {
  const body = requestId === undefined ? `${text}\n` : `${text}\nrequest id: ${requestId}\n`;
  const headers = [
    ...extra,
    'content-type',
    'text/plain; charset=utf-8',
    'content-length',
    String(body.length),
  ];
  if (requestId !== undefined) {
    headers.push('x-request-id', requestId);
  }
  if (!response.req.complete || status === 400 || status === 503) {
    headers.push('connection', 'close');
    markClosing(response.req);
  }
  response.writeHead(status, headers);
  response.end(body);
}
