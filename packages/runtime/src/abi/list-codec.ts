import type { ListType } from '../link/types.ts';
import type { Codec } from './codec.ts';
import type { Context } from './context.ts';
import { invalidValue, trap } from './traps.ts';

const maxByteLength = 2 ** 28 - 1;

type NumberArray = ArrayBufferView & ArrayLike<number | bigint>;

interface NumberArrayClass {
  new (buffer: ArrayBuffer): NumberArray;
}

/** Lists of these are typed arrays; the machines supported are little-endian, as WebAssembly is. */
const numberArrays: Readonly<Record<string, NumberArrayClass | undefined>> = {
  u8: Uint8Array,
  s8: Int8Array,
  u16: Uint16Array,
  s16: Int16Array,
  u32: Uint32Array,
  s32: Int32Array,
  u64: BigUint64Array,
  s64: BigInt64Array,
  f32: Float32Array,
  f64: Float64Array,
};

function checkList(cx: Context, at: number, byteLength: number, align: number): void {
  if (byteLength > maxByteLength) trap('ERR_TRAP_MEMORY', `A list of ${byteLength} bytes is too long.`);
  cx.check(at, byteLength, align);
}

function fromReadAndWrite(
  read: (cx: Context, at: number, count: number) => unknown,
  write: (cx: Context, value: unknown) => number,
): Codec {
  return {
    load: (cx, at) => read(cx, cx.view.getUint32(at, true), cx.view.getUint32(at + 4, true)),
    store: (cx, at, value) => {
      const start = write(cx, value);
      cx.view.setUint32(at, start, true);
      cx.view.setUint32(at + 4, cx.length, true);
    },
    lift: (cx, a, b) => read(cx, (a as number) >>> 0, (b as number) >>> 0),
    liftFrom: (cx, flat, at) => read(cx, (flat[at] as number) >>> 0, (flat[at + 1] as number) >>> 0),
    lower: write,
    lowerInto: (cx, value, flat) => {
      flat.push(write(cx, value), cx.length);
    },
  };
}

export function listCodec(type: ListType, element: Codec): Codec {
  const { size, align, cost, kind } = type.element;
  const writeElements = (cx: Context, value: unknown): number => {
    if (!Array.isArray(value)) throw invalidValue(`list<${kind}>`, value);
    const items: readonly unknown[] = value;
    const count = items.length;
    if (count * size > maxByteLength) throw invalidValue('list below 2^28 bytes', value);
    const start = cx.allocate(count * size, align);
    for (let index = 0; index < count; index++) element.store(cx, start + index * size, items[index]);
    cx.length = count;
    return start;
  };
  const arrayClass = numberArrays[kind];
  if (arrayClass !== undefined) return numberListCodec(arrayClass, size, align, writeElements);
  const readElements = (cx: Context, at: number, count: number): unknown[] => {
    checkList(cx, at, count * size, align);
    cx.root.spend(count * cost);
    const items: unknown[] = [];
    for (let index = 0; index < count; index++) items.push(element.load(cx, at + index * size));
    return items;
  };
  return fromReadAndWrite(readElements, writeElements);
}

/** Up to this size the engine keeps the bytes of a typed array on its own heap, which is much cheaper. */
const smallCopy = 64;

function copySmall(bytes: Uint8Array, at: number, count: number): Uint8Array {
  const copy = new Uint8Array(count);
  for (let index = 0; index < count; index++) copy[index] = bytes[at + index] as number;
  return copy;
}

function numberListCodec(
  arrayClass: NumberArrayClass,
  size: number,
  align: number,
  writeElements: (cx: Context, value: unknown) => number,
): Codec {
  return fromReadAndWrite(
    (cx, at, count) => {
      const byteLength = count * size;
      checkList(cx, at, byteLength, align);
      cx.root.spend(byteLength);
      if (arrayClass === Uint8Array && count <= smallCopy) return copySmall(cx.bytes, at, count);
      const buffer = cx.bytes.buffer as ArrayBuffer;
      return new arrayClass(buffer.slice(at, at + byteLength));
    },
    (cx, value) => {
      if (!(value instanceof arrayClass)) return writeElements(cx, value);
      const { byteLength, length } = value;
      if (byteLength > maxByteLength) throw invalidValue('list below 2^28 bytes', value);
      const start = cx.allocate(byteLength, align);
      if (byteLength > 0) cx.bytes.set(new Uint8Array(value.buffer, value.byteOffset, byteLength), start);
      cx.length = length;
      return start;
    },
  );
}
