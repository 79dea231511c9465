import type { ServerResponse } from 'node:http';
import { ProviderError } from '../errors.ts';
import { connectionOptions, isHopByHop } from './headers.ts';
import type { HttpResponse } from './types.ts';

/** What of an answer goes on the wire, flat as node:http takes it without copying. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: string[];
  /** Announced length, undefined when there is none. */
  readonly length: number | undefined;
  /** False where HTTP forbids a body: HEAD, 204, 304. */
  readonly hasBody: boolean;
}

/** Checks and filters the head of an answer. Throws ProviderError `ERR_HTTP_RESPONSE_INVALID`. */
export function writeHead(answer: HttpResponse, isHead: boolean, isClosing: boolean): ResponseHead {
  const { status } = answer;
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw invalid(`status ${String(status)} must lie between 200 and 599`);
  }
  const headers: string[] = [];
  let length: number | undefined;
  let dropped: string[] | undefined;
  for (const [name, value] of answer.headers) {
    const lower = name.toLowerCase();
    if (lower === 'content-length') {
      length = announcedLength(value, length);
    } else if (!isHopByHop(lower)) {
      headers.push(name, value);
    } else if (lower === 'connection') {
      dropped = (dropped ?? []).concat(connectionOptions(value));
    }
  }
  const hasBody = !isHead && status !== 204 && status !== 304;
  if (hasBody && (answer.body === undefined || answer.body instanceof Uint8Array)) {
    const actual = answer.body === undefined ? 0 : answer.body.byteLength;
    if (length !== undefined && length !== actual) {
      throw invalid(`content-length ${length} must be the length of the body, ${actual}`);
    }
    length = actual;
  }
  const kept = dropped === undefined ? headers : withoutNamed(headers, dropped);
  if (length !== undefined && status !== 204) {
    kept.push('content-length', String(length));
  }
  if (isClosing) {
    kept.push('connection', 'close');
  }
  return { status, headers: kept, length, hasBody };
}

function announcedLength(value: string, before: number | undefined): number {
  const length = Number(value);
  if (!/^\d{1,15}$/.test(value) || (before !== undefined && before !== length)) {
    throw invalid('content-length must be one number');
  }
  return length;
}

function withoutNamed(headers: readonly string[], dropped: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    if (!dropped.includes(name.toLowerCase())) {
      kept.push(name, headers[i + 1] as string);
    }
  }
  return kept;
}

/**
 * Writes a streamed body with the back-pressure of the connection and ends the answer.
 * Throws ProviderError `ERR_HTTP_RESPONSE_INVALID` when the length differs from the announced one; errors of the body pass through.
 */
export async function pipeBody(
  response: ServerResponse,
  body: AsyncIterable<Uint8Array>,
  length: number | undefined,
): Promise<void> {
  let total = 0;
  for await (const chunk of body) {
    total += chunk.byteLength;
    if (length !== undefined && total > length) {
      throw invalid(`the body must not be longer than content-length ${length}`);
    }
    if (response.destroyed || response.socket?.destroyed === true) {
      return;
    }
    if (chunk.byteLength > 0 && !response.write(chunk)) {
      await drained(response);
    }
  }
  if (length !== undefined && total < length) {
    throw invalid(`the body must not be shorter than content-length ${length}`);
  }
  response.end();
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
  });
}

function invalid(reason: string): ProviderError {
  return new ProviderError('ERR_HTTP_RESPONSE_INVALID', `Cannot send the answer of the handler: ${reason}`);
}
