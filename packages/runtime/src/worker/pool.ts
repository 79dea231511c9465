import { ComponentError } from '../errors.ts';
import type { ComponentPool, ComponentPoolOptions } from './types.ts';

/**
 * Compiles a component in a worker and keeps workers that answer its calls. Fails before any guest code runs when the
 * bytes are no component (ERR_COMPONENT_*), or import what was not granted (ERR_IMPORT_NOT_GRANTED).
 */
export function startComponentPool(options: ComponentPoolOptions): Promise<ComponentPool> {
  void options;
  return Promise.reject(new ComponentError('ERR_COMPONENT_UNSUPPORTED', 'Not built yet.'));
}
