import type { HostTarget, Plan } from './steps.ts';

/**
 * The component instances whose calls may suspend: those that lower a suspending host function, or a function
 * of an instance that may suspend. Runs until nothing changes, because instances can call in any order.
 */
export function findSuspending(plan: Plan, canSuspend: (target: HostTarget) => boolean): ReadonlySet<number> {
  const found = new Set<number>();
  for (let before = -1; before !== found.size;) {
    before = found.size;
    for (const step of plan.steps) {
      if (step.kind !== 'lower') continue;
      const { target } = step;
      const suspends = target.kind === 'host' ? canSuspend(target) : found.has(target.instance);
      if (suspends) found.add(plan.contexts[step.context]?.instance ?? -1);
    }
  }
  return found;
}
