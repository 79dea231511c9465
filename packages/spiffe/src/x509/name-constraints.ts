import { DER_TAG, derMalformed, readDerChildren } from '../wire/der/reader.ts';
import type { DerElement } from '../wire/der/reader.ts';

const MAX_SUBTREES = 256;

/** Context tags of GeneralName (RFC 5280 section 4.2.1.6). */
export const GENERAL_NAME = { DNS: 0x82, DIRECTORY: 0xa4, URI: 0x86 } as const;

/** A name as it stands in the certificate, not interpreted. */
export interface GeneralName {
  readonly tag: number;
  readonly contents: Uint8Array;
}

export interface NameConstraints {
  readonly permitted: readonly GeneralName[];
  readonly excluded: readonly GeneralName[];
}

/** Reads NameConstraints (RFC 5280 section 4.2.1.10). */
export function parseNameConstraints(element: DerElement): NameConstraints {
  const constraints: { permitted: GeneralName[]; excluded: GeneralName[] } = { permitted: [], excluded: [] };
  const fields = readDerChildren(element, DER_TAG.SEQUENCE, 2);
  for (const field of fields) {
    if (field.tag !== 0xa0 && field.tag !== 0xa1) {
      throw derMalformed('name constraints have an unknown field');
    }
    const list = field.tag === 0xa0 ? constraints.permitted : constraints.excluded;
    for (const subtree of readDerChildren(field, field.tag, MAX_SUBTREES)) {
      // Minimum and maximum must not be used, so a second field is a fault.
      const [base, ...rest] = readDerChildren(subtree, DER_TAG.SEQUENCE);
      if (base === undefined || rest.length > 0) {
        throw derMalformed('name constraint must be one name');
      }
      list.push({ tag: base.tag, contents: base.contents });
    }
  }
  return constraints;
}

/**
 * Finds the first name that the constraints do not let pass. URI and DNS names are compared as RFC 5280 says; a
 * constraint on another kind of name refuses every certificate that has a name of that kind.
 */
export function findNameViolation(
  constraints: NameConstraints,
  names: readonly GeneralName[],
): GeneralName | undefined {
  return names.find((name) => {
    const isWithin = (base: GeneralName): boolean => base.tag === name.tag && matches(name, base);
    const permitted = constraints.permitted.filter((base) => base.tag === name.tag);
    const excluded = constraints.excluded.filter((base) => base.tag === name.tag);
    const isApplied = name.tag === GENERAL_NAME.URI || name.tag === GENERAL_NAME.DNS;
    if (!isApplied) {
      return permitted.length > 0 || excluded.length > 0;
    }
    return excluded.some(isWithin) || (permitted.length > 0 && !permitted.some(isWithin));
  });
}

function matches(name: GeneralName, base: GeneralName): boolean {
  const constraint = lowerText(base.contents);
  if (name.tag === GENERAL_NAME.DNS) {
    const host = lowerText(name.contents);
    const bare = constraint.startsWith('.') ? constraint.slice(1) : constraint;
    return bare === '' || host === bare || host.endsWith(`.${bare}`);
  }
  // For URIs a leading dot means "any host below", and no dot means exactly this host.
  const host = /^[^:/?#]+:\/\/([^/?#]*)/.exec(lowerText(name.contents))?.[1] ?? '';
  return constraint.startsWith('.')
    ? host.endsWith(constraint) && host.length > constraint.length
    : host === constraint;
}

function lowerText(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1').toLowerCase();
}
