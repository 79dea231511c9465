import { ComponentError } from '../errors.ts';
import { BodyPump } from './body-pump.ts';
import { bodyKind } from './protocol.ts';
import { ResponseStream } from './response-stream.ts';
import type { HttpRequest, HttpResponse } from './types.ts';

const isBytes = (body: HttpRequest['body']): body is Uint8Array => body instanceof Uint8Array;

/** Whether a request comes with a body that has to be waited for. */
export function isUpload({ body }: HttpRequest): boolean {
  return body !== undefined && !isBytes(body);
}

function toPairs(flat: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let index = 0; index + 1 < flat.length; index += 2)
    pairs.push([flat[index] ?? '', flat[index + 1] ?? '']);
  return pairs;
}

/** One call on the main thread, from its acceptance to the end of its response body. */
export class Call {
  readonly request: HttpRequest;
  readonly acceptedAt: number;
  /** Its number in the worker that has it; 0 while it waits in the pool. */
  id = 0;
  /** Settled for the caller, though the worker may still have it. */
  isFailed = false;
  pump: BodyPump | undefined;
  /** The client may still be sending the request body, and the guest want it. */
  isBodyDue: boolean;
  #stream: ResponseStream | undefined;
  #isAnswered = false;
  readonly #resolve: (response: HttpResponse) => void;
  readonly #reject: (error: ComponentError) => void;
  readonly #onSettled: () => void;
  #isSettled = false;

  constructor(
    request: HttpRequest,
    acceptedAt: number,
    resolve: (response: HttpResponse) => void,
    reject: (error: ComponentError) => void,
    onSettled: () => void,
  ) {
    this.request = request;
    this.isBodyDue = isUpload(request);
    this.acceptedAt = acceptedAt;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#onSettled = onSettled;
  }

  /** The caller has everything it will get. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  get bodyKind(): number {
    const { body } = this.request;
    if (body === undefined) return bodyKind.none;
    return isBytes(body) ? bodyKind.whole : bodyKind.streamed;
  }

  /** `isWhole`: nothing follows. `onRead` hears of bytes read from a streamed body. */
  respond(
    status: number,
    headers: readonly string[],
    content: Uint8Array | string | undefined,
    isWhole: boolean,
    onRead: (bytes: number) => void,
  ): void {
    if (this.#isAnswered || this.isFailed) return;
    this.#isAnswered = true;
    const body = typeof content === 'string' ? Buffer.from(content, 'latin1') : content;
    if (isWhole) {
      this.#resolve({ status, headers: toPairs(headers), body });
      this.#settle();
      return;
    }
    this.#stream = new ResponseStream(onRead);
    if (body !== undefined) this.#stream.push(body);
    this.#resolve({ status, headers: toPairs(headers), body: this.#stream });
  }

  chunk(bytes: Uint8Array): void {
    this.#stream?.push(bytes);
  }

  endResponse(): void {
    this.#stream?.end();
    this.#settle();
  }

  fail(error: ComponentError): void {
    if (this.isFailed || this.#isSettled) return;
    this.isFailed = true;
    this.pump?.stop();
    if (this.#isAnswered) this.#stream?.end(error);
    else this.#reject(error);
    this.#settle();
  }

  #settle(): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#onSettled();
  }
}
