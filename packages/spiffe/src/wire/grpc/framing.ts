import { GRPC_STATUS, GrpcStatusError } from './status.ts';

const HEADER_LENGTH = 5;

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
  #chunks: Uint8Array[] = [];
  #buffered = 0;
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
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
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

  #take(length: number): Buffer {
    // One chunk may hold thousands of messages: it is not copied for each of them.
    const [first] = this.#chunks;
    const all =
      first !== undefined && this.#chunks.length === 1
        ? Buffer.from(first.buffer, first.byteOffset, first.byteLength)
        : Buffer.concat(this.#chunks, this.#buffered);
    const rest = all.subarray(length);
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#buffered = rest.length;
    return all.subarray(0, length);
  }
}
