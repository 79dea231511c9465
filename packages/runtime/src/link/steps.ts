import type { StringEncoding } from '../binary/ast.ts';
import type { CodecTable } from '../abi/codec.ts';
import type { Entity } from './entities.ts';
import type { FunctionType, HostPath, ResourceType } from './types.ts';

/** Where a core item is found at run time: a slot of lowered functions, or an export of a core instance. */
export type CoreRef = { readonly function: number } | { readonly instance: number; readonly name: string };

/** The canonical options that lifting and lowering share; equal ones are one context per instance. */
export interface ContextPlan {
  readonly instance: number;
  readonly encoding: StringEncoding;
  readonly memory: CoreRef | undefined;
  readonly realloc: CoreRef | undefined;
}

export interface LiftTarget {
  readonly kind: 'lift';
  readonly instance: number;
  readonly core: CoreRef;
  readonly context: number;
  readonly postReturn: CoreRef | undefined;
  readonly type: FunctionType;
}

export interface HostTarget {
  readonly kind: 'host';
  readonly path: HostPath;
  /** The resource class that a constructor, method or static function belongs to. */
  readonly resource: ResourceType | undefined;
}

export type FunctionTarget = LiftTarget | HostTarget;

export interface InstantiateStep {
  readonly kind: 'instantiate';
  /** Index into the compiled modules. */
  readonly module: number;
  readonly imports: readonly { readonly module: string; readonly name: string; readonly ref: CoreRef }[];
}

export interface LowerStep {
  readonly kind: 'lower';
  readonly context: number;
  readonly type: FunctionType;
  readonly target: FunctionTarget;
}

export interface ResourceStep {
  readonly kind: 'resourceNew' | 'resourceDrop' | 'resourceRep';
  readonly instance: number;
  readonly resource: ResourceType;
}

export type Step = InstantiateStep | LowerStep | ResourceStep;

/** What instantiation replays; core instances and functions are numbered in the order of their steps. */
export interface Plan {
  readonly steps: readonly Step[];
  readonly contexts: readonly ContextPlan[];
  readonly instances: number;
  readonly resources: readonly ResourceType[];
  readonly destructors: ReadonlyMap<ResourceType, CoreRef>;
  /** Imported interfaces with functions or resources; those with nothing but value types need no host. */
  readonly interfaces: readonly string[];
  readonly exports: ReadonlyMap<string, Entity>;
  readonly codecs: CodecTable;
}
