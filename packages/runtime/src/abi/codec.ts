import type { ValueType } from '../link/types.ts';
import type { Context } from './context.ts';
import { handleCodec } from './handle-codec.ts';
import { listCodec } from './list-codec.ts';
import { flagsCodec, recordCodec, tupleCodec } from './record-codec.ts';
import { scalarCodecs } from './scalar-codec.ts';
import { stringCodec } from './string-codec.ts';
import { variantCodec } from './variant-codec.ts';

/** Lifts a value from its first four flat core values. */
export type FlatReader = (cx: Context, a?: unknown, b?: unknown, c?: unknown, d?: unknown) => unknown;

/** How values of one type cross the border. Shared by all instances of a plan; `cx` carries the instance. */
export interface Codec {
  /** Reads a value at a checked, aligned address. */
  load(cx: Context, at: number): unknown;
  /** Writes a value at a checked, aligned address. */
  store(cx: Context, at: number, value: unknown): void;
  /** For types of at most four flat values. */
  readonly lift: FlatReader;
  liftFrom(cx: Context, flat: readonly unknown[], at: number): unknown;
  /** For types of exactly one flat value. */
  lower(cx: Context, value: unknown): unknown;
  lowerInto(cx: Context, value: unknown, flat: unknown[]): void;
}

/** `host`: resources are objects of the host's classes; `inner`: between components, representations stay raw. */
export type CodecMode = 'host' | 'inner';

/** The codecs of one plan, made at first use; types without handles have one for both modes. */
export class CodecTable {
  readonly #host = new Map<ValueType, Codec>();
  readonly #inner = new Map<ValueType, Codec>();

  get(type: ValueType, mode: CodecMode): Codec {
    const table = mode === 'host' || !(type.hasOwn || type.hasBorrow) ? this.#host : this.#inner;
    const known = table.get(type);
    if (known !== undefined) return known;
    const codec = this.#make(type, mode);
    table.set(type, codec);
    return codec;
  }

  #make(type: ValueType, mode: CodecMode): Codec {
    const part = (element: ValueType): Codec => this.get(element, mode);
    switch (type.kind) {
      case 'string':
        return stringCodec;
      case 'list':
        return listCodec(type, part(type.element));
      case 'record':
        return recordCodec(
          type,
          type.fields.map((field) => part(field.type)),
        );
      case 'tuple':
        return tupleCodec(type, type.elements.map(part));
      case 'flags':
        return flagsCodec(type);
      case 'variant':
      case 'option':
      case 'result':
      case 'enum':
        return variantCodec(
          type,
          type.cases.map((entry) => (entry.type === undefined ? undefined : part(entry.type))),
        );
      case 'own':
      case 'borrow':
        return handleCodec(type, mode);
      case 'bool':
      case 's8':
      case 'u8':
      case 's16':
      case 'u16':
      case 's32':
      case 'u32':
      case 's64':
      case 'u64':
      case 'f32':
      case 'f64':
      case 'char':
        break;
    }
    return scalarCodecs[type.kind];
  }
}

/** The reader of a value whose flat values start `offset` positions later. */
export function shifted(lift: FlatReader, offset: number): FlatReader {
  switch (offset) {
    case 0:
      return lift;
    case 1:
      return (cx, _a, b, c, d) => lift(cx, b, c, d);
    case 2:
      return (cx, _a, _b, c, d) => lift(cx, c, d);
    default:
      return (cx, _a, _b, _c, d) => lift(cx, d);
  }
}
