import { ComponentError, type ComponentErrorCode } from '../errors.ts';
import type { CompiledComponent, ComponentInstance, ExportedFunction } from '../link/component.ts';
import { instantiateComponent } from '../link/instantiate.ts';
import { createWasiImports, type WasiHost, type WasiImports } from '../wasi/imports.ts';
import { httpHandlerName } from './grants.ts';
import type { Limits } from './types.ts';

/** One instance with the host objects that belong to it. It takes one call at a time. */
export interface Guest {
  readonly instance: ComponentInstance;
  readonly wasi: WasiImports;
  readonly handle: ExportedFunction;
}

/** Makes an instance; guest code may run. Throws ComponentError. */
export function createGuest(compiled: CompiledComponent, host: WasiHost, limits: Limits): Guest {
  const wasi = createWasiImports(host);
  const instance = instantiateComponent(compiled, wasi.imports, limits);
  const exported = compiled.exports.find((entry) => entry.name === httpHandlerName);
  const handle = instance.findInterface(`${httpHandlerName}@${exported?.version ?? ''}`)?.['handle'];
  if (typeof handle !== 'function')
    throw new ComponentError('ERR_EXPORT_MISSING', `The component does not export "${httpHandlerName}"`);
  return { instance, wasi, handle: handle as ExportedFunction };
}

/** A memory this close to its maximum when the guest trapped means that the guest could not get more. */
const nearlyFull = 0.5;

/** Says what a failed call or start failed with; a trap of a guest without memory left gets its own code. */
export function failureOf(
  error: unknown,
  guest: Guest | undefined,
  limits: Limits,
): { code: ComponentErrorCode; message: string } {
  const code = error instanceof ComponentError ? error.code : 'ERR_TRAP_HOST';
  const message = error instanceof Error ? error.message : 'The call failed';
  const isOutOfMemory =
    (code === 'ERR_TRAP_GUEST' &&
      guest !== undefined &&
      guest.instance.stats().memoryBytes >= limits.memoryBytes * nearlyFull) ||
    (error instanceof RangeError && /memory|allocation/i.test(error.message)) ||
    (error instanceof Error &&
      error.cause instanceof RangeError &&
      /memory|allocation/i.test(error.cause.message));
  if (!isOutOfMemory) return { code, message };
  return {
    code: 'ERR_COMPONENT_OUT_OF_MEMORY',
    message: `The component used up its memory of ${limits.memoryBytes} bytes`,
  };
}
