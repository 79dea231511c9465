import { ResultError, Trap } from '../errors.ts';
import { IoError, type StreamError } from './io-error.ts';
import { Pollable } from './io-poll.ts';
import { suspendingMethods, type ReadySource, type WaitScope } from './wait.ts';

/** The largest piece one call moves, whatever the guest asks for. */
export const maxPieceBytes = 1_048_576;
/** What the blocking write functions take in one call (`wasi:io/streams`, blocking-write-and-flush). */
export const maxBlockingWriteBytes = 4096;

/** Where an input-stream takes its bytes from. */
export interface ByteSource extends ReadySource {
  /** At most `max` bytes; empty when none are there yet; `undefined` at the end. Throws an `IoError`. */
  read(max: number): Uint8Array | undefined;
  close(): void;
}

/** Where an output-stream puts its bytes. */
export interface ByteSink extends ReadySource {
  /** How many bytes may be written now; `undefined` when closed. Throws an `IoError`. */
  budget(): number | undefined;
  write(bytes: Uint8Array): void;
  flush(): void;
  close(): void;
}

function streamError(error: unknown): Error {
  if (!(error instanceof IoError)) return error instanceof Error ? error : new Error(String(error));
  return new ResultError({ tag: 'last-operation-failed', val: error } satisfies StreamError);
}

const closed = (): ResultError => new ResultError({ tag: 'closed' } satisfies StreamError);

function pieceLength(length: bigint): number {
  return length > BigInt(maxPieceBytes) ? maxPieceBytes : Number(length);
}

/** `wasi:io/streams.input-stream` (WASI 0.2). */
export class InputStream {
  readonly #source: ByteSource;
  readonly #scope: WaitScope;

  constructor(source: ByteSource, scope: WaitScope) {
    this.#source = source;
    this.#scope = scope;
  }

  read(length: bigint): Uint8Array {
    let bytes: Uint8Array | undefined;
    try {
      bytes = this.#source.read(pieceLength(length));
    } catch (error) {
      throw streamError(error);
    }
    if (bytes === undefined) throw closed();
    return bytes;
  }

  blockingRead(length: bigint): Uint8Array | Promise<Uint8Array> {
    if (this.#source.isReady()) return this.read(length);
    return this.#scope.untilReady(this.#source).then(() => this.read(length));
  }

  skip(length: bigint): bigint {
    return BigInt(this.read(length).length);
  }

  blockingSkip(length: bigint): bigint | Promise<bigint> {
    const bytes = this.blockingRead(length);
    return bytes instanceof Promise ? bytes.then((read) => BigInt(read.length)) : BigInt(bytes.length);
  }

  subscribe(): Pollable {
    return new Pollable(this.#source, this.#scope);
  }

  [Symbol.dispose](): void {
    this.#source.close();
  }
}

suspendingMethods(InputStream, ['blockingRead', 'blockingSkip']);

const zeroes = new Uint8Array(maxBlockingWriteBytes);

/** `wasi:io/streams.output-stream` (WASI 0.2). */
export class OutputStream {
  readonly #sink: ByteSink;
  readonly #scope: WaitScope;
  /** What the last check-write allowed and has not been written yet. */
  #permitted = 0;

  constructor(sink: ByteSink, scope: WaitScope) {
    this.#sink = sink;
    this.#scope = scope;
  }

  #budget(): number {
    let budget: number | undefined;
    try {
      budget = this.#sink.budget();
    } catch (error) {
      throw streamError(error);
    }
    if (budget === undefined) throw closed();
    return budget;
  }

  #put(bytes: Uint8Array): void {
    try {
      this.#sink.write(bytes);
    } catch (error) {
      throw streamError(error);
    }
  }

  checkWrite(): bigint {
    this.#permitted = this.#budget();
    return BigInt(this.#permitted);
  }

  write(bytes: Uint8Array): void {
    if (bytes.length > this.#permitted) {
      throw new Trap(
        'ERR_TRAP_WASI',
        `Cannot write ${bytes.length} bytes: check-write allowed ${this.#permitted}`,
      );
    }
    this.#permitted -= bytes.length;
    this.#put(bytes);
  }

  flush(): void {
    this.#budget();
    this.#sink.flush();
  }

  blockingFlush(): void | Promise<void> {
    this.flush();
    if (!this.#sink.isReady()) return this.#scope.untilReady(this.#sink);
  }

  blockingWriteAndFlush(bytes: Uint8Array): void | Promise<void> {
    if (bytes.length > maxBlockingWriteBytes) {
      throw new Trap(
        'ERR_TRAP_WASI',
        `Cannot write ${bytes.length} bytes at once: blocking-write-and-flush takes at most ${maxBlockingWriteBytes}`,
      );
    }
    if (this.#budget() >= bytes.length) {
      this.#put(bytes);
      this.#sink.flush();
      return;
    }
    return this.#writeWhenPossible(bytes);
  }

  async #writeWhenPossible(bytes: Uint8Array): Promise<void> {
    for (let offset = 0; offset < bytes.length;) {
      await this.#scope.untilReady(this.#sink);
      const length = Math.min(this.#budget(), bytes.length - offset);
      this.#put(bytes.subarray(offset, offset + length));
      offset += length;
    }
    this.#sink.flush();
  }

  subscribe(): Pollable {
    return new Pollable(this.#sink, this.#scope);
  }

  writeZeroes(length: bigint): void {
    this.write(new Uint8Array(pieceLength(length)));
  }

  blockingWriteZeroesAndFlush(length: bigint): void | Promise<void> {
    if (length <= BigInt(maxBlockingWriteBytes)) {
      return this.blockingWriteAndFlush(zeroes.subarray(0, Number(length)));
    }
    throw new Trap(
      'ERR_TRAP_WASI',
      `Cannot write ${length} zeroes at once: at most ${maxBlockingWriteBytes} are allowed`,
    );
  }

  splice(source: InputStream, length: bigint): bigint {
    const budget = BigInt(this.#budget());
    const bytes = source.read(length < budget ? length : budget);
    this.#put(bytes);
    return BigInt(bytes.length);
  }

  async blockingSplice(source: InputStream, length: bigint): Promise<bigint> {
    if (!this.#sink.isReady()) await this.#scope.untilReady(this.#sink);
    await source.subscribe().block();
    return this.splice(source, length);
  }

  [Symbol.dispose](): void {
    this.#sink.close();
  }
}

suspendingMethods(OutputStream, [
  'blockingFlush',
  'blockingWriteAndFlush',
  'blockingWriteZeroesAndFlush',
  'blockingSplice',
]);

/** A stream that ends at once: the stdin of every component. */
export const emptySource: ByteSource = {
  read: () => undefined,
  isReady: () => true,
  onReady(wake) {
    wake();
    return () => {};
  },
  close() {},
};
