import type { CoreValueType, PrimitiveName } from '../binary/ast.ts';
import type { CompileLimits } from '../binary/limits.ts';
import { ComponentError } from '../errors.ts';
import {
  alignTo,
  joinCoreTypes,
  maxFlat,
  type Case,
  type Field,
  type FlagsType,
  type FunctionType,
  type HandleType,
  type HostPath,
  type ListType,
  type PrimitiveType,
  type RecordType,
  type ResourceType,
  type TupleType,
  type ValueType,
  type VariantType,
} from './types.ts';

const primitiveLayout: Readonly<Record<PrimitiveName, readonly [number, CoreValueType]>> = {
  bool: [1, 'i32'],
  s8: [1, 'i32'],
  u8: [1, 'i32'],
  s16: [2, 'i32'],
  u16: [2, 'i32'],
  s32: [4, 'i32'],
  u32: [4, 'i32'],
  s64: [8, 'i64'],
  u64: [8, 'i64'],
  f32: [4, 'f32'],
  f64: [8, 'f64'],
  char: [4, 'i32'],
  string: [8, 'i32'],
};

const maxValueSize = 2 ** 28;

/** A distributive omit, so that each kind keeps its own fields. */
type Draft<T> = Omit<T, 'id'>;

/** Interns the types of one plan: equal types are the same object, so type equality is `===`. */
export class TypeTable {
  readonly #limits: CompileLimits;
  readonly #interned = new Map<string, ValueType | FunctionType>();
  readonly resources: ResourceType[] = [];

  constructor(limits: CompileLimits) {
    this.#limits = limits;
  }

  #intern<T extends ValueType>(key: string, make: () => Draft<T>): T {
    const known = this.#interned.get(key);
    if (known !== undefined) return known as T;
    const draft = make();
    if (draft.size >= maxValueSize) {
      throw new ComponentError('ERR_COMPONENT_LIMIT', 'A type of the component is larger than 2^28 bytes.');
    }
    if (draft.depth > this.#limits.typeDepth) {
      throw new ComponentError(
        'ERR_COMPONENT_LIMIT',
        `A type of the component nests deeper than ${this.#limits.typeDepth} levels.`,
      );
    }
    const type = { id: this.#interned.size, ...draft } as T;
    this.#interned.set(key, type);
    return type;
  }

  primitive(name: PrimitiveName): PrimitiveType {
    return this.#intern<PrimitiveType>(name, () => {
      const [size, flat] = primitiveLayout[name];
      const isString = name === 'string';
      return {
        kind: name,
        size,
        align: isString ? 4 : size,
        flat: isString ? ['i32', 'i32'] : [flat],
        depth: 1,
        cost: isString ? 24 : 8,
        hasPointer: isString,
        hasOwn: false,
        hasBorrow: false,
      };
    });
  }

  list(element: ValueType): ListType {
    return this.#intern<ListType>(`list ${element.id}`, () => ({
      ...combine([element]),
      kind: 'list',
      element,
      size: 8,
      align: 4,
      flat: ['i32', 'i32'],
      cost: 32,
      hasPointer: true,
    }));
  }

  record(fields: readonly Field[]): RecordType {
    const key = `record ${fields.map(({ name, type }) => `${name}:${type.id}`).join()}`;
    return this.#intern<RecordType>(key, () => ({
      ...layOut(fields.map(({ type }) => type)),
      kind: 'record',
      fields,
    }));
  }

  tuple(elements: readonly ValueType[]): TupleType {
    return this.#intern<TupleType>(`tuple ${elements.map(({ id }) => id).join()}`, () => ({
      ...layOut(elements),
      kind: 'tuple',
      elements,
    }));
  }

  variant(kind: VariantType['kind'], cases: readonly Case[]): VariantType {
    const key = `${kind} ${cases.map(({ name, type }) => `${name}:${type?.id ?? ''}`).join()}`;
    return this.#intern<VariantType>(key, () => ({ ...layOutCases(cases), kind, cases }));
  }

  flags(labels: readonly string[]): FlagsType {
    const size = labels.length <= 8 ? 1 : labels.length <= 16 ? 2 : 4;
    return this.#intern<FlagsType>(`flags ${labels.join()}`, () => ({
      ...combine([]),
      kind: 'flags',
      labels,
      size,
      align: size,
      flat: ['i32'],
      cost: 16 + 8 * labels.length,
    }));
  }

  handle(kind: 'own' | 'borrow', resource: ResourceType): HandleType {
    return this.#intern<HandleType>(`${kind} ${resource.id}`, () => ({
      ...combine([]),
      kind,
      resource,
      size: 4,
      align: 4,
      flat: ['i32'],
      cost: 48,
      hasOwn: kind === 'own',
      hasBorrow: kind === 'borrow',
    }));
  }

  function(params: readonly Field[], result: ValueType | undefined): FunctionType {
    const shape = params.map(({ name, type }) => `${name}:${type.id}`).join();
    const key = `function ${shape} ${result?.id ?? ''}`;
    const known = this.#interned.get(key);
    if (known !== undefined) return known as FunctionType;
    if (result?.hasBorrow === true) {
      throw new ComponentError('ERR_COMPONENT_INVALID', 'A function of the component returns a borrow.');
    }
    const type: FunctionType = {
      kind: 'function',
      id: this.#interned.size,
      params,
      result,
      flatParams: flattenAll(params.map((param) => param.type)),
      flatResults: result?.flat ?? [],
    };
    this.#interned.set(key, type);
    return type;
  }

  /** A new resource, different from every other one. */
  resource(origin: { host?: HostPath; instance?: number; hasDestructor?: boolean }): ResourceType {
    const resource: ResourceType = {
      kind: 'resource',
      id: this.resources.length,
      host: origin.host,
      instance: origin.instance ?? -1,
      hasDestructor: origin.hasDestructor ?? false,
    };
    this.resources.push(resource);
    return resource;
  }
}

type Combined = Pick<VariantType, 'depth' | 'hasPointer' | 'hasOwn' | 'hasBorrow'>;

function combine(parts: readonly ValueType[]): Combined {
  let depth = 0;
  for (const part of parts) depth = Math.max(depth, part.depth);
  return {
    depth: depth + 1,
    hasPointer: parts.some((part) => part.hasPointer),
    hasOwn: parts.some((part) => part.hasOwn),
    hasBorrow: parts.some((part) => part.hasBorrow),
  };
}

function flattenAll(parts: readonly ValueType[]): CoreValueType[] {
  const flat: CoreValueType[] = [];
  for (const part of parts) {
    flat.push(...part.flat);
    if (flat.length > maxFlat) return flat.slice(0, maxFlat + 1);
  }
  return flat;
}

function layOut(parts: readonly ValueType[]): Omit<TupleType, 'id' | 'kind' | 'elements'> {
  let size = 0;
  let align = 1;
  let cost = 16;
  const offsets: number[] = [];
  for (const part of parts) {
    size = alignTo(size, part.align);
    offsets.push(size);
    size += part.size;
    align = Math.max(align, part.align);
    cost += part.cost;
  }
  return { ...combine(parts), size: alignTo(size, align), align, flat: flattenAll(parts), cost, offsets };
}

function layOutCases(cases: readonly Case[]): Omit<VariantType, 'id' | 'kind' | 'cases'> {
  const discriminantSize = cases.length <= 0x100 ? 1 : cases.length <= 0x10000 ? 2 : 4;
  const payloads = cases.flatMap(({ type }) => (type === undefined ? [] : [type]));
  let payloadSize = 0;
  let payloadAlign = 1;
  let cost = 0;
  const flat: CoreValueType[] = ['i32'];
  for (const payload of payloads) {
    payloadSize = Math.max(payloadSize, payload.size);
    payloadAlign = Math.max(payloadAlign, payload.align);
    cost = Math.max(cost, payload.cost);
    for (const [index, type] of payload.flat.entries()) {
      const joined = flat[index + 1];
      if (index + 1 <= maxFlat) flat[index + 1] = joined === undefined ? type : joinCoreTypes(joined, type);
    }
  }
  const align = Math.max(discriminantSize, payloadAlign);
  const payloadOffset = alignTo(discriminantSize, payloadAlign);
  return {
    ...combine(payloads),
    discriminantSize,
    payloadOffset,
    size: alignTo(payloadOffset + payloadSize, align),
    align,
    flat,
    cost: cost + 32,
  };
}
