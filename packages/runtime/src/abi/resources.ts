import type { CoreFunction } from '../engine.ts';
import type { ResourceStep } from '../link/steps.ts';
import type { ResourceType } from '../link/types.ts';
import { trapNow } from './gate.ts';
import type { InstanceState, Root } from './state.ts';
import { trap } from './traps.ts';

/**
 * Ends the life of an owned representation: the host's object is disposed, the guest's destructor is called in
 * the instance that defines it. `caller` is undefined where the host drops.
 */
export function dropResource(
  root: Root,
  caller: InstanceState | undefined,
  resource: ResourceType,
  rep: unknown,
  destructor: () => CoreFunction | undefined,
): void {
  if (resource.host !== undefined) {
    const dispose = (rep as Partial<Disposable>)[Symbol.dispose];
    if (typeof dispose === 'function') dispose.call(rep);
    return;
  }
  const owner = root.instances[resource.instance] as InstanceState;
  const isForeign = owner !== caller;
  if (isForeign && owner.isEntered) {
    trap('ERR_TRAP_REENTRANCE', 'A destructor belongs to a component instance that is in a call.');
  }
  const run = destructor();
  if (run === undefined) return;
  if (!isForeign) {
    run(rep);
    return;
  }
  owner.isEntered = true;
  run(rep);
  owner.isEntered = false;
}

/** The canonical built-ins `resource.new`, `resource.rep` and `resource.drop` of one component instance. */
export function resourceBuiltin(
  kind: ResourceStep['kind'],
  state: InstanceState,
  resource: ResourceType,
  destructor: () => CoreFunction | undefined,
): CoreFunction {
  const { root, handles } = state;
  const run: Record<ResourceStep['kind'], (operand: number) => unknown> = {
    resourceNew: (rep) => {
      state.leave();
      return handles.add(resource, rep, true);
    },
    resourceRep: (index) => {
      if (root.trap !== undefined) throw root.trap;
      return handles.get(index >>> 0, resource).rep;
    },
    resourceDrop: (index) => {
      state.leave();
      const { rep, isOwn } = handles.remove(index >>> 0, resource);
      if (isOwn) dropResource(root, state, resource, rep, destructor);
      else state.borrows--;
      return undefined;
    },
  };
  const builtin = run[kind];
  return (operand: number) => {
    try {
      return builtin(operand);
    } catch (error) {
      root.fail(error);
      return trapNow();
    }
  };
}
