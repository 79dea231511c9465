import type { CanonNode, ComponentNode, Definition, ExternNode, InlineExport, Sort } from '../binary/ast.ts';
import { scanCoreModule } from '../binary/core-module.ts';
import type { CompileLimits } from '../binary/limits.ts';
import { tryParseExternName } from '../binary/names.ts';
import type { ReadBudget } from '../binary/reader.ts';
import { CodecTable } from '../abi/codec.ts';
import { ComponentError } from '../errors.ts';
import { liftFunction, lowerFunction, resourceFunction } from './canon.ts';
import { linkCoreInstance } from './core-link.ts';
import {
  invalid,
  Scope,
  type ComponentEntity,
  type CoreInstanceEntity,
  type CoreItemEntity,
  type CoreModuleEntity,
  type Entity,
  type InstanceEntity,
} from './entities.ts';
import { evaluateType, LinkBudget, matchExtern, matchInstance, resolveAlias } from './evaluate.ts';
import { annotatedResource } from './host-functions.ts';
import { Occupancy } from './occupancy.ts';
import type { ContextPlan, CoreRef, Plan, Step } from './steps.ts';
import type { ResourceType } from './types.ts';

/** What planning accumulates; index numbers in it are the run-time slots. */
export class Planner {
  readonly bytes: Uint8Array;
  readonly readBudget: ReadBudget;
  readonly budget: LinkBudget;
  readonly steps: Step[] = [];
  readonly contexts: ContextPlan[] = [];
  readonly modules: CoreModuleEntity[] = [];
  readonly #interfaces: string[] = [];
  readonly destructors: Map<ResourceType, CoreRef> = new Map();
  readonly codecs: CodecTable = new CodecTable();
  readonly occupancy: Occupancy;
  coreInstances = 0;
  coreFunctions = 0;
  instances = 0;
  readonly #scanned = new Map<number, CoreModuleEntity>();
  readonly #contextKeys = new Map<string, number>();

  constructor(bytes: Uint8Array, readBudget: ReadBudget, limits: CompileLimits) {
    this.bytes = bytes;
    this.readBudget = readBudget;
    this.budget = new LinkBudget(limits);
    this.occupancy = new Occupancy(limits);
  }

  /** Instantiates the whole tree symbolically and gives the plan to replay. */
  plan(component: ComponentNode): Plan {
    const { exports } = this.instantiate({
      sort: 'component',
      node: component,
      scope: new Scope(undefined, -1),
    });
    return {
      steps: this.steps,
      contexts: this.contexts,
      instances: this.instances,
      resources: this.budget.types.resources,
      destructors: this.destructors,
      interfaces: this.#interfaces,
      exports,
      codecs: this.codecs,
    };
  }

  scanModule(start: number, end: number): CoreModuleEntity {
    let module = this.#scanned.get(start);
    if (module === undefined) {
      const info = scanCoreModule(this.bytes, start, end, this.readBudget);
      module = { sort: 'core module', start, end, info };
      this.#scanned.set(start, module);
    }
    return module;
  }

  /** The number of a module among the compiled ones; counts what each further instance occupies. */
  useModule(module: CoreModuleEntity): number {
    this.occupancy.add(module.info);
    const known = this.modules.indexOf(module);
    if (known >= 0) return known;
    return this.modules.push(module) - 1;
  }

  context(context: ContextPlan): number {
    const key = JSON.stringify([context.instance, context.encoding, context.memory, context.realloc]);
    const known = this.#contextKeys.get(key);
    if (known !== undefined) return known;
    const index = this.contexts.push(context) - 1;
    this.#contextKeys.set(key, index);
    return index;
  }

  /** One component instance: `args` is undefined for the outermost, whose imports are the host's. */
  instantiate(
    component: ComponentEntity,
    args?: ReadonlyMap<string, Entity>,
    depth: number = 0,
  ): InstanceEntity {
    if (depth > this.budget.limits.nesting) throw overLimit('nested instances', this.budget.limits.nesting);
    const scope = new Scope(component.scope, this.instances++);
    const frame: Frame = { scope, args, depth, imports: new Map(), exports: new Map() };
    for (const definition of component.node.definitions) {
      this.budget.spend(1);
      const entity = this.#evaluate(frame, definition);
      if (entity !== undefined) scope.add(entity);
    }
    return { sort: 'instance', exports: frame.exports };
  }

  #evaluate(frame: Frame, definition: Definition): Entity | undefined {
    const { scope } = frame;
    switch (definition.kind) {
      case 'coreModule':
        return this.scanModule(definition.start, definition.end);
      case 'coreInstance': {
        const args = new Map(
          definition.args.map(({ name, instance }) => [name, scope.get('core instance', instance)]),
        );
        return linkCoreInstance(this, scope.get('core module', definition.module), args);
      }
      case 'coreInstanceExports':
        return bundleCoreItems(scope, definition.exports);
      case 'coreType':
        return { sort: 'core type', type: definition.type };
      case 'component':
        return { sort: 'component', node: definition.component, scope };
      case 'instance': {
        this.budget.spend(definition.args.length);
        return this.instantiate(
          scope.get('component', definition.component),
          bundle(scope, definition.args),
          frame.depth + 1,
        );
      }
      case 'instanceExports':
        this.budget.spend(definition.exports.length);
        return { sort: 'instance', exports: bundleExports(scope, definition.exports) };
      case 'alias':
        return resolveAlias(scope, definition);
      case 'type':
        return this.#defineType(scope, definition);
      case 'canon':
        return this.#evaluateCanon(scope, definition.canon);
      case 'import':
        return this.#bindImport(frame, definition.name, definition.type);
      case 'export':
        break;
    }
    return this.#bindExport(frame, definition);
  }

  #defineType(scope: Scope, definition: Extract<Definition, { kind: 'type' }>): Entity {
    const { type: node } = definition;
    if (node.kind !== 'resource') return { sort: 'type', type: evaluateType(this.budget, scope, node) };
    const hasDestructor = node.destructor !== undefined;
    const type = this.budget.types.resource({ instance: scope.instance, hasDestructor });
    if (node.destructor !== undefined) {
      const { ref, signature } = scope.get('core func', node.destructor);
      if (signature?.params.join() !== 'i32' || signature.results.length > 0) {
        throw invalid('a destructor has another signature than (i32)');
      }
      this.destructors.set(type, ref);
    }
    return { sort: 'type', type };
  }

  #evaluateCanon(scope: Scope, canon: CanonNode): Entity {
    switch (canon.kind) {
      case 'lift':
        return liftFunction(this, scope, canon);
      case 'lower':
        return lowerFunction(this, scope, canon);
      case 'resourceNew':
      case 'resourceDrop':
      case 'resourceRep':
        break;
    }
    return resourceFunction(this, scope, canon.kind, canon.resource);
  }

  #bindImport(frame: Frame, name: string, node: ExternNode): Entity {
    const entity = this.#supplyImport(frame, name, node);
    checkAnnotation(name, entity, frame.imports);
    frame.imports.set(name, entity);
    return entity;
  }

  #supplyImport(frame: Frame, name: string, node: ExternNode): Entity {
    const { scope, args, imports, depth } = frame;
    if (args !== undefined) {
      return matchExtern(
        this.budget,
        scope,
        name,
        node,
        { from: 'component', exports: args },
        imports,
        depth,
      );
    }
    if (node.sort !== 'instance') {
      return matchExtern(
        this.budget,
        scope,
        name,
        node,
        { from: 'host', interfaceName: undefined },
        imports,
        0,
      );
    }
    const { type } = scope.get('type', node.index);
    if (type.kind !== 'instanceType') throw invalid(`type ${node.index} is no instance type`);
    const instance = matchInstance(this.budget, type, { from: 'host', interfaceName: name });
    if ([...instance.exports.values()].some(needsHost)) this.#interfaces.push(name);
    return instance;
  }

  #bindExport(frame: Frame, definition: Extract<Definition, { kind: 'export' }>): Entity {
    const { name, sort, index, type } = definition;
    if (sort.startsWith('core ') && sort !== 'core module') throw invalid(`a ${sort} is exported`);
    let entity: Entity = frame.scope.get(sort, index);
    if (type !== undefined) {
      if (type.sort !== sort) throw invalid(`${JSON.stringify(name)} is exported as another sort`);
      const supply = { from: 'component', exports: new Map([[name, entity]]) } as const;
      entity = matchExtern(this.budget, frame.scope, name, type, supply, frame.exports, frame.depth);
    }
    checkAnnotation(name, entity, frame.exports);
    frame.exports.set(name, entity);
    return entity;
  }
}

/** Whether an imported item is more than a name for value types. */
function needsHost(entity: Entity): boolean {
  return entity.sort === 'func' || (entity.sort === 'type' && entity.type.kind === 'resource');
}

interface Frame {
  readonly scope: Scope;
  readonly args: ReadonlyMap<string, Entity> | undefined;
  readonly depth: number;
  readonly imports: Map<string, Entity>;
  readonly exports: Map<string, Entity>;
}

/** A name with `[method]` and the like belongs to a function of a resource declared before it. */
function checkAnnotation(name: string, entity: Entity, siblings: ReadonlyMap<string, Entity>): void {
  if (entity.sort === 'func') {
    annotatedResource(name, entity.type, siblings);
    return;
  }
  const { kind } = tryParseExternName(name) ?? { kind: 'label' };
  if (kind !== 'label' && kind !== 'interface') throw invalid(`${JSON.stringify(name)} is no function`);
}

function bundle(scope: Scope, items: readonly InlineExport[]): Map<string, Entity> {
  return new Map(items.map(({ name, sort, index }) => [name, scope.get<Sort>(sort, index)]));
}

function bundleExports(scope: Scope, items: readonly InlineExport[]): Map<string, Entity> {
  const exports = bundle(scope, items);
  for (const [name, entity] of exports) checkAnnotation(name, entity, exports);
  return exports;
}

function bundleCoreItems(scope: Scope, items: readonly InlineExport[]): CoreInstanceEntity {
  const exports = new Map<string, CoreItemEntity>();
  for (const { name, sort, index } of items) {
    const entity: Entity = scope.get<Sort>(sort, index);
    if (!('ref' in entity)) throw invalid(`a ${sort} is put into a core instance`);
    exports.set(name, entity);
  }
  return { sort: 'core instance', exports };
}

function overLimit(what: string, most: number): ComponentError {
  return new ComponentError('ERR_COMPONENT_LIMIT', `The component has more than ${most} ${what}.`);
}
