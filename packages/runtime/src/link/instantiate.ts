import type { InstanceLimits } from '../binary/limits.ts';
import { ComponentError } from '../errors.ts';
import type { CompiledComponent, ComponentInstance, ImportObject } from './component.ts';

/**
 * Makes an instance: a replay of the plan with fresh state. Synchronous; start functions run inside.
 * Throws ComponentError (Trap where guest code failed).
 */
export function instantiateComponent(
  compiled: CompiledComponent,
  imports: ImportObject,
  limits?: Partial<InstanceLimits>,
): ComponentInstance {
  void [compiled, imports, limits];
  throw new ComponentError('ERR_COMPONENT_UNSUPPORTED', 'Not built yet.');
}
