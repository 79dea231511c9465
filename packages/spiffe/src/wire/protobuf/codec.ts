import { SpiffeError } from '../../errors.ts';
import { malformed, ProtobufReader, WIRE_TYPE } from './reader.ts';
import { ProtobufWriter } from './writer.ts';

const MAX_FIELDS = 20_000;

/** Turns one kind of message into bytes and back. `decode` throws a SpiffeError `ERR_PROTOBUF_...` and nothing else. */
export interface MessageCodec<T> {
  encode(message: T): Uint8Array;
  decode(bytes: Uint8Array): T;
}

/** How one field is read and written. `read` gets what the field held before, so that repeated fields add up. */
export interface FieldCodec<V> {
  readonly number: number;
  readonly wireType: number;
  readonly initial: () => V;
  readonly read: (reader: ProtobufReader, before: V) => V;
  readonly write: (writer: ProtobufWriter, value: V) => void;
}

/** Builds the codec of a message from its fields. Fields at their default are not written; unknown fields are passed over. */
export function message<T extends object>(fields: {
  readonly [K in keyof T]: FieldCodec<T[K]>;
}): MessageCodec<T> {
  const entries = Object.entries(fields) as [string, FieldCodec<unknown>][];
  const byNumber = new Map(entries.map(([name, field]) => [field.number, { name, field }]));
  return {
    encode(value): Uint8Array {
      const writer = new ProtobufWriter();
      for (const [name, field] of entries) {
        field.write(writer, value[name as keyof T]);
      }
      return writer.finish();
    },
    decode(bytes): T {
      const reader = new ProtobufReader(bytes);
      const values: Record<string, unknown> = {};
      for (const [name, field] of entries) {
        values[name] = field.initial();
      }
      for (let count = 0; !reader.isAtEnd; count += 1) {
        if (count >= MAX_FIELDS) {
          throw new SpiffeError(
            'ERR_PROTOBUF_LIMIT',
            `Cannot read protobuf message: it must have at most ${MAX_FIELDS} fields`,
          );
        }
        const tag = reader.tag();
        const known = byNumber.get(tag.number);
        if (known === undefined) {
          reader.skip(tag.wireType);
        } else if (known.field.wireType === tag.wireType) {
          values[known.name] = known.field.read(reader, values[known.name]);
        } else {
          throw malformed(`field ${tag.number} has wire type ${tag.wireType}`);
        }
      }
      return values as T;
    },
  };
}

export function stringField(number: number): FieldCodec<string> {
  return {
    number,
    wireType: WIRE_TYPE.BYTES,
    initial: () => '',
    read: (reader) => reader.string(),
    write: (writer, value) => {
      if (value !== '') {
        writer.tag(number, WIRE_TYPE.BYTES).string(value);
      }
    },
  };
}

export function bytesField(number: number): FieldCodec<Uint8Array> {
  return {
    number,
    wireType: WIRE_TYPE.BYTES,
    initial: () => new Uint8Array(0),
    read: (reader) => reader.bytes(),
    write: (writer, value) => {
      if (value.length > 0) {
        writer.bytesField(number, value);
      }
    },
  };
}

export function int32Field(number: number): FieldCodec<number> {
  return integerField(number, (reader) => reader.int32());
}

export function int64Field(number: number): FieldCodec<number> {
  return integerField(number, (reader) => reader.int64());
}

function integerField(number: number, read: (reader: ProtobufReader) => number): FieldCodec<number> {
  return {
    number,
    wireType: WIRE_TYPE.VARINT,
    initial: () => 0,
    read,
    write: (writer, value) => {
      if (value !== 0) {
        writer.tag(number, WIRE_TYPE.VARINT).integer(value);
      }
    },
  };
}

export function messageField<T>(number: number, codec: MessageCodec<T>): FieldCodec<T | undefined> {
  return {
    number,
    wireType: WIRE_TYPE.BYTES,
    initial: () => undefined,
    read: (reader) => codec.decode(reader.bytes()),
    write: (writer, value) => {
      if (value !== undefined) {
        writer.bytesField(number, codec.encode(value));
      }
    },
  };
}

export function repeatedStrings(number: number): FieldCodec<readonly string[]> {
  return repeated(
    number,
    (reader) => reader.string(),
    (value) => Buffer.from(value, 'utf8'),
  );
}

export function repeatedBytes(number: number): FieldCodec<readonly Uint8Array[]> {
  return repeated(
    number,
    (reader) => reader.bytes(),
    (value) => value,
  );
}

export function repeatedMessages<T>(number: number, codec: MessageCodec<T>): FieldCodec<readonly T[]> {
  return repeated(
    number,
    (reader) => codec.decode(reader.bytes()),
    (value) => codec.encode(value),
  );
}

function repeated<T>(
  number: number,
  read: (reader: ProtobufReader) => T,
  encode: (value: T) => Uint8Array,
): FieldCodec<readonly T[]> {
  return {
    number,
    wireType: WIRE_TYPE.BYTES,
    initial: () => [],
    read: (reader, before) => {
      // The array was made by initial() for this one decode, so adding to it in place is safe and keeps reading linear.
      (before as T[]).push(read(reader));
      return before;
    },
    write: (writer, values) => {
      for (const value of values) {
        writer.bytesField(number, encode(value));
      }
    },
  };
}

interface MapEntry {
  readonly key: string;
  readonly value: Uint8Array;
}

const mapEntry: MessageCodec<MapEntry> = message<MapEntry>({ key: stringField(1), value: bytesField(2) });

/** `map<string, bytes>`. Of two entries with the same key the later one counts. */
export function bytesMap(number: number): FieldCodec<ReadonlyMap<string, Uint8Array>> {
  return {
    number,
    wireType: WIRE_TYPE.BYTES,
    initial: () => new Map(),
    read: (reader, before) => {
      const entry = mapEntry.decode(reader.bytes());
      (before as Map<string, Uint8Array>).set(entry.key, entry.value);
      return before;
    },
    write: (writer, entries) => {
      for (const [key, value] of entries) {
        writer.bytesField(number, mapEntry.encode({ key, value }));
      }
    },
  };
}
