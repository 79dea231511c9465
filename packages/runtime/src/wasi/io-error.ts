import type { HttpErrorCode } from './http-error-code.ts';

/** `wasi:io/error.error` (WASI 0.2): what a stream operation failed with. */
export class IoError {
  readonly #text: string;
  readonly #httpCode: HttpErrorCode | undefined;

  constructor(text: string, httpCode?: HttpErrorCode) {
    this.#text = text;
    this.#httpCode = httpCode;
  }

  toDebugString(): string {
    return this.#text;
  }

  /** `wasi:http/types.http-error-code` */
  static httpCodeOf(error: IoError): HttpErrorCode | undefined {
    return error.#httpCode;
  }
}

/** `stream-error` of `wasi:io/streams`. */
export type StreamError = { tag: 'last-operation-failed'; val: IoError } | { tag: 'closed' };
