import { toCamelCase } from '../binary/names.ts';
import type { FlagsType, RecordType, TupleType } from '../link/types.ts';
import { shifted, type Codec, type FlatReader } from './codec.ts';
import { invalidValue } from './traps.ts';

/** Where each part's flat values start. */
function flatStarts(parts: readonly { readonly flat: readonly unknown[] }[]): number[] {
  let start = 0;
  return parts.map(({ flat }) => {
    const own = start;
    start += flat.length;
    return own;
  });
}

type Values = Record<string, unknown>;

export function recordCodec(type: RecordType, parts: readonly Codec[]): Codec {
  const names = type.fields.map(({ name }) => toCamelCase(name));
  const { offsets } = type;
  const starts = flatStarts(type.fields.map((field) => field.type));
  const readers = readersOf(type.flat.length, starts, parts);
  const build = (read: (part: Codec, index: number) => unknown): Values => {
    const values: Values = {};
    for (let index = 0; index < parts.length; index++) {
      values[names[index] as string] = read(parts[index] as Codec, index);
    }
    return values;
  };
  const fields = (value: unknown): Values => {
    if (typeof value !== 'object' || value === null) throw invalidValue('record', value);
    return value as Values;
  };
  return {
    load: (cx, at) => build((part, index) => part.load(cx, at + (offsets[index] as number))),
    store: (cx, at, value) => {
      const values = fields(value);
      for (let index = 0; index < parts.length; index++) {
        (parts[index] as Codec).store(cx, at + (offsets[index] as number), values[names[index] as string]);
      }
    },
    lift: (cx, a, b, c, d) => build((_part, index) => (readers[index] as FlatReader)(cx, a, b, c, d)),
    liftFrom: (cx, flat, at) =>
      build((part, index) => part.liftFrom(cx, flat, at + (starts[index] as number))),
    lower: (cx, value) => (parts[0] as Codec).lower(cx, fields(value)[names[0] as string]),
    lowerInto: (cx, value, flat) => {
      const values = fields(value);
      for (let index = 0; index < parts.length; index++) {
        (parts[index] as Codec).lowerInto(cx, values[names[index] as string], flat);
      }
    },
  };
}

function readersOf(flatLength: number, starts: readonly number[], parts: readonly Codec[]): FlatReader[] {
  return flatLength > 4 ? [] : parts.map((part, index) => shifted(part.lift, starts[index] as number));
}

export function tupleCodec(type: TupleType, parts: readonly Codec[]): Codec {
  const { offsets } = type;
  const starts = flatStarts(type.elements);
  const readers = readersOf(type.flat.length, starts, parts);
  const items = (value: unknown): readonly unknown[] => {
    if (!Array.isArray(value) || value.length !== parts.length) {
      throw invalidValue(`tuple of ${parts.length}`, value);
    }
    return value;
  };
  return {
    load: (cx, at) => parts.map((part, index) => part.load(cx, at + (offsets[index] as number))),
    store: (cx, at, value) => {
      const values = items(value);
      for (let index = 0; index < parts.length; index++) {
        (parts[index] as Codec).store(cx, at + (offsets[index] as number), values[index]);
      }
    },
    lift: (cx, a, b, c, d) => readers.map((read) => read(cx, a, b, c, d)),
    liftFrom: (cx, flat, at) =>
      parts.map((part, index) => part.liftFrom(cx, flat, at + (starts[index] as number))),
    lower: (cx, value) => (parts[0] as Codec).lower(cx, items(value)[0]),
    lowerInto: (cx, value, flat) => {
      const values = items(value);
      for (let index = 0; index < parts.length; index++) {
        (parts[index] as Codec).lowerInto(cx, values[index], flat);
      }
    },
  };
}

/** Flags are an object of booleans; bits beyond the labels are ignored, absent labels are false. */
export function flagsCodec(type: FlagsType): Codec {
  const names = type.labels.map(toCamelCase);
  const lift = (core: unknown): Record<string, boolean> => {
    const bits = core as number;
    const values: Record<string, boolean> = {};
    for (let index = 0; index < names.length; index++) {
      values[names[index] as string] = (bits & (1 << index)) !== 0;
    }
    return values;
  };
  const lower = (value: unknown): number => {
    if (typeof value !== 'object' || value === null) throw invalidValue('flags', value);
    let bits = 0;
    for (let index = 0; index < names.length; index++) {
      const flag = (value as Values)[names[index] as string];
      if (flag !== undefined && typeof flag !== 'boolean') throw invalidValue('flags', value);
      if (flag === true) bits |= 1 << index;
    }
    return bits;
  };
  const { size } = type;
  return {
    load: (cx, at) => {
      const { view } = cx;
      return lift(
        size === 1 ? view.getUint8(at) : size === 2 ? view.getUint16(at, true) : view.getInt32(at, true),
      );
    },
    store: (cx, at, value) => {
      const bits = lower(value);
      if (size === 1) cx.view.setUint8(at, bits);
      else if (size === 2) cx.view.setUint16(at, bits, true);
      else cx.view.setInt32(at, bits, true);
    },
    lift: (_cx, a) => lift(a),
    liftFrom: (_cx, flat, at) => lift(flat[at]),
    lower: (_cx, value) => lower(value),
    lowerInto: (_cx, value, flat) => {
      flat.push(lower(value));
    },
  };
}
