import type {
  ComponentNode,
  CoreSignature,
  CoreSort,
  CoreTypeNode,
  Declaration,
  Sort,
} from '../binary/ast.ts';
import type { CoreModuleInfo } from '../binary/core-module.ts';
import { ComponentError } from '../errors.ts';
import type { CoreRef, FunctionTarget } from './steps.ts';
import type { FunctionType, ResourceType, ValueType } from './types.ts';

/** A core module of the tree, scanned once however often it is instantiated. */
export interface CoreModuleEntity {
  readonly sort: 'core module';
  readonly start: number;
  readonly end: number;
  readonly info: CoreModuleInfo;
}

/** A core function, table, memory, global or tag that some step will have made at run time. */
export interface CoreItemEntity {
  readonly sort: Exclude<`core ${CoreSort}`, 'core module' | 'core instance' | 'core type'>;
  readonly ref: CoreRef;
  /** Set for functions. */
  readonly signature: CoreSignature | undefined;
}

export interface CoreInstanceEntity {
  readonly sort: 'core instance';
  readonly exports: ReadonlyMap<string, CoreItemEntity>;
}

export interface CoreTypeEntity {
  readonly sort: 'core type';
  readonly type: CoreTypeNode;
}

export interface FunctionEntity {
  readonly sort: 'func';
  readonly type: FunctionType;
  readonly target: FunctionTarget;
}

/** A component or instance type: its declarations and the scope they are evaluated in, anew at each use. */
export interface TypeClosure {
  readonly kind: 'componentType' | 'instanceType';
  readonly declarations: readonly Declaration[];
  readonly scope: Scope;
}

export type AnyType = ValueType | FunctionType | ResourceType | TypeClosure;

export interface TypeEntity {
  readonly sort: 'type';
  readonly type: AnyType;
}

export interface ComponentEntity {
  readonly sort: 'component';
  readonly node: ComponentNode;
  readonly scope: Scope;
}

export interface InstanceEntity {
  readonly sort: 'instance';
  readonly exports: ReadonlyMap<string, Entity>;
}

export type Entity =
  | CoreModuleEntity
  | CoreItemEntity
  | CoreInstanceEntity
  | CoreTypeEntity
  | FunctionEntity
  | TypeEntity
  | ComponentEntity
  | InstanceEntity;

type EntityOf<S extends Sort> = S extends CoreItemEntity['sort']
  ? CoreItemEntity
  : Extract<Entity, { sort: S }>;

export function invalid(message: string): ComponentError {
  return new ComponentError('ERR_COMPONENT_INVALID', `The component is not valid: ${message}.`);
}

/** The index spaces of one component instance, or of one component or instance type. */
export class Scope {
  readonly parent: Scope | undefined;
  /** The component instance being made, or -1 inside a type. */
  readonly instance: number;
  readonly #spaces = new Map<Sort, Entity[]>();

  constructor(parent: Scope | undefined, instance: number) {
    this.parent = parent;
    this.instance = instance;
  }

  add(entity: Entity): void {
    const space = this.#spaces.get(entity.sort);
    if (space === undefined) this.#spaces.set(entity.sort, [entity]);
    else space.push(entity);
  }

  get<S extends Sort>(sort: S, index: number): EntityOf<S> {
    const entity = this.#spaces.get(sort)?.[index];
    if (entity === undefined) throw invalid(`there is no ${sort} ${index}`);
    return entity as EntityOf<S>;
  }

  /** The scope `count` levels out, and whether a component's border lies between. */
  outer(count: number): { scope: Scope; crossesComponent: boolean } {
    if (count === 0) return { scope: this, crossesComponent: false };
    if (this.parent === undefined) throw invalid('an outer alias reaches beyond the component');
    let scope = this.parent;
    let crossesComponent = this.instance >= 0;
    for (let level = 1; level < count; level++) {
      if (scope.parent === undefined) throw invalid('an outer alias reaches beyond the component');
      if (scope.instance >= 0) crossesComponent = true;
      scope = scope.parent;
    }
    return { scope, crossesComponent };
  }
}
