import type { CoreSignature, CoreValueType } from '../binary/ast.ts';
import { alignTo, maxFlat, type Field, type FunctionType } from '../link/types.ts';
import type { Codec, CodecMode, CodecTable } from './codec.ts';
import type { Context } from './context.ts';

const pointer: readonly CoreValueType[] = ['i32'];

/** The core signature of a function as the guest exports it (`canon lift`). */
export function signatureOfLifted(type: FunctionType): CoreSignature {
  return {
    params: type.flatParams.length > maxFlat ? pointer : type.flatParams,
    results: type.flatResults.length > 1 ? pointer : type.flatResults,
  };
}

/** The core signature of a function as the guest imports it (`canon lower`). */
export function signatureOfLowered(type: FunctionType): CoreSignature {
  const params = type.flatParams.length > maxFlat ? pointer : type.flatParams;
  if (type.flatResults.length <= 1) return { params, results: type.flatResults };
  return { params: [...params, 'i32'], results: [] };
}

/** Where parameters lie when they are passed through memory, as a tuple. */
interface Spilled {
  readonly offsets: readonly number[];
  readonly size: number;
  readonly align: number;
  readonly cost: number;
}

const spilledParams = new WeakMap<FunctionType, Spilled>();

function spilledOf(type: FunctionType): Spilled {
  let spilled = spilledParams.get(type);
  if (spilled === undefined) {
    const offsets: number[] = [];
    let size = 0;
    let align = 1;
    let cost = 0;
    for (const param of type.params) {
      size = alignTo(size, param.type.align);
      offsets.push(size);
      size += param.type.size;
      align = Math.max(align, param.type.align);
      cost += param.type.cost;
    }
    spilled = { offsets, size: alignTo(size, align), align, cost };
    spilledParams.set(type, spilled);
  }
  return spilled;
}

/** Lifts all parameters, from core values or from the tuple in memory that the first one points to. */
export function liftArguments(
  cx: Context,
  type: FunctionType,
  params: readonly Codec[],
  flat: readonly unknown[],
): unknown[] {
  if (type.flatParams.length > maxFlat) {
    const { offsets, size, align, cost } = spilledOf(type);
    const at = (flat[0] as number) >>> 0;
    cx.check(at, size, align);
    cx.root.spend(cost);
    return params.map((param, index) => param.load(cx, at + (offsets[index] as number)));
  }
  const values: unknown[] = [];
  let at = 0;
  for (let index = 0; index < params.length; index++) {
    values.push((params[index] as Codec).liftFrom(cx, flat, at));
    at += (type.params[index] as Field).type.flat.length;
  }
  return values;
}

/** Lowers all parameters to core values, or into a tuple in memory that the guest allocates. */
export function lowerArguments(
  cx: Context,
  type: FunctionType,
  params: readonly Codec[],
  values: readonly unknown[],
): unknown[] {
  if (type.flatParams.length > maxFlat) {
    const { offsets, size, align } = spilledOf(type);
    const at = cx.allocate(size, align);
    for (const [index, param] of params.entries()) {
      param.store(cx, at + (offsets[index] as number), values[index]);
    }
    return [at];
  }
  const flat: unknown[] = [];
  for (let index = 0; index < params.length; index++) {
    (params[index] as Codec).lowerInto(cx, values[index], flat);
  }
  return flat;
}

/** Gives a lowered function's result to the guest: as core value, or in memory at `at`. */
export function resultWriter(
  type: FunctionType,
  codecs: CodecTable,
  mode: CodecMode,
): (cx: Context, value: unknown, at: unknown) => unknown {
  const { result } = type;
  if (result === undefined) return () => undefined;
  const codec = codecs.get(result, mode);
  if (result.flat.length === 1) return (cx, value) => codec.lower(cx, value);
  const { size, align } = result;
  return (cx, value, pointerValue) => {
    const at = (pointerValue as number) >>> 0;
    cx.check(at, size, align);
    codec.store(cx, at, value);
    return undefined;
  };
}

/** Takes a lifted function's result from the guest: from its core value, or from the memory it points to. */
export function resultReader(
  type: FunctionType,
  codecs: CodecTable,
  mode: CodecMode,
): (cx: Context, core: unknown) => unknown {
  const { result } = type;
  if (result === undefined) return () => undefined;
  const codec = codecs.get(result, mode);
  if (result.flat.length === 1) return (cx, core) => codec.lift(cx, core);
  const { size, align, cost } = result;
  return (cx, core) => {
    const at = (core as number) >>> 0;
    cx.check(at, size, align);
    cx.root.spend(cost);
    return codec.load(cx, at);
  };
}
