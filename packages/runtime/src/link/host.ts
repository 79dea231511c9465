import type { HostFunction } from './component.ts';

const suspendingFunctions = new WeakSet<HostFunction>();

/**
 * Marks a host function as one that may return a promise; the guest is suspended until it settles.
 * Functions without the mark are called synchronously and must not return promises.
 */
export function suspending<F extends HostFunction>(fn: F): F {
  suspendingFunctions.add(fn);
  return fn;
}

export function isSuspending(fn: HostFunction): boolean {
  return suspendingFunctions.has(fn);
}
