import { parseExternName } from '../binary/names.ts';
import { invalid, type Entity, type FunctionEntity } from './entities.ts';
import type { FunctionType, HostPath, ResourceType, ValueType } from './types.ts';

/** The resource of `name` among the types declared before in the same scope. */
function siblingResource(siblings: ReadonlyMap<string, Entity>, name: string): ResourceType | undefined {
  const entity = siblings.get(name);
  return entity?.sort === 'type' && entity.type.kind === 'resource' ? entity.type : undefined;
}

function isHandle(type: ValueType | undefined, kind: 'own' | 'borrow', resource: ResourceType): boolean {
  return type?.kind === kind && type.resource === resource;
}

/**
 * Checks a function whose name carries `[constructor]`, `[method]` or `[static]` and gives the resource it
 * belongs to; undefined for a plain function ("Binary format", rules for annotated names).
 */
export function annotatedResource(
  text: string,
  type: FunctionType,
  siblings: ReadonlyMap<string, Entity>,
): ResourceType | undefined {
  const name = parseExternName(text);
  if (name.kind === 'label' || name.kind === 'interface') return undefined;
  const resource = siblingResource(siblings, 'resource' in name ? name.resource : name.label);
  if (resource === undefined) throw invalid(`${JSON.stringify(text)} belongs to no resource`);
  if (name.kind === 'method' && !isHandle(type.params[0]?.type, 'borrow', resource)) {
    throw invalid(`${JSON.stringify(text)} does not take its resource as first parameter`);
  }
  if (name.kind === 'constructor') {
    const { result } = type;
    const made = result?.kind === 'result' ? result.cases[0]?.type : result;
    if (!isHandle(made, 'own', resource))
      throw invalid(`${JSON.stringify(text)} does not return its resource`);
  }
  return resource;
}

export function hostFunction(
  path: HostPath,
  type: FunctionType,
  siblings: ReadonlyMap<string, Entity>,
): FunctionEntity {
  const resource = annotatedResource(path.name, type, siblings);
  return { sort: 'func', type, target: { kind: 'host', path, resource } };
}
