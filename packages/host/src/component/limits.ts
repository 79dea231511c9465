import type { Limits } from '@muster/runtime';
import type { ComponentDefaults } from '../config.ts';
import { HostError } from '../errors.ts';

/** The limits of one component: the host's, lowered where the scale command asks for less. */
export interface ComponentLimits {
  readonly pool: Partial<Limits>;
  readonly workers: number;
}

/**
 * `count` calls at once, spread over the workers. `max_memory_limit` (bytes) and `max_execution_time` (ms) of v1 only
 * ever lower what the host allows. Throws HostError `ERR_COMPONENT_LIMIT_INVALID`.
 */
export function componentLimits(
  defaults: ComponentDefaults,
  count: number,
  asked: Readonly<Record<string, string>> | undefined,
): ComponentLimits {
  const instances = Math.min(count, defaults.maxInstances);
  const workers = Math.max(1, Math.min(defaults.workers, instances));
  return {
    pool: {
      memoryBytes: Math.min(defaults.memoryBytes, limit(asked, 'max_memory_limit')),
      deadlineMs: Math.min(defaults.deadlineMs, limit(asked, 'max_execution_time')),
      instances: Math.ceil(instances / workers),
    },
    workers,
  };
}

function limit(asked: Readonly<Record<string, string>> | undefined, name: string): number {
  const text = asked !== undefined && Object.hasOwn(asked, name) ? asked[name] : undefined;
  if (text === undefined) {
    return Number.POSITIVE_INFINITY;
  }
  const value = Number(text);
  if (!/^\d{1,15}$/.test(text) || value === 0) {
    throw new HostError(
      'ERR_COMPONENT_LIMIT_INVALID',
      `Cannot use component limit "${name}": it must be a positive whole number`,
    );
  }
  return value;
}
