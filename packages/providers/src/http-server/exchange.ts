import { randomBytes } from 'node:crypto';
import { ServerResponse } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { HttpContext } from './types.ts';

const prefix = randomBytes(6).toString('hex');
let counter = 0;

/** The server's own answers carry their exchange: a weak map beside them costs more than the rest of a request. */
export class Answer extends ServerResponse {
  exchange: Exchange | undefined = undefined;
}

/**
 * One request and its answer. Signal and request id are made when they are first asked for: most requests need
 * neither, and both cost as much as the rest of the bookkeeping.
 */
export class Exchange implements HttpContext {
  readonly message: IncomingMessage;
  readonly response: Answer;
  /** Set when the body of the request went past the limit while it was streamed. */
  isBodyTooLarge = false;
  #controller: AbortController | undefined;
  #isGone = false;
  #requestId: string | undefined;

  constructor(message: IncomingMessage, response: Answer) {
    this.message = message;
    this.response = response;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#isGone) {
        this.#controller.abort();
      }
    }
    return this.#controller.signal;
  }

  get requestId(): string {
    if (this.#requestId === undefined) {
      counter += 1;
      this.#requestId = `${prefix}-${counter.toString(36)}`;
    }
    return this.#requestId;
  }

  /** True when nobody waits for the answer any more. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** Tells whoever works on this request that the client went away. */
  abandon(): void {
    this.#isGone = true;
    this.#controller?.abort();
  }
}
