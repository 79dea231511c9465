import { defaultInstanceLimits, type InstanceLimits } from '../binary/limits.ts';
import type { CompiledComponent, ComponentInstance, ExportedInterface, ImportObject } from './component.ts';
import { buildExports } from './exports.ts';
import { findVersioned } from './host.ts';
import { Replay } from './replay.ts';

/**
 * Makes an instance: a replay of the plan with fresh state. Synchronous; start functions run inside.
 * Throws ComponentError (Trap where guest code failed).
 */
export function instantiateComponent(
  compiled: CompiledComponent,
  imports: ImportObject,
  limits?: Partial<InstanceLimits>,
): ComponentInstance {
  const replay = new Replay(compiled, imports, { ...defaultInstanceLimits, ...limits });
  replay.run();
  const exports = buildExports(replay, compiled.plan.exports);
  replay.bindClasses();
  const names = Object.keys(exports);
  return {
    exports,
    findInterface: (name): ExportedInterface | undefined => {
      const key = findVersioned(names, name);
      const found = key === undefined ? undefined : exports[key];
      return typeof found === 'object' ? found : undefined;
    },
    get trap(): Error | undefined {
      return replay.root.trap;
    },
    stats: () => replay.stats(),
  };
}
