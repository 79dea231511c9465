import type { CoreSignature } from '../binary/ast.ts';
import { opaqueType } from '../binary/decode-core.ts';
import { invalid, type CoreInstanceEntity, type CoreItemEntity, type CoreModuleEntity } from './entities.ts';
import type { Planner } from './planner.ts';

/**
 * Whether an import's signature fits what is supplied. The engine checks wasm functions again, but takes any
 * JavaScript function for any signature, so a lowered function must match here.
 */
function fits(wanted: CoreSignature | undefined, item: CoreItemEntity): boolean {
  const { signature } = item;
  if (wanted === undefined || signature === undefined) return wanted === signature;
  const hasOpaque =
    [...wanted.params, ...wanted.results].includes(opaqueType) ||
    [...signature.params, ...signature.results].includes(opaqueType);
  if (hasOpaque) return !('function' in item.ref);
  return (
    wanted.params.join() === signature.params.join() && wanted.results.join() === signature.results.join()
  );
}

/** Plans one core instance: every import must be supplied by the arguments with the right kind and signature. */
export function linkCoreInstance(
  planner: Planner,
  module: CoreModuleEntity,
  args: ReadonlyMap<string, CoreInstanceEntity>,
): CoreInstanceEntity {
  planner.budget.spend(module.info.imports.length + module.info.exports.size);
  const moduleIndex = planner.useModule(module);
  const imports = module.info.imports.map((wanted) => {
    const item = args.get(wanted.module)?.exports.get(wanted.name);
    if (item === undefined || item.sort !== `core ${wanted.kind}`) {
      throw invalid(`a core module lacks its import ${quote(wanted.module)} ${quote(wanted.name)}`);
    }
    if (!fits(wanted.signature, item)) {
      throw invalid(`the core import ${quote(wanted.module)} ${quote(wanted.name)} has another signature`);
    }
    return { module: wanted.module, name: wanted.name, ref: item.ref };
  });
  const instance = planner.coreInstances++;
  planner.steps.push({ kind: 'instantiate', module: moduleIndex, imports });
  const exports = new Map<string, CoreItemEntity>();
  for (const [name, { kind, signature }] of module.info.exports) {
    exports.set(name, { sort: `core ${kind}`, ref: { instance, name }, signature });
  }
  return { sort: 'core instance', exports };
}

function quote(name: string): string {
  return JSON.stringify(name.slice(0, 80));
}
