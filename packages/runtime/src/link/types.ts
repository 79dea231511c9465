import type { CoreValueType, PrimitiveName } from '../binary/ast.ts';

/** Flat forms longer than the ABI ever passes directly are cut here: 16 parameters and one more. */
export const maxFlat = 16;

interface TypeFacts {
  /** Equal types of one plan are the same object; `id` numbers them. */
  readonly id: number;
  readonly size: number;
  readonly align: number;
  /** Core value types, cut behind 17. */
  readonly flat: readonly CoreValueType[];
  readonly depth: number;
  /** Rough bytes of JavaScript heap for one lifted value, without what its lists and strings hold. */
  readonly cost: number;
  /** Whether lifting or lowering a value touches memory that the value points to. */
  readonly hasPointer: boolean;
  readonly hasOwn: boolean;
  readonly hasBorrow: boolean;
}

export interface Field {
  readonly name: string;
  readonly type: ValueType;
}

export interface Case {
  readonly name: string;
  readonly type: ValueType | undefined;
}

export interface PrimitiveType extends TypeFacts {
  readonly kind: PrimitiveName;
}

export interface RecordType extends TypeFacts {
  readonly kind: 'record';
  readonly fields: readonly Field[];
  readonly offsets: readonly number[];
}

export interface TupleType extends TypeFacts {
  readonly kind: 'tuple';
  readonly elements: readonly ValueType[];
  readonly offsets: readonly number[];
}

/** Variants and what specialises them; `cases` of an option are none and some, of a result ok and err. */
export interface VariantType extends TypeFacts {
  readonly kind: 'variant' | 'option' | 'result' | 'enum';
  readonly cases: readonly Case[];
  readonly discriminantSize: 1 | 2 | 4;
  readonly payloadOffset: number;
}

export interface FlagsType extends TypeFacts {
  readonly kind: 'flags';
  readonly labels: readonly string[];
}

export interface ListType extends TypeFacts {
  readonly kind: 'list';
  readonly element: ValueType;
}

export interface HandleType extends TypeFacts {
  readonly kind: 'own' | 'borrow';
  readonly resource: ResourceType;
}

export type ValueType =
  | PrimitiveType
  | RecordType
  | TupleType
  | VariantType
  | FlagsType
  | ListType
  | HandleType;

/** Where the functions and classes of a host import are found in the import object. */
export interface HostPath {
  /** The import's full name; undefined for a function or resource that the world imports directly. */
  readonly interfaceName: string | undefined;
  /** The name inside the interface, or the import's own name. */
  readonly name: string;
}

export interface ResourceType {
  readonly kind: 'resource';
  readonly id: number;
  /** Set for resources the host defines. */
  readonly host: HostPath | undefined;
  /** The component instance that defines the resource, -1 for the host. */
  readonly instance: number;
  /** The number of the core function slot of the destructor is kept by the plan under this id. */
  readonly hasDestructor: boolean;
}

export interface FunctionType {
  readonly kind: 'function';
  readonly id: number;
  readonly params: readonly Field[];
  readonly result: ValueType | undefined;
  /** Flat parameters and results, each cut behind 17. */
  readonly flatParams: readonly CoreValueType[];
  readonly flatResults: readonly CoreValueType[];
}

export function alignTo(offset: number, align: number): number {
  return Math.ceil(offset / align) * align;
}

export function joinCoreTypes(a: CoreValueType, b: CoreValueType): CoreValueType {
  if (a === b) return a;
  if ((a === 'i32' && b === 'f32') || (a === 'f32' && b === 'i32')) return 'i32';
  return 'i64';
}
