import type { CoreModule } from '../engine.ts';
import type { CompileLimits } from '../binary/limits.ts';
import { ComponentError } from '../errors.ts';
import type { CompiledComponent, ComponentImport } from './component.ts';

/**
 * Decodes, validates, links and compiles a component. `modules` are the modules of an earlier compilation of
 * the same bytes under the same limits. Throws ComponentError only.
 */
export function compileComponent(
  bytes: Uint8Array,
  limits?: Partial<CompileLimits>,
  options?: { readonly modules?: readonly CoreModule[] },
): CompiledComponent {
  void [bytes, limits, options];
  throw new ComponentError('ERR_COMPONENT_UNSUPPORTED', 'Not built yet.');
}

/** Lists the top-level imports of a component without linking or compiling it. Throws ComponentError only. */
export function describeImports(
  bytes: Uint8Array,
  limits?: Partial<CompileLimits>,
): readonly ComponentImport[] {
  void [bytes, limits];
  throw new ComponentError('ERR_COMPONENT_UNSUPPORTED', 'Not built yet.');
}
