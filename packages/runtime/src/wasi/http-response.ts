import { ResultError } from '../errors.ts';
import { OutgoingBody, OutgoingBytes } from './http-body.ts';
import { Fields } from './http-fields.ts';
import type { WaitScope } from './wait.ts';

/** What becomes of an outgoing-response once it is set. */
export interface ResponseParts {
  readonly status: number;
  readonly headers: Fields;
  /** Undefined when the guest never asked for a body. */
  readonly body: OutgoingBytes | undefined;
}

const lengthPattern = /^\d{1,15}$/;

/** The announced body length; NaN for one that no server could send. */
function announcedLength(headers: Fields): number | undefined {
  const text = Fields.single(headers, 'content-length');
  if (text === undefined) return undefined;
  return text !== null && lengthPattern.test(text) ? Number(text) : Number.NaN;
}

/** `wasi:http/types.outgoing-response` */
export class OutgoingResponse {
  readonly #headers: Fields;
  readonly #scope: WaitScope;
  #status = 200;
  #body: OutgoingBytes | undefined;

  constructor(headers: Fields, scope: WaitScope) {
    this.#headers = Fields.freeze(headers);
    this.#scope = scope;
  }

  statusCode(): number {
    return this.#status;
  }

  /** Refuses informational codes: they cannot be a final answer. */
  setStatusCode(status: number): void {
    if (status < 200 || status > 599) throw new ResultError();
    this.#status = status;
  }

  headers(): Fields {
    return Fields.view(this.#headers);
  }

  body(): OutgoingBody {
    const length = announcedLength(this.#headers);
    if (this.#body !== undefined || Number.isNaN(length)) throw new ResultError();
    this.#body = new OutgoingBytes(length, this.#scope);
    return new OutgoingBody(this.#body, this.#scope);
  }

  /** Dropped without having been set: nobody will get its body. */
  [Symbol.dispose](): void {
    this.#body?.drop();
  }

  static partsOf(response: OutgoingResponse): ResponseParts {
    return { status: response.#status, headers: response.#headers, body: response.#body };
  }
}

/** What a guest hands to `response-outparam.set`. */
export type GuestAnswer =
  | { tag: 'ok'; val: OutgoingResponse }
  | { tag: 'err'; val: { readonly tag: string; readonly val?: unknown } };

/** `wasi:http/types.response-outparam` */
export class ResponseOutparam {
  readonly #onAnswer: (answer: GuestAnswer) => void;

  constructor(onAnswer: (answer: GuestAnswer) => void) {
    this.#onAnswer = onAnswer;
  }

  static set(param: ResponseOutparam, answer: GuestAnswer): void {
    param.#onAnswer(answer);
  }
}
