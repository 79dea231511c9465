import { SpiffeError } from '../../errors.ts';

const UTF8 = new TextDecoder('utf-8', { fatal: true });
const MAX_FIELD_NUMBER = 536_870_911;

/** Wire types of protocol buffers. Groups (3 and 4) are refused. */
export const WIRE_TYPE = { VARINT: 0, FIXED64: 1, BYTES: 2, FIXED32: 5 } as const;

/** What a field begins with. */
export interface ProtobufTag {
  readonly number: number;
  readonly wireType: number;
}

/**
 * Reads one protocol buffers message field by field. Throws SpiffeError `ERR_PROTOBUF_MALFORMED` for whatever is not one.
 * Byte fields are views into the input: they stay valid as long as the input is not written to.
 */
export class ProtobufReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#offset >= this.#bytes.length;
  }

  tag(): ProtobufTag {
    const value = this.#varint();
    const number = Number(value >> 3n);
    if (number === 0 || number > MAX_FIELD_NUMBER) {
      throw malformed('field number is out of range');
    }
    return { number, wireType: Number(value & 7n) };
  }

  bytes(): Uint8Array {
    const length = this.#varint();
    if (length > BigInt(this.#bytes.length - this.#offset)) {
      throw malformed('field is longer than the message');
    }
    return this.#take(Number(length));
  }

  string(): string {
    try {
      return UTF8.decode(this.bytes());
    } catch (error) {
      throw error instanceof SpiffeError ? error : malformed('string is not UTF-8', error);
    }
  }

  /** A signed 64-bit integer that must be a safe integer. */
  int64(): number {
    const value = BigInt.asIntN(64, this.#varint());
    const number = Number(value);
    if (!Number.isSafeInteger(number)) {
      throw malformed('integer is too large');
    }
    return number;
  }

  int32(): number {
    return Number(BigInt.asIntN(32, this.#varint()));
  }

  bool(): boolean {
    return this.#varint() !== 0n;
  }

  double(): number {
    const bytes = this.#take(8);
    return new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0, true);
  }

  /** Passes over the value of an unknown field. */
  skip(wireType: number): void {
    switch (wireType) {
      case WIRE_TYPE.VARINT:
        this.#varint();
        return;
      case WIRE_TYPE.FIXED64:
        this.#take(8);
        return;
      case WIRE_TYPE.BYTES:
        this.bytes();
        return;
      case WIRE_TYPE.FIXED32:
        this.#take(4);
        return;
      default:
        throw malformed(`wire type ${wireType} is not accepted`);
    }
  }

  #take(length: number): Uint8Array {
    const end = this.#offset + length;
    if (end > this.#bytes.length) {
      throw malformed('message ends inside a field');
    }
    const taken = this.#bytes.subarray(this.#offset, end);
    this.#offset = end;
    return taken;
  }

  #varint(): bigint {
    let low = 0;
    // Almost all varints fit four groups of seven bits, where plain numbers do.
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#byte();
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        return BigInt(low);
      }
    }
    let value = BigInt(low);
    for (let shift = 28n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      if (shift === 63n && byte > 1) {
        throw malformed('integer has more than 64 bits');
      }
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) {
        return value;
      }
    }
    throw malformed('integer has more than 64 bits');
  }

  #byte(): number {
    const byte = this.#bytes[this.#offset];
    if (byte === undefined) {
      throw malformed('message ends inside an integer');
    }
    this.#offset += 1;
    return byte;
  }
}

export function malformed(reason: string, cause?: unknown): SpiffeError {
  return new SpiffeError('ERR_PROTOBUF_MALFORMED', `Cannot read protobuf message: ${reason}`, { cause });
}
