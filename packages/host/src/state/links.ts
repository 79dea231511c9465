import type { Link, LinkKey } from '@muster/lattice';

/** Outcome of adding a link to the links of its source. */
export type AddLink = { readonly links: readonly Link[] } | { readonly conflict: true };

/**
 * Adds or replaces. Same source, target, package and name: replaced whole. Same source, package and name with another
 * target and an interface in common: a conflict, as v1 decides it.
 */
export function addLink(links: readonly Link[], link: Link): AddLink {
  const isSameName = (other: Link): boolean => sameKey(other, link);
  const rival = links.find(
    (other) =>
      isSameName(other) &&
      other.target !== link.target &&
      other.interfaces.some((name) => link.interfaces.includes(name)),
  );
  if (rival !== undefined) {
    return { conflict: true };
  }
  const at = links.findIndex((other) => isSameName(other) && other.target === link.target);
  return { links: at === -1 ? [...links, link] : links.with(at, link) };
}

/** Removes the first link with this key, as v1 does. */
export function removeLink(
  links: readonly Link[],
  key: LinkKey,
): { readonly links: readonly Link[]; readonly removed: Link | undefined } {
  const at = links.findIndex((link) => sameKey(link, key));
  return at === -1 ? { links, removed: undefined } : { links: links.toSpliced(at, 1), removed: links[at] };
}

function sameKey(a: LinkKey, b: LinkKey): boolean {
  return (
    a.source_id === b.source_id &&
    a.name === b.name &&
    a.wit_namespace === b.wit_namespace &&
    a.wit_package === b.wit_package
  );
}
