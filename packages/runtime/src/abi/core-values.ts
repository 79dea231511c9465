import type { CoreValueType } from '../binary/ast.ts';

const scratch = new DataView(new ArrayBuffer(8));

/** A conversion between the joined flat type of a variant and the flat type of one case. */
export type CoreConversion = (value: unknown) => unknown;

function bitsToF32(value: unknown): number {
  scratch.setInt32(0, value as number);
  return scratch.getFloat32(0);
}

function f32ToBits(value: unknown): number {
  scratch.setFloat32(0, value as number);
  return scratch.getInt32(0);
}

function wrapI64(value: unknown): number {
  return Number(BigInt.asIntN(32, value as bigint));
}

function extendI32(value: unknown): bigint {
  return BigInt((value as number) >>> 0);
}

function bitsToF64(value: unknown): number {
  scratch.setBigInt64(0, value as bigint);
  return scratch.getFloat64(0);
}

function f64ToBits(value: unknown): bigint {
  scratch.setFloat64(0, value as number);
  return scratch.getBigInt64(0);
}

/** From the joined type to the case's own; undefined where nothing changes ("Flat lifting", variants). */
export function liftConversion(have: CoreValueType, want: CoreValueType): CoreConversion | undefined {
  if (have === want) return undefined;
  if (have === 'i32') return bitsToF32;
  if (want === 'i32') return wrapI64;
  return want === 'f32' ? (value) => bitsToF32(wrapI64(value)) : bitsToF64;
}

/** From the case's own type to the joined; undefined where nothing changes ("Flat lowering", variants). */
export function lowerConversion(have: CoreValueType, want: CoreValueType): CoreConversion | undefined {
  if (have === want) return undefined;
  if (want === 'i32') return f32ToBits;
  if (have === 'i32') return extendI32;
  return have === 'f32' ? (value) => extendI32(f32ToBits(value)) : f64ToBits;
}

export function zeroOf(type: CoreValueType | undefined): number | bigint {
  return type === 'i64' ? 0n : 0;
}
