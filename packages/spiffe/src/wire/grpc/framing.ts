import { GRPC_STATUS, GrpcStatusError } from './status.ts';

const HEADER_LENGTH = 5;
const EMPTY = Buffer.alloc(0);

/** Puts the gRPC prefix (no compression, length) before a message. */
export function encodeGrpcFrame(message: Uint8Array): Uint8Array {
  const frame = Buffer.allocUnsafe(HEADER_LENGTH + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, HEADER_LENGTH);
  return frame;
}

/** Cuts a byte stream into gRPC messages. A message above the limit is refused by its prefix, before its bytes are kept. */
export class GrpcFrameReader {
  readonly #maxMessageBytes: number;
  /** What has come and is not taken yet is `#buffered` bytes from `#start`. Grows with what came and never with what was announced. */
  #bytes: Buffer = EMPTY;
  #start = 0;
  #buffered = 0;
  /** Whether `#bytes` may be written to behind what it holds. */
  #isOwn = false;
  /** Length of the message whose prefix was read, or -1. */
  #messageLength = -1;

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** True between messages. A stream that ends elsewhere was cut. */
  get isAtBoundary(): boolean {
    return this.#buffered === 0 && this.#messageLength === -1;
  }

  /** Adds bytes and returns the messages they complete. Throws GrpcStatusError. */
  push(chunk: Uint8Array): Uint8Array[] {
    this.#add(chunk);
    const messages: Uint8Array[] = [];
    for (;;) {
      if (this.#messageLength === -1) {
        if (this.#buffered < HEADER_LENGTH) {
          return messages;
        }
        this.#messageLength = this.#parseHeader(this.#take(HEADER_LENGTH));
      }
      if (this.#buffered < this.#messageLength) {
        return messages;
      }
      messages.push(this.#take(this.#messageLength));
      this.#messageLength = -1;
    }
  }

  #parseHeader(header: Buffer): number {
    if (header[0] !== 0) {
      throw new GrpcStatusError(GRPC_STATUS.UNIMPLEMENTED, 'compressed messages are not accepted');
    }
    const length = header.readUInt32BE(1);
    if (length > this.#maxMessageBytes) {
      throw new GrpcStatusError(
        GRPC_STATUS.RESOURCE_EXHAUSTED,
        `message of ${length} bytes is larger than the limit of ${this.#maxMessageBytes}`,
      );
    }
    return length;
  }

  #add(chunk: Uint8Array): void {
    if (this.#buffered === 0) {
      // One chunk may hold thousands of messages: it is not copied.
      this.#bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      this.#start = 0;
      this.#buffered = chunk.length;
      this.#isOwn = false;
      return;
    }
    // Messages may come in frames of one byte each: chunks that are kept as such would take a hundred times their bytes.
    const end = this.#start + this.#buffered;
    const length = this.#buffered + chunk.length;
    if (!this.#isOwn || end + chunk.length > this.#bytes.length) {
      const bytes = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#buffered));
      this.#bytes.copy(bytes, 0, this.#start, end);
      this.#bytes = bytes;
      this.#start = 0;
      this.#isOwn = true;
    }
    this.#bytes.set(chunk, this.#start + this.#buffered);
    this.#buffered = length;
  }

  #take(length: number): Buffer {
    const taken = this.#bytes.subarray(this.#start, this.#start + length);
    this.#start += length;
    this.#buffered -= length;
    return taken;
  }
}
