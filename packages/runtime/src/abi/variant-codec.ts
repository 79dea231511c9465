import type { VariantType } from '../link/types.ts';
import type { Codec, FlatReader } from './codec.ts';
import type { Context } from './context.ts';
import { liftConversion, lowerConversion, zeroOf, type CoreConversion } from './core-values.ts';
import { invalidValue, trap } from './traps.ts';

/** How the cases of one variant look in JavaScript. */
interface Shape {
  make(index: number, payload: unknown): unknown;
  /** The index of the value's case, or -1. */
  caseOf(value: unknown): number;
  payloadOf(value: unknown): unknown;
}

interface Tagged {
  readonly tag: string;
  readonly val?: unknown;
}

function taggedShape(type: VariantType): Shape {
  const tags = type.cases.map(({ name }) => name);
  const indices = new Map(tags.map((tag, index) => [tag, index]));
  const hasPayload = type.cases.map((entry) => entry.type !== undefined);
  return {
    make: (index, payload) => {
      const tag = tags[index] as string;
      return hasPayload[index] === true ? { tag, val: payload } : { tag };
    },
    caseOf: (value) =>
      typeof value === 'object' && value !== null ? (indices.get((value as Tagged).tag) ?? -1) : -1,
    payloadOf: (value) => (value as Tagged).val,
  };
}

function enumShape(type: VariantType): Shape {
  const tags = type.cases.map(({ name }) => name);
  const indices = new Map<unknown, number>(tags.map((tag, index) => [tag, index]));
  return {
    make: (index) => tags[index],
    caseOf: (value) => indices.get(value) ?? -1,
    payloadOf: () => undefined,
  };
}

const optionShape: Shape = {
  make: (_index, payload) => payload,
  caseOf: (value) => (value === undefined || value === null ? 0 : 1),
  payloadOf: (value) => value,
};

/** An option of an option keeps its tag, so that some(none) and none stay apart. */
function shapeOf(type: VariantType): Shape {
  if (type.kind === 'enum') return enumShape(type);
  if (type.kind === 'option' && type.cases[1]?.type?.kind !== 'option') return optionShape;
  return taggedShape(type);
}

/** One case's payload between the joined flat values of the variant and its own. */
interface FlatCase {
  readonly codec: Codec | undefined;
  readonly liftConversions: readonly (CoreConversion | undefined)[] | undefined;
  readonly lowerConversions: readonly (CoreConversion | undefined)[] | undefined;
  readonly flatLength: number;
}

function flatCaseOf(type: VariantType, index: number, codec: Codec | undefined): FlatCase {
  const own = type.cases[index]?.type?.flat ?? [];
  const joined = type.flat.slice(1, 1 + own.length);
  const lifts = joined.map((have, at) => liftConversion(have, own[at] ?? have));
  const lowers = joined.map((want, at) => lowerConversion(own[at] ?? want, want));
  return {
    codec,
    liftConversions: lifts.every((convert) => convert === undefined) ? undefined : lifts,
    lowerConversions: lowers.every((convert) => convert === undefined) ? undefined : lowers,
    flatLength: own.length,
  };
}

function convertAll(
  conversions: readonly (CoreConversion | undefined)[],
  flat: readonly unknown[],
  at: number,
): unknown[] {
  return conversions.map((convert, index) => {
    const value = flat[at + index];
    return convert === undefined ? value : convert(value);
  });
}

function payloadReader({ codec, liftConversions }: FlatCase): FlatReader {
  if (codec === undefined) return () => undefined;
  if (liftConversions === undefined) return codec.lift;
  return (cx, a, b, c) => codec.liftFrom(cx, convertAll(liftConversions, [a, b, c], 0), 0);
}

export function variantCodec(type: VariantType, payloads: readonly (Codec | undefined)[]): Codec {
  const { discriminantSize, payloadOffset, kind } = type;
  const count = payloads.length;
  const shape = shapeOf(type);
  const flatCases = payloads.map((codec, index) => flatCaseOf(type, index, codec));
  const readers = flatCases.map(payloadReader);
  const zeros = type.flat.map(zeroOf);

  const badCase = (index: number): never => trap('ERR_TRAP_VALUE', `There is no case ${index} in a ${kind}.`);
  const caseOf = (value: unknown): number => {
    const index = shape.caseOf(value);
    if (index < 0) throw invalidValue(kind, value);
    return index;
  };
  const liftFrom = (cx: Context, flat: readonly unknown[], at: number): unknown => {
    const index = (flat[at] as number) >>> 0;
    if (index >= count) badCase(index);
    const { codec, liftConversions } = flatCases[index] as FlatCase;
    if (codec === undefined) return shape.make(index, undefined);
    if (liftConversions === undefined) return shape.make(index, codec.liftFrom(cx, flat, at + 1));
    return shape.make(index, codec.liftFrom(cx, convertAll(liftConversions, flat, at + 1), 0));
  };
  const lowerInto = (cx: Context, value: unknown, flat: unknown[]): void => {
    const index = caseOf(value);
    const { codec, lowerConversions, flatLength } = flatCases[index] as FlatCase;
    flat.push(index);
    const start = flat.length;
    codec?.lowerInto(cx, shape.payloadOf(value), flat);
    if (lowerConversions !== undefined) {
      for (let at = 0; at < flatLength; at++) {
        const convert = lowerConversions[at];
        if (convert !== undefined) flat[start + at] = convert(flat[start + at]);
      }
    }
    for (let at = 1 + flatLength; at < zeros.length; at++) flat.push(zeros[at]);
  };

  return {
    load: (cx, at) => {
      const { view } = cx;
      const index =
        discriminantSize === 1
          ? view.getUint8(at)
          : discriminantSize === 2
            ? view.getUint16(at, true)
            : view.getUint32(at, true);
      if (index >= count) badCase(index);
      return shape.make(index, payloads[index]?.load(cx, at + payloadOffset));
    },
    store: (cx, at, value) => {
      const index = caseOf(value);
      const { view } = cx;
      if (discriminantSize === 1) view.setUint8(at, index);
      else if (discriminantSize === 2) view.setUint16(at, index, true);
      else view.setUint32(at, index, true);
      payloads[index]?.store(cx, at + payloadOffset, shape.payloadOf(value));
    },
    lift: (cx, a, b, c, d) => {
      const index = (a as number) >>> 0;
      if (index >= count) badCase(index);
      return shape.make(index, (readers[index] as FlatReader)(cx, b, c, d));
    },
    liftFrom,
    lower: (_cx, value) => caseOf(value),
    lowerInto,
  };
}
