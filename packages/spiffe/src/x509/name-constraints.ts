import { isIP } from 'node:net';

import {
  DER_TAG,
  derMalformed,
  expectTag,
  readDer,
  readDerAll,
  readDerChildren,
  readDerOid,
} from '../wire/der/reader.ts';
import type { DerElement } from '../wire/der/reader.ts';

const MAX_SUBTREES = 256;
const EMAIL_ATTRIBUTE = '1.2.840.113549.1.9.1';
const URI_HOST = /^[a-z][a-z0-9+.-]*:\/\/([a-z0-9._~-]+)(?::[0-9]*)?(?:[/?#]|$)/;
const DNS_NAME = /^(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/;

/** Context tags of GeneralName (RFC 5280 section 4.2.1.6). */
export const GENERAL_NAME = { EMAIL: 0x81, DNS: 0x82, DIRECTORY: 0xa4, URI: 0x86 } as const;

/** A name as it stands in the certificate, not interpreted. */
export interface GeneralName {
  readonly tag: number;
  readonly contents: Uint8Array;
}

/** The subtrees of a name constraints extension (RFC 5280 section 4.2.1.10). */
export interface NameConstraints {
  readonly permitted: readonly GeneralName[];
  readonly excluded: readonly GeneralName[];
}

/** Why a name is not let pass: `unknown` where the constraint cannot be judged, which counts as a refusal. */
export type NameViolation = 'not permitted' | 'excluded' | 'unknown';

/** Reads NameConstraints (RFC 5280 section 4.2.1.10). An empty list is malformed: it would look like no constraint at all. */
export function parseNameConstraints(element: DerElement): NameConstraints {
  const constraints: { permitted: GeneralName[]; excluded: GeneralName[] } = { permitted: [], excluded: [] };
  const fields = readDerChildren(element, DER_TAG.SEQUENCE, 2);
  const tags = fields.map((field) => field.tag).join();
  if (!['160', '161', '160,161'].includes(tags)) {
    throw derMalformed('name constraints must have permitted or excluded subtrees, in this order');
  }
  for (const field of fields) {
    const list = field.tag === 0xa0 ? constraints.permitted : constraints.excluded;
    for (const subtree of readDerChildren(field, field.tag, MAX_SUBTREES)) {
      // Minimum and maximum must not be used, so a second field is a fault.
      const [base, ...rest] = readDerChildren(subtree, DER_TAG.SEQUENCE);
      if (base === undefined || rest.length > 0) {
        throw derMalformed('name constraint must be one name');
      }
      list.push({ tag: base.tag, contents: base.contents });
    }
    if (list.length === 0) {
      throw derMalformed('a list of name constraints must not be empty');
    }
  }
  return constraints;
}

/**
 * Looks for a name that the constraints do not let pass. URI, DNS and permitted directory names are judged as RFC 5280 says;
 * any other constraint refuses each name of its kind (section 4.2.1.10: process it or reject the certificate).
 */
export function findNameViolation(
  constraints: NameConstraints,
  names: readonly GeneralName[],
): NameViolation | undefined {
  for (const name of names) {
    const permitted = constraints.permitted.filter((base) => base.tag === name.tag);
    const excluded = constraints.excluded.filter((base) => base.tag === name.tag);
    const violation = permitted.length + excluded.length === 0 ? undefined : judge(name, permitted, excluded);
    if (violation !== undefined) {
      return violation;
    }
  }
  return undefined;
}

/** The e-mail addresses of a distinguished name, for which constraints on such addresses are as well; one in place of all where it is malformed. */
export function listEmailAttributes(subject: Uint8Array): GeneralName[] {
  try {
    return readDerChildren(readDer(subject), DER_TAG.SEQUENCE)
      .flatMap((relative) => readDerChildren(relative, DER_TAG.SET))
      .map((attribute) => readDerChildren(attribute, DER_TAG.SEQUENCE, 2))
      .filter(([type]) => readDerOid(type) === EMAIL_ATTRIBUTE)
      .map(([, value]) => ({ tag: GENERAL_NAME.EMAIL, contents: value?.contents ?? new Uint8Array(0) }));
  } catch {
    return [{ tag: GENERAL_NAME.EMAIL, contents: subject }];
  }
}

function judge(
  name: GeneralName,
  permitted: readonly GeneralName[],
  excluded: readonly GeneralName[],
): NameViolation | undefined {
  switch (name.tag) {
    case GENERAL_NAME.URI:
      return judgeHost(findHost(name), permitted, excluded, isUriHostWithin);
    case GENERAL_NAME.DNS: {
      const host = lowerText(name.contents);
      return judgeHost(DNS_NAME.test(host) ? host : undefined, permitted, excluded, isDnsNameWithin);
    }
    case GENERAL_NAME.DIRECTORY:
      // Bytes that are equal mean the same name; bytes that differ may do so too, so nothing is known to be outside.
      if (excluded.length > 0) {
        return 'unknown';
      }
      return permitted.some((base) => isDirectoryWithin(name, base)) ? undefined : 'not permitted';
    default:
      return 'unknown';
  }
}

function judgeHost(
  host: string | undefined,
  permitted: readonly GeneralName[],
  excluded: readonly GeneralName[],
  isWithin: (host: string, constraint: string, isExcluding: boolean) => boolean,
): NameViolation | undefined {
  if (host === undefined) {
    return 'unknown';
  }
  if (excluded.some((base) => isWithin(host, lowerText(base.contents), true))) {
    return 'excluded';
  }
  const isPermitted =
    permitted.length === 0 || permitted.some((base) => isWithin(host, lowerText(base.contents), false));
  return isPermitted ? undefined : 'not permitted';
}

/** The host of a URI, which must be a name: one without, or with an IP address, cannot be judged and must be rejected. */
function findHost(name: GeneralName): string | undefined {
  const host = URI_HOST.exec(lowerText(name.contents))?.[1];
  return host === undefined || isIP(host) !== 0 ? undefined : host;
}

/** A leading dot means "any host below", and no dot means exactly this host. Nothing is within an empty constraint, but all is excluded by one. */
function isUriHostWithin(host: string, constraint: string, isExcluding: boolean): boolean {
  if (constraint === '') {
    return isExcluding;
  }
  return constraint.startsWith('.')
    ? host.endsWith(constraint) && host.length > constraint.length
    : host === constraint;
}

/** A name and all below it. A leading dot is not in the standard: each reading of it that refuses more is taken. */
function isDnsNameWithin(host: string, constraint: string, isExcluding: boolean): boolean {
  const bare = constraint.startsWith('.') ? constraint.slice(1) : constraint;
  if (bare === '' || host.endsWith(`.${bare}`)) {
    return true;
  }
  if (host === bare) {
    return isExcluding || bare === constraint;
  }
  // A wildcard stands for names that may be excluded.
  return isExcluding && host.startsWith('*.') && bare.endsWith(host.slice(1));
}

/** The relative names of the constraint begin the name. */
function isDirectoryWithin(name: GeneralName, base: GeneralName): boolean {
  try {
    const prefix = expectTag(readDer(base.contents), DER_TAG.SEQUENCE).contents;
    const whole = expectTag(readDer(name.contents), DER_TAG.SEQUENCE).contents;
    if (Buffer.compare(prefix, whole.subarray(0, prefix.length)) !== 0) {
      return false;
    }
    // Both must be whole elements, so that the one does not end in the middle of an element of the other.
    readDerAll(prefix);
    readDerAll(whole);
    return true;
  } catch {
    return false;
  }
}

function lowerText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1').toLowerCase();
}
