import type { RegistrationEntry, Selector } from './registration-entry.ts';

/** The type of the selectors that describe a WebAssembly component. */
export const COMPONENT_SELECTOR_TYPE = 'wasm';

/** The facts that together name one component in one place; an entry must state every one of them. */
export const COMPONENT_SELECTOR_KINDS = [
  'component-digest',
  'component-id',
  'app',
  'lattice',
  'host-id',
] as const;

/** One of {@link COMPONENT_SELECTOR_KINDS}. */
export type ComponentSelectorKind = (typeof COMPONENT_SELECTOR_KINDS)[number];

/** Whether an entry speaks about a component in any way: such an entry is never served to a process. */
export function isComponentEntry(entry: RegistrationEntry): boolean {
  return entry.selectors.some((selector) => selector.type === COMPONENT_SELECTOR_TYPE);
}

/**
 * Whether an entry may be served to a delegate: only component selectors, each required kind exactly once, and none
 * of the flags that SPIRE keeps out of its Delegated Identity API.
 */
export function isServableComponentEntry(entry: RegistrationEntry): boolean {
  if (entry.admin === true || entry.downstream === true || entry.store_svid === true) return false;
  if (!entry.selectors.every((selector) => selector.type === COMPONENT_SELECTOR_TYPE)) return false;
  return COMPONENT_SELECTOR_KINDS.every((kind) => componentFacts(entry.selectors, kind).length === 1);
}

/** The values that a list of selectors states for one kind of fact. */
export function componentFacts(
  selectors: readonly Selector[],
  kind: ComponentSelectorKind,
): readonly string[] {
  const prefix = `${kind}:`;
  return selectors
    .filter((selector) => selector.type === COMPONENT_SELECTOR_TYPE && selector.value.startsWith(prefix))
    .map((selector) => selector.value.slice(prefix.length));
}
