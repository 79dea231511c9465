import type { AliasNode, Declaration, ExternNode, TypeNode, TypeUse } from '../binary/ast.ts';
import type { CompileLimits } from '../binary/limits.ts';
import { ComponentError } from '../errors.ts';
import {
  invalid,
  Scope,
  type AnyType,
  type Entity,
  type FunctionEntity,
  type InstanceEntity,
  type TypeClosure,
} from './entities.ts';
import { hostFunction } from './host-functions.ts';
import { TypeTable } from './type-table.ts';
import type { FunctionType, ResourceType, ValueType } from './types.ts';

/** What is left of the limits while a component is linked. */
export class LinkBudget {
  readonly limits: CompileLimits;
  readonly types: TypeTable;
  #definitions: number;

  constructor(limits: CompileLimits) {
    this.limits = limits;
    this.types = new TypeTable(limits);
    this.#definitions = limits.definitions;
  }

  spend(count: number): void {
    this.#definitions -= count;
    if (this.#definitions < 0) {
      throw new ComponentError(
        'ERR_COMPONENT_LIMIT',
        `Linking the component takes more than ${this.limits.definitions} definitions.`,
      );
    }
  }
}

/** What an import is matched with: the host, or what another component supplied. */
export type Supply =
  | { readonly from: 'host'; readonly interfaceName: string | undefined }
  | { readonly from: 'component'; readonly exports: ReadonlyMap<string, Entity> };

export function resolveUse(budget: LinkBudget, scope: Scope, use: TypeUse): ValueType {
  if (typeof use === 'string') return budget.types.primitive(use);
  const { type } = scope.get('type', use);
  if (!isValueType(type)) throw invalid(`type ${use} is no value type`);
  return type;
}

function resolveOptional(budget: LinkBudget, scope: Scope, use: TypeUse | undefined): ValueType | undefined {
  return use === undefined ? undefined : resolveUse(budget, scope, use);
}

export function isValueType(type: AnyType): type is ValueType {
  return (
    type.kind !== 'function' &&
    type.kind !== 'resource' &&
    type.kind !== 'componentType' &&
    type.kind !== 'instanceType'
  );
}

export function resolveResource(scope: Scope, index: number): ResourceType {
  const { type } = scope.get('type', index);
  if (type.kind !== 'resource') throw invalid(`type ${index} is no resource`);
  return type;
}

export function resolveFunction(scope: Scope, index: number): FunctionType {
  const { type } = scope.get('type', index);
  if (type.kind !== 'function') throw invalid(`type ${index} is no function type`);
  return type;
}

/** Evaluates a type definition in its scope. Resource definitions are the caller's matter. */
export function evaluateType(
  budget: LinkBudget,
  scope: Scope,
  node: Exclude<TypeNode, { kind: 'resource' }>,
): AnyType {
  const { types } = budget;
  switch (node.kind) {
    case 'primitive':
      return types.primitive(node.name);
    case 'list':
      return types.list(resolveUse(budget, scope, node.element));
    case 'record':
      budget.spend(node.fields.length);
      return types.record(
        node.fields.map(({ name, type }) => ({ name, type: resolveUse(budget, scope, type) })),
      );
    case 'tuple':
      budget.spend(node.elements.length);
      return types.tuple(node.elements.map((element) => resolveUse(budget, scope, element)));
    case 'variant':
      budget.spend(node.cases.length);
      return types.variant(
        'variant',
        node.cases.map(({ name, type }) => ({ name, type: resolveOptional(budget, scope, type) })),
      );
    case 'enum':
      budget.spend(node.labels.length);
      return types.variant(
        'enum',
        node.labels.map((name) => ({ name, type: undefined })),
      );
    case 'flags':
      return types.flags(node.labels);
    case 'option':
      return types.variant('option', [
        { name: 'none', type: undefined },
        { name: 'some', type: resolveUse(budget, scope, node.element) },
      ]);
    case 'result':
      return types.variant('result', [
        { name: 'ok', type: resolveOptional(budget, scope, node.ok) },
        { name: 'err', type: resolveOptional(budget, scope, node.err) },
      ]);
    case 'own':
    case 'borrow':
      return types.handle(node.kind, resolveResource(scope, node.resource));
    case 'function':
      budget.spend(node.params.length);
      return types.function(
        node.params.map(({ name, type }) => ({ name, type: resolveUse(budget, scope, type) })),
        resolveOptional(budget, scope, node.result),
      );
    case 'componentType':
    case 'instanceType':
      break;
  }
  return { kind: node.kind, declarations: node.declarations, scope };
}

/** Whether a type reaches a resource, which an alias may not carry across a component's border. */
function reachesResource(type: AnyType): boolean {
  if (type.kind === 'resource') return true;
  if (type.kind === 'function') {
    return type.params.some((param) => reachesResource(param.type)) || (type.result?.hasOwn ?? false);
  }
  return isValueType(type) && (type.hasOwn || type.hasBorrow);
}

/** Resolves an outer alias or an alias of an instance's export. */
export function resolveAlias(scope: Scope, alias: AliasNode): Entity {
  if (alias.from === 'outer') {
    const { scope: outer, crossesComponent } = scope.outer(alias.count);
    if (!['type', 'component', 'core module', 'core type'].includes(alias.sort)) {
      throw invalid(`an outer alias names a ${alias.sort}`);
    }
    const entity = outer.get(alias.sort, alias.index);
    if (crossesComponent && entity.sort === 'type' && reachesResource(entity.type)) {
      throw invalid('an outer alias carries a resource across a component');
    }
    return entity;
  }
  if (alias.from === 'export') {
    return exportOf(scope.get('instance', alias.instance).exports, alias.name, alias.sort);
  }
  return exportOf(scope.get('core instance', alias.instance).exports, alias.name, alias.sort);
}

export function exportOf(exports: ReadonlyMap<string, Entity>, name: string, sort: string): Entity {
  const entity = exports.get(name);
  if (entity === undefined || entity.sort !== sort) {
    throw invalid(`there is no ${sort} exported as ${JSON.stringify(name.slice(0, 80))}`);
  }
  return entity;
}

/**
 * Evaluates an instance type against its supply: resources of the declared type become the supplied ones, and
 * every other declared type must then be the supplied type itself. Gives exactly the declared exports.
 */
export function matchInstance(
  budget: LinkBudget,
  closure: TypeClosure,
  supply: Supply,
  depth: number = 0,
): InstanceEntity {
  if (closure.kind !== 'instanceType') throw invalid('an instance has the type of a component');
  if (depth > budget.limits.nesting) throw invalid('instance types nest too deeply');
  const scope = new Scope(closure.scope, -1);
  const exports = new Map<string, Entity>();
  for (const declaration of closure.declarations) {
    budget.spend(1);
    evaluateDeclaration(budget, scope, declaration, (name, node) => {
      const entity = matchExtern(budget, scope, name, node, supply, exports, depth);
      exports.set(name, entity);
      return entity;
    });
  }
  return { sort: 'instance', exports };
}

function evaluateDeclaration(
  budget: LinkBudget,
  scope: Scope,
  declaration: Declaration,
  bindExport: (name: string, node: ExternNode) => Entity,
): void {
  switch (declaration.kind) {
    case 'coreType':
      scope.add({ sort: 'core type', type: declaration.type });
      return;
    case 'type':
      if (declaration.type.kind === 'resource') throw invalid('a resource is defined inside a type');
      scope.add({ sort: 'type', type: evaluateType(budget, scope, declaration.type) });
      return;
    case 'alias':
      if (declaration.from === 'core export') throw invalid('a core export is aliased inside a type');
      scope.add(resolveAlias(scope, declaration));
      return;
    case 'importDeclaration':
      throw invalid('an instance type has an import');
    case 'exportDeclaration':
      scope.add(bindExport(declaration.name, declaration.type));
  }
}

/** Binds one declared extern to the host or to the supplied entity of that name, and checks its type. */
export function matchExtern(
  budget: LinkBudget,
  scope: Scope,
  name: string,
  node: ExternNode,
  supply: Supply,
  siblings: ReadonlyMap<string, Entity>,
  depth: number,
): Entity {
  const supplied = supply.from === 'component' ? exportOf(supply.exports, name, node.sort) : undefined;
  switch (node.sort) {
    case 'type':
      return matchType(budget, scope, name, node, supply, supplied);
    case 'func': {
      const type = resolveFunction(scope, node.index);
      if (supplied === undefined) {
        const interfaceName = supply.from === 'host' ? supply.interfaceName : undefined;
        return hostFunction({ interfaceName, name }, type, siblings);
      }
      if ((supplied as FunctionEntity).type !== type) throw mismatch(name);
      return supplied;
    }
    case 'instance': {
      const { type } = scope.get('type', node.index);
      if (type.kind !== 'instanceType') throw invalid(`type ${node.index} is no instance type`);
      if (supplied !== undefined) {
        const exports = (supplied as InstanceEntity).exports;
        return matchInstance(budget, type, { from: 'component', exports }, depth + 1);
      }
      throw refusedImport(name, 'a nested instance');
    }
    case 'component':
    case 'core module':
      break;
  }
  if (supplied === undefined) throw refusedImport(name, `a ${node.sort}`);
  return supplied;
}

function matchType(
  budget: LinkBudget,
  scope: Scope,
  name: string,
  node: Extract<ExternNode, { sort: 'type' }>,
  supply: Supply,
  supplied: Entity | undefined,
): Entity {
  const actual = supplied?.sort === 'type' ? supplied.type : undefined;
  if (node.bound === 'resource') {
    if (actual === undefined) {
      const interfaceName = supply.from === 'host' ? supply.interfaceName : undefined;
      return { sort: 'type', type: budget.types.resource({ host: { interfaceName, name } }) };
    }
    if (actual.kind !== 'resource') throw mismatch(name);
    return { sort: 'type', type: actual };
  }
  const entity = scope.get('type', node.index);
  const isClosure = entity.type.kind === 'instanceType' || entity.type.kind === 'componentType';
  if (actual !== undefined && actual !== entity.type && !(isClosure && actual.kind === entity.type.kind)) {
    throw mismatch(name);
  }
  return entity;
}

function mismatch(name: string): ComponentError {
  return invalid(`${JSON.stringify(name)} is supplied with another type than declared`);
}

export function refusedImport(name: string, what: string): ComponentError {
  return new ComponentError(
    'ERR_COMPONENT_UNSUPPORTED',
    `The component imports ${what} as ${JSON.stringify(name)}; only functions, resources and interfaces can be imported.`,
  );
}
