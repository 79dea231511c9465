import type { IncomingMessage } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import { ProviderError } from '../errors.ts';

/** Reads a body of announced length. Throws ProviderError `ERR_HTTP_REQUEST_BODY_ABORTED`. */
export async function readWholeBody(message: IncomingMessage, length: number): Promise<Uint8Array> {
  const body = new Uint8Array(length);
  let at = 0;
  try {
    for await (const chunk of message as AsyncIterable<Buffer>) {
      body.set(chunk, at);
      at += chunk.byteLength;
    }
  } catch (cause) {
    throw aborted(cause);
  }
  return body;
}

/** A body that came together with its head; undefined when it is larger than `mostBytes` or not there completely. */
export async function readArrivedBody(
  message: IncomingMessage,
  mostBytes: number,
): Promise<Uint8Array | undefined> {
  // In this turn the parser goes on with what came with the head; a promise alone would not wait for it.
  await setImmediate();
  if (!message.complete || message.readableLength > mostBytes) {
    return undefined;
  }
  const body = message.read() as Buffer | null;
  return body === null ? new Uint8Array(0) : new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
}

/**
 * The body as a stream that is read only as fast as it is consumed, and only once.
 * Throws ProviderError `ERR_HTTP_REQUEST_BODY_TOO_LARGE` or `ERR_HTTP_REQUEST_BODY_ABORTED` while it is read.
 */
export async function* streamBody(
  message: IncomingMessage,
  limitBytes: number,
  onTooLarge: () => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  let total = 0;
  const chunks = message.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  try {
    for await (const chunk of chunks) {
      total += chunk.byteLength;
      if (total > limitBytes) {
        onTooLarge();
        throw new ProviderError(
          'ERR_HTTP_REQUEST_BODY_TOO_LARGE',
          `Cannot read the request body: it must not be larger than ${limitBytes} bytes`,
        );
      }
      yield chunk;
    }
  } catch (error) {
    throw error instanceof ProviderError ? error : aborted(error);
  }
}

function aborted(cause: unknown): ProviderError {
  return new ProviderError(
    'ERR_HTTP_REQUEST_BODY_ABORTED',
    'Cannot read the request body: the client must send all of it',
    { cause },
  );
}
