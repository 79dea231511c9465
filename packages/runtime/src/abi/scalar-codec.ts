import type { PrimitiveName } from '../binary/ast.ts';
import type { Codec } from './codec.ts';
import type { Context } from './context.ts';
import { invalidValue, trap } from './traps.ts';

interface Scalar {
  readonly lift: (core: unknown) => unknown;
  readonly lower: (value: unknown) => unknown;
  readonly load: (view: DataView, at: number) => unknown;
  readonly store: (view: DataView, at: number, core: number & bigint) => void;
}

function scalarCodec({ lift, lower, load, store }: Scalar): Codec {
  return {
    load: (cx, at) => load(cx.view, at),
    store: (cx: Context, at, value) => store(cx.view, at, lower(value) as number & bigint),
    lift: (_cx, a) => lift(a),
    liftFrom: (_cx, flat, at) => lift(flat[at]),
    lower: (_cx, value) => lower(value),
    lowerInto: (_cx, value, flat) => {
      flat.push(lower(value));
    },
  };
}

function integer(name: string, min: number, max: number): (value: unknown) => number {
  return (value) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
      throw invalidValue(name, value);
    }
    return value;
  };
}

function lowerU32(value: unknown): number {
  if ((value as number) >>> 0 !== value) throw invalidValue('u32', value);
  return value;
}

function lowerS32(value: unknown): number {
  if (((value as number) | 0) !== value) throw invalidValue('s32', value);
  return value;
}

function lowerU64(value: unknown): bigint {
  if (typeof value !== 'bigint' || BigInt.asUintN(64, value) !== value) throw invalidValue('u64', value);
  return value;
}

function lowerS64(value: unknown): bigint {
  if (typeof value !== 'bigint' || BigInt.asIntN(64, value) !== value) throw invalidValue('s64', value);
  return value;
}

function lowerFloat(value: unknown): number {
  if (typeof value !== 'number') throw invalidValue('float', value);
  return value;
}

function lowerBool(value: unknown): number {
  if (typeof value !== 'boolean') throw invalidValue('bool', value);
  return value ? 1 : 0;
}

function liftChar(core: unknown): string {
  const point = (core as number) >>> 0;
  if (point >= 0x110000 || (point >= 0xd800 && point <= 0xdfff)) {
    trap('ERR_TRAP_VALUE', `${point} is no character.`);
  }
  return String.fromCodePoint(point);
}

function lowerChar(value: unknown): number {
  if (typeof value !== 'string') throw invalidValue('char', value);
  const point = value.codePointAt(0);
  if (
    point === undefined ||
    value.length !== (point > 0xffff ? 2 : 1) ||
    (point >= 0xd800 && point <= 0xdfff)
  ) {
    throw invalidValue('char', value);
  }
  return point;
}

const num = (core: unknown): number => core as number;

/** Codecs of all types that are one core value and point to nothing. */
export const scalarCodecs: Readonly<Record<Exclude<PrimitiveName, 'string'>, Codec>> = {
  bool: scalarCodec({
    lift: (core) => num(core) !== 0,
    lower: lowerBool,
    load: (view, at) => view.getUint8(at) !== 0,
    store: (view, at, core) => view.setUint8(at, core),
  }),
  u8: scalarCodec({
    lift: (core) => num(core) & 0xff,
    lower: integer('u8', 0, 0xff),
    load: (view, at) => view.getUint8(at),
    store: (view, at, core) => view.setUint8(at, core),
  }),
  s8: scalarCodec({
    lift: (core) => (num(core) << 24) >> 24,
    lower: integer('s8', -0x80, 0x7f),
    load: (view, at) => view.getInt8(at),
    store: (view, at, core) => view.setInt8(at, core),
  }),
  u16: scalarCodec({
    lift: (core) => num(core) & 0xffff,
    lower: integer('u16', 0, 0xffff),
    load: (view, at) => view.getUint16(at, true),
    store: (view, at, core) => view.setUint16(at, core, true),
  }),
  s16: scalarCodec({
    lift: (core) => (num(core) << 16) >> 16,
    lower: integer('s16', -0x8000, 0x7fff),
    load: (view, at) => view.getInt16(at, true),
    store: (view, at, core) => view.setInt16(at, core, true),
  }),
  u32: scalarCodec({
    lift: (core) => num(core) >>> 0,
    lower: lowerU32,
    load: (view, at) => view.getUint32(at, true),
    store: (view, at, core) => view.setUint32(at, core, true),
  }),
  s32: scalarCodec({
    lift: (core) => num(core) | 0,
    lower: lowerS32,
    load: (view, at) => view.getInt32(at, true),
    store: (view, at, core) => view.setInt32(at, core, true),
  }),
  u64: scalarCodec({
    lift: (core) => BigInt.asUintN(64, core as bigint),
    lower: lowerU64,
    load: (view, at) => view.getBigUint64(at, true),
    store: (view, at, core) => view.setBigUint64(at, core, true),
  }),
  s64: scalarCodec({
    lift: (core) => BigInt.asIntN(64, core as bigint),
    lower: lowerS64,
    load: (view, at) => view.getBigInt64(at, true),
    store: (view, at, core) => view.setBigInt64(at, core, true),
  }),
  f32: scalarCodec({
    lift: num,
    lower: lowerFloat,
    load: (view, at) => view.getFloat32(at, true),
    store: (view, at, core) => view.setFloat32(at, core, true),
  }),
  f64: scalarCodec({
    lift: num,
    lower: lowerFloat,
    load: (view, at) => view.getFloat64(at, true),
    store: (view, at, core) => view.setFloat64(at, core, true),
  }),
  char: scalarCodec({
    lift: liftChar,
    lower: lowerChar,
    load: (view, at) => liftChar(view.getUint32(at, true)),
    store: (view, at, core) => view.setUint32(at, core, true),
  }),
};
