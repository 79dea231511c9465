import type { ComponentError } from '../errors.ts';

interface Reader {
  resolve(result: IteratorResult<Uint8Array, undefined>): void;
  reject(error: Error): void;
}

/** The streamed body of a response, on the main thread; it can be read once. */
export class ResponseStream implements AsyncIterable<Uint8Array> {
  readonly #onRead: (bytes: number) => void;
  readonly #chunks: Uint8Array[] = [];
  #end: 'open' | 'ended' | ComponentError = 'open';
  #reader: Reader | undefined;

  /** `onRead` hears how many bytes were read, and -1 when nobody will read on. */
  constructor(onRead: (bytes: number) => void) {
    this.#onRead = onRead;
  }

  push(chunk: Uint8Array): void {
    if (this.#end !== 'open') return;
    const reader = this.#reader;
    if (reader === undefined) {
      this.#chunks.push(chunk);
      return;
    }
    this.#reader = undefined;
    this.#onRead(chunk.length);
    reader.resolve({ done: false, value: chunk });
  }

  /** Ends the body; with an error the reader gets it after what has already come. */
  end(error?: ComponentError): void {
    if (this.#end !== 'open') return;
    this.#end = error ?? 'ended';
    const reader = this.#reader;
    this.#reader = undefined;
    if (error === undefined) reader?.resolve({ done: true, value: undefined });
    else reader?.reject(error);
  }

  #next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) {
      if (this.#end === 'open') this.#onRead(chunk.length);
      return Promise.resolve({ done: false, value: chunk });
    }
    if (this.#end === 'ended') return Promise.resolve({ done: true, value: undefined });
    if (this.#end !== 'open') return Promise.reject(this.#end);
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
  }

  #abandon(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#chunks.length = 0;
    if (this.#end === 'open') {
      this.#end = 'ended';
      this.#onRead(-1);
    }
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    return { next: () => this.#next(), return: () => this.#abandon() };
  }
}
