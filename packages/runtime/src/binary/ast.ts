/** The component binary as written: indices unresolved, definitions in the order of the bytes. */

export type CoreSort = 'func' | 'table' | 'memory' | 'global' | 'tag' | 'type' | 'module' | 'instance';

export type Sort = 'func' | 'value' | 'type' | 'component' | 'instance' | `core ${CoreSort}`;

export type PrimitiveName =
  | 'bool'
  | 's8'
  | 'u8'
  | 's16'
  | 'u16'
  | 's32'
  | 'u32'
  | 's64'
  | 'u64'
  | 'f32'
  | 'f64'
  | 'char'
  | 'string';

/** A type where it is used: the name of a primitive or a type index. */
export type TypeUse = PrimitiveName | number;

export interface NamedUse {
  readonly name: string;
  readonly type: TypeUse;
}

export interface CaseUse {
  readonly name: string;
  readonly type: TypeUse | undefined;
}

export type TypeNode =
  | { readonly kind: 'primitive'; readonly name: PrimitiveName }
  | { readonly kind: 'record'; readonly fields: readonly NamedUse[] }
  | { readonly kind: 'variant'; readonly cases: readonly CaseUse[] }
  | { readonly kind: 'list'; readonly element: TypeUse }
  | { readonly kind: 'tuple'; readonly elements: readonly TypeUse[] }
  | { readonly kind: 'flags'; readonly labels: readonly string[] }
  | { readonly kind: 'enum'; readonly labels: readonly string[] }
  | { readonly kind: 'option'; readonly element: TypeUse }
  | { readonly kind: 'result'; readonly ok: TypeUse | undefined; readonly err: TypeUse | undefined }
  | { readonly kind: 'own'; readonly resource: number }
  | { readonly kind: 'borrow'; readonly resource: number }
  | FunctionNode
  | { readonly kind: 'componentType'; readonly declarations: readonly Declaration[] }
  | { readonly kind: 'instanceType'; readonly declarations: readonly Declaration[] }
  | { readonly kind: 'resource'; readonly destructor: number | undefined };

export interface FunctionNode {
  readonly kind: 'function';
  readonly params: readonly NamedUse[];
  readonly result: TypeUse | undefined;
}

export type ExternNode =
  | { readonly sort: 'core module'; readonly index: number }
  | { readonly sort: 'func'; readonly index: number }
  | { readonly sort: 'type'; readonly bound: 'eq'; readonly index: number }
  | { readonly sort: 'type'; readonly bound: 'resource' }
  | { readonly sort: 'component'; readonly index: number }
  | { readonly sort: 'instance'; readonly index: number };

export type AliasNode =
  | {
      readonly kind: 'alias';
      readonly sort: Sort;
      readonly from: 'export';
      readonly instance: number;
      readonly name: string;
    }
  | {
      readonly kind: 'alias';
      readonly sort: Sort;
      readonly from: 'core export';
      readonly instance: number;
      readonly name: string;
    }
  | {
      readonly kind: 'alias';
      readonly sort: Sort;
      readonly from: 'outer';
      readonly count: number;
      readonly index: number;
    };

export type CoreValueType = 'i32' | 'i64' | 'f32' | 'f64';

/** A core function's signature; types outside the four numeric ones are kept as opaque text. */
export interface CoreSignature {
  readonly params: readonly string[];
  readonly results: readonly string[];
}

export type CoreTypeNode =
  | { readonly kind: 'function'; readonly signature: CoreSignature }
  | { readonly kind: 'module' }
  | { readonly kind: 'other' };

export type Declaration =
  | { readonly kind: 'coreType'; readonly type: CoreTypeNode }
  | { readonly kind: 'type'; readonly type: TypeNode }
  | AliasNode
  | { readonly kind: 'importDeclaration'; readonly name: string; readonly type: ExternNode }
  | { readonly kind: 'exportDeclaration'; readonly name: string; readonly type: ExternNode };

export interface InlineExport {
  readonly name: string;
  readonly sort: Sort;
  readonly index: number;
}

export type StringEncoding = 'utf8' | 'utf16' | 'latin1+utf16';

export interface CanonOptions {
  readonly encoding: StringEncoding;
  readonly memory: number | undefined;
  readonly realloc: number | undefined;
  readonly postReturn: number | undefined;
}

export type CanonNode =
  | {
      readonly kind: 'lift';
      readonly coreFunction: number;
      readonly options: CanonOptions;
      readonly type: number;
    }
  | { readonly kind: 'lower'; readonly function: number; readonly options: CanonOptions }
  | { readonly kind: 'resourceNew' | 'resourceDrop' | 'resourceRep'; readonly resource: number };

export type Definition =
  | { readonly kind: 'coreModule'; readonly start: number; readonly end: number }
  | {
      readonly kind: 'coreInstance';
      readonly module: number;
      readonly args: readonly { readonly name: string; readonly instance: number }[];
    }
  | { readonly kind: 'coreInstanceExports'; readonly exports: readonly InlineExport[] }
  | { readonly kind: 'coreType'; readonly type: CoreTypeNode }
  | { readonly kind: 'component'; readonly component: ComponentNode }
  | { readonly kind: 'instance'; readonly component: number; readonly args: readonly InlineExport[] }
  | { readonly kind: 'instanceExports'; readonly exports: readonly InlineExport[] }
  | AliasNode
  | { readonly kind: 'type'; readonly type: TypeNode }
  | { readonly kind: 'canon'; readonly canon: CanonNode }
  | { readonly kind: 'import'; readonly name: string; readonly type: ExternNode }
  | {
      readonly kind: 'export';
      readonly name: string;
      readonly sort: Sort;
      readonly index: number;
      readonly type: ExternNode | undefined;
    };

export interface ComponentNode {
  readonly definitions: readonly Definition[];
}
