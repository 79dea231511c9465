import { WIRE_TYPE } from './reader.ts';

/** Collects the fields of one protocol buffers message. Fields appear in the order in which they are written. */
export class ProtobufWriter {
  readonly #chunks: Uint8Array[] = [];

  tag(number: number, wireType: number): this {
    return this.#varint((BigInt(number) << 3n) | BigInt(wireType));
  }

  bytes(value: Uint8Array): this {
    this.#varint(BigInt(value.length));
    this.#chunks.push(value);
    return this;
  }

  string(value: string): this {
    return this.bytes(Buffer.from(value, 'utf8'));
  }

  /** A signed integer; negative numbers take ten bytes, as the format has it. */
  integer(value: number): this {
    return this.#varint(BigInt.asUintN(64, BigInt(value)));
  }

  bool(value: boolean): this {
    return this.#varint(value ? 1n : 0n);
  }

  double(value: number): this {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, value, true);
    this.#chunks.push(bytes);
    return this;
  }

  /** A field of bytes, tag included. */
  bytesField(number: number, value: Uint8Array): this {
    return this.tag(number, WIRE_TYPE.BYTES).bytes(value);
  }

  finish(): Uint8Array {
    return Buffer.concat(this.#chunks);
  }

  #varint(value: bigint): this {
    const bytes: number[] = [];
    let rest = value;
    while (rest > 0x7fn) {
      bytes.push(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    bytes.push(Number(rest));
    this.#chunks.push(Uint8Array.from(bytes));
    return this;
  }
}
