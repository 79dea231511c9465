import { ResultError, Trap } from '../errors.ts';
import type { HttpErrorCode } from './http-error-code.ts';
import { Fields } from './http-fields.ts';
import { IoError } from './io-error.ts';
import { Pollable } from './io-poll.ts';
import { InputStream, OutputStream, type ByteSink, type ByteSource } from './io-streams.ts';
import { Wakers, alwaysReady, type WaitScope } from './wait.ts';

/** Body bytes that may be between a guest and the outside, per direction. */
export const bodyWindowBytes = 262_144;

/** Body bytes that all responses of one instance may hold together: a guest can make many and send none. */
export const heldBytes: number = 4 * bodyWindowBytes;

/** Reading is reported in such pieces, however small those of the guest are: each report is work for another thread. */
const reportFromBytes = bodyWindowBytes / 8;

/** The body of a request on its way into the guest. */
export class IncomingBytes implements ByteSource {
  readonly #chunks: Uint8Array[] = [];
  readonly #wakers = new Wakers();
  readonly #onRead: (bytes: number) => void;
  #unreported = 0;
  #end: 'open' | 'ended' | IoError = 'open';

  /** `onRead` hears how many bytes left the buffer, so that as many may follow; -1 when nobody will read on. */
  constructor(onRead: (bytes: number) => void) {
    this.#onRead = onRead;
  }

  push(chunk: Uint8Array): void {
    if (this.#end !== 'open' || chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#wakers.wake();
  }

  end(error?: IoError): void {
    if (this.#end !== 'open') return;
    this.#end = error ?? 'ended';
    this.#wakers.wake();
  }

  read(max: number): Uint8Array | undefined {
    const chunk = this.#chunks[0];
    if (chunk === undefined) {
      if (this.#end instanceof IoError) throw this.#end;
      return this.#end === 'ended' ? undefined : new Uint8Array(0);
    }
    const piece = chunk.length <= max ? chunk : chunk.subarray(0, max);
    if (piece === chunk) this.#chunks.shift();
    else this.#chunks[0] = chunk.subarray(max);
    this.#unreported += piece.length;
    if (this.#unreported >= reportFromBytes || (this.#chunks.length === 0 && this.#unreported > 0)) {
      this.#onRead(this.#unreported);
      this.#unreported = 0;
    }
    return piece;
  }

  isReady(): boolean {
    return this.#chunks.length > 0 || this.#end !== 'open';
  }

  onReady(wake: () => void): () => void {
    return this.#wakers.add(wake);
  }

  close(): void {
    this.#chunks.length = 0;
    if (this.#end !== 'open') return;
    this.#end = 'ended';
    this.#onRead(-1);
    this.#wakers.wake();
  }
}

/** `wasi:http/types.future-trailers`: requests have none here, so it is ready at once. */
export class FutureTrailers {
  readonly #scope: WaitScope;
  #isTaken = false;

  constructor(scope: WaitScope) {
    this.#scope = scope;
  }

  subscribe(): Pollable {
    return new Pollable(alwaysReady, this.#scope);
  }

  get(): unknown {
    if (this.#isTaken) return { tag: 'err', val: undefined };
    this.#isTaken = true;
    return { tag: 'ok', val: { tag: 'ok', val: undefined } };
  }
}

/** `wasi:http/types.incoming-body` */
export class IncomingBody {
  readonly #bytes: ByteSource;
  readonly #scope: WaitScope;
  #isTaken = false;

  constructor(bytes: ByteSource, scope: WaitScope) {
    this.#bytes = bytes;
    this.#scope = scope;
  }

  stream(): InputStream {
    if (this.#isTaken) throw new ResultError();
    this.#isTaken = true;
    return new InputStream(this.#bytes, this.#scope);
  }

  static finish(body: IncomingBody): FutureTrailers {
    body.#bytes.close();
    return new FutureTrailers(body.#scope);
  }

  [Symbol.dispose](): void {
    this.#bytes.close();
  }
}

/** What an outgoing-body is written to. */
interface BodySink extends ByteSink {
  finish(): void;
  /** The guest gave up the body before its end. */
  drop(): void;
}

/** How far a body on its way out of the guest has come. */
export type OutgoingState = 'open' | 'finished' | 'dropped';

/** A body that nobody will ever send, and so need not be kept. */
export class DiscardedBytes implements BodySink {
  #isClosed = false;

  budget(): number | undefined {
    return this.#isClosed ? undefined : bodyWindowBytes;
  }

  isReady(): boolean {
    return true;
  }

  onReady(wake: () => void): () => void {
    wake();
    return () => {};
  }

  write(): void {}

  flush(): void {}

  close(): void {}

  finish(): void {
    this.#isClosed = true;
  }

  drop(): void {
    this.#isClosed = true;
  }
}

/** The body of a response on its way out of the guest. */
export class OutgoingBytes implements BodySink {
  readonly #scope: WaitScope | undefined;
  readonly #chunks: Uint8Array[] = [];
  readonly #wakers = new Wakers();
  readonly #expected: number | undefined;
  #onChange: (() => void) | undefined;
  #total = 0;
  #unsent = 0;
  #unread = 0;
  #state: OutgoingState = 'open';
  #error: IoError | undefined;

  /** `expected` is the content-length that the guest announced; what is held counts in `scope`. */
  constructor(expected: number | undefined, scope?: WaitScope) {
    this.#expected = expected;
    this.#scope = scope;
  }

  /** Hears of every write and of the end. */
  watch(onChange: () => void): void {
    this.#onChange = onChange;
  }

  get state(): OutgoingState {
    return this.#state;
  }

  get total(): number {
    return this.#total;
  }

  get unsent(): number {
    return this.#unsent;
  }

  /** Everything not taken yet, as one piece; it counts as unread until `credit` is called. */
  take(): Uint8Array | undefined {
    const first = this.#chunks[0];
    if (first === undefined) return undefined;
    const bytes = this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks);
    this.#unread += this.#unsent;
    this.#release();
    return bytes;
  }

  #release(): void {
    this.#chunks.length = 0;
    if (this.#scope !== undefined) this.#scope.heldBytes -= this.#unsent;
    this.#unsent = 0;
  }

  #room(): number {
    const held = this.#scope?.heldBytes ?? 0;
    return Math.max(0, Math.min(bodyWindowBytes - this.#unsent - this.#unread, heldBytes - held));
  }

  credit(bytes: number): void {
    this.#unread -= bytes;
    this.#wakers.wake();
  }

  /** Nobody will read on: writing fails from now on. */
  fail(error: IoError): void {
    this.#error ??= error;
    this.#release();
    this.#wakers.wake();
  }

  budget(): number | undefined {
    if (this.#error !== undefined) throw this.#error;
    if (this.#state !== 'open') return undefined;
    return this.#room();
  }

  isReady(): boolean {
    return this.#error !== undefined || this.#state !== 'open' || this.#room() > 0;
  }

  onReady(wake: () => void): () => void {
    return this.#wakers.add(wake);
  }

  write(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (this.#error !== undefined) throw this.#error;
    if (this.#state !== 'open') throw new IoError('the body is finished');
    // Permissions given to many streams, and used later, may not add up.
    if ((this.#scope?.heldBytes ?? 0) + bytes.length > heldBytes + bodyWindowBytes)
      throw new Trap('ERR_TRAP_WASI', `The bodies of one instance hold more than ${heldBytes} bytes`);
    this.#total += bytes.length;
    if (this.#expected !== undefined && this.#total > this.#expected) throw this.#sizeError();
    this.#chunks.push(bytes);
    this.#unsent += bytes.length;
    if (this.#scope !== undefined) this.#scope.heldBytes += bytes.length;
    this.#onChange?.();
  }

  #sizeError(): IoError {
    const code: HttpErrorCode = { tag: 'HTTP-response-body-size', val: BigInt(this.#total) };
    return new IoError(`the body does not have the announced ${this.#expected ?? 0} bytes`, code);
  }

  flush(): void {}

  /** The stream is dropped; the body can still be finished. */
  close(): void {}

  finish(): void {
    if (this.#state !== 'open') return;
    if (this.#expected !== undefined && this.#total !== this.#expected) {
      this.drop();
      throw new ResultError(IoError.httpCodeOf(this.#sizeError()));
    }
    this.#state = 'finished';
    this.#onChange?.();
  }

  drop(): void {
    if (this.#state !== 'open') return;
    this.#state = 'dropped';
    this.#release();
    this.#onChange?.();
  }
}

/** `wasi:http/types.outgoing-body` */
export class OutgoingBody {
  readonly #bytes: BodySink;
  readonly #scope: WaitScope;
  #isTaken = false;

  constructor(bytes: BodySink, scope: WaitScope) {
    this.#bytes = bytes;
    this.#scope = scope;
  }

  write(): OutputStream {
    if (this.#isTaken) throw new ResultError();
    this.#isTaken = true;
    return new OutputStream(this.#bytes, this.#scope);
  }

  /** Trailers are checked like every `fields`, and not sent. */
  static finish(body: OutgoingBody, _trailers: Fields | undefined): void {
    body.#bytes.finish();
  }

  [Symbol.dispose](): void {
    this.#bytes.drop();
  }
}
