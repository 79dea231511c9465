import type { Selector } from './registration-entry.ts';

/**
 * One text per selector, injective because a type holds no colon. Used as key in sets and indexes.
 */
export function selectorKey(selector: Selector): string {
  return `${selector.type}:${selector.value}`;
}

/** Whether every selector wanted is among those present; an empty list of wanted selectors matches nobody. */
export function isContained(wanted: readonly Selector[], present: ReadonlySet<string>): boolean {
  if (wanted.length === 0) return false;
  for (const selector of wanted) {
    if (!present.has(selectorKey(selector))) return false;
  }
  return true;
}

/** The keys of a list of selectors. */
export function selectorKeys(selectors: readonly Selector[]): ReadonlySet<string> {
  return new Set(selectors.map(selectorKey));
}
