import { SpiffeError } from '../../errors.ts';
import type { MessageCodec } from '../protobuf/codec.ts';
import { malformed, ProtobufReader, WIRE_TYPE } from '../protobuf/reader.ts';
import { ProtobufWriter } from '../protobuf/writer.ts';

const MAX_DEPTH = 32;
const MAX_ELEMENTS = 10_000;

/** `google.protobuf.Struct`: a JSON object. Values that JSON does not have are left out when encoding. */
export const structCodec: MessageCodec<Readonly<Record<string, unknown>>> = {
  encode: (object) => encodeStruct(object),
  decode: (bytes) => decodeStruct(bytes, { depth: MAX_DEPTH, elements: MAX_ELEMENTS }),
};

interface Budget {
  depth: number;
  elements: number;
}

function decodeStruct(bytes: Uint8Array, budget: Budget): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  eachBytesField(bytes, budget, (number, contents) => {
    if (number !== 1) {
      return;
    }
    let key = '';
    let value: unknown = null;
    const reader = new ProtobufReader(contents);
    while (!reader.isAtEnd) {
      const tag = reader.tag();
      if (tag.number === 1 && tag.wireType === WIRE_TYPE.BYTES) {
        key = reader.string();
      } else if (tag.number === 2 && tag.wireType === WIRE_TYPE.BYTES) {
        value = decodeValue(reader.bytes(), budget);
      } else {
        reader.skip(tag.wireType);
      }
    }
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  });
  return object;
}

function decodeValue(bytes: Uint8Array, budget: Budget): unknown {
  const reader = new ProtobufReader(bytes);
  let value: unknown = null;
  while (!reader.isAtEnd) {
    const { number, wireType } = reader.tag();
    switch (number) {
      case 1:
        reader.skip(wireType);
        value = null;
        break;
      case 2:
        value = expect(wireType, WIRE_TYPE.FIXED64) && reader.double();
        break;
      case 3:
        value = expect(wireType, WIRE_TYPE.BYTES) && reader.string();
        break;
      case 4:
        value = expect(wireType, WIRE_TYPE.VARINT) && reader.bool();
        break;
      case 5:
        value =
          expect(wireType, WIRE_TYPE.BYTES) && nested(budget, () => decodeStruct(reader.bytes(), budget));
        break;
      case 6:
        value = expect(wireType, WIRE_TYPE.BYTES) && nested(budget, () => decodeList(reader.bytes(), budget));
        break;
      default:
        reader.skip(wireType);
    }
  }
  return value;
}

function decodeList(bytes: Uint8Array, budget: Budget): unknown[] {
  const list: unknown[] = [];
  eachBytesField(bytes, budget, (number, contents) => {
    if (number === 1) {
      list.push(decodeValue(contents, budget));
    }
  });
  return list;
}

function eachBytesField(
  bytes: Uint8Array,
  budget: Budget,
  visit: (number: number, contents: Uint8Array) => void,
): void {
  const reader = new ProtobufReader(bytes);
  while (!reader.isAtEnd) {
    budget.elements -= 1;
    if (budget.elements < 0) {
      throw new SpiffeError(
        'ERR_PROTOBUF_LIMIT',
        `Cannot read protobuf struct: it must have at most ${MAX_ELEMENTS} values`,
      );
    }
    const { number, wireType } = reader.tag();
    if (wireType === WIRE_TYPE.BYTES) {
      visit(number, reader.bytes());
    } else {
      reader.skip(wireType);
    }
  }
}

function nested<T>(budget: Budget, decode: () => T): T {
  budget.depth -= 1;
  if (budget.depth < 0) {
    throw new SpiffeError(
      'ERR_PROTOBUF_LIMIT',
      `Cannot read protobuf struct: it must nest at most ${MAX_DEPTH} deep`,
    );
  }
  const value = decode();
  budget.depth += 1;
  return value;
}

function expect(actual: number, wanted: number): true {
  if (actual !== wanted) {
    throw malformed(`value has wire type ${actual}`);
  }
  return true;
}

function encodeStruct(object: Readonly<Record<string, unknown>>): Uint8Array {
  const writer = new ProtobufWriter();
  for (const [key, value] of Object.entries(object)) {
    const encoded = encodeValue(value);
    if (encoded !== undefined) {
      const entry = new ProtobufWriter().tag(1, WIRE_TYPE.BYTES).string(key).bytesField(2, encoded).finish();
      writer.bytesField(1, entry);
    }
  }
  return writer.finish();
}

function encodeValue(value: unknown): Uint8Array | undefined {
  const writer = new ProtobufWriter();
  if (value === null) {
    return writer.tag(1, WIRE_TYPE.VARINT).integer(0).finish();
  }
  if (typeof value === 'number') {
    return writer.tag(2, WIRE_TYPE.FIXED64).double(value).finish();
  }
  if (typeof value === 'string') {
    return writer.tag(3, WIRE_TYPE.BYTES).string(value).finish();
  }
  if (typeof value === 'boolean') {
    return writer.tag(4, WIRE_TYPE.VARINT).bool(value).finish();
  }
  if (Array.isArray(value)) {
    const list = new ProtobufWriter();
    for (const element of value as unknown[]) {
      const encoded = encodeValue(element);
      if (encoded !== undefined) {
        list.bytesField(1, encoded);
      }
    }
    return writer.bytesField(6, list.finish()).finish();
  }
  if (typeof value === 'object') {
    return writer.bytesField(5, encodeStruct(value as Record<string, unknown>)).finish();
  }
  return undefined;
}
