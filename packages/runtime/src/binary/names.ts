import { ComponentError } from '../errors.ts';

const labelSource = '[a-zA-Z][0-9a-zA-Z]*(?:-[0-9a-zA-Z]+)*';
const labelPattern = new RegExp(`^${labelSource}$`);
const fragmentPattern = /^(?:[0-9a-z]+|[0-9A-Z]+)$/;
const plainPattern = new RegExp(
  `^(?:(${labelSource})|\\[constructor\\](${labelSource})|\\[(method|static)\\](${labelSource})\\.(${labelSource}))$`,
);
const wordsSource = '[a-z][0-9a-z]*(?:-[0-9a-z]+)*';
const interfacePattern = new RegExp(
  `^(${wordsSource}:${wordsSource}/(${labelSource}))(?:@([0-9A-Za-z.+-]+))?$`,
);
const semverPattern =
  /^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?$/;
const canonicalVersionPattern = /^(?:[1-9][0-9]*|0\.[1-9][0-9]*|0\.0\.[1-9][0-9]*|0\.0\.0)$/;

const maxNameLength = 1000;

export type ExternName =
  | { readonly kind: 'interface'; readonly base: string; readonly version: string | undefined }
  | { readonly kind: 'label' | 'constructor'; readonly label: string }
  | { readonly kind: 'method' | 'static'; readonly resource: string; readonly label: string };

function hasLabelWords(label: string): boolean {
  return label.split('-').every((fragment) => fragmentPattern.test(fragment));
}

/** Whether `text` is a kebab-case label (component model, "Import and export definitions"). */
export function isLabel(text: string): boolean {
  return text.length <= maxNameLength && labelPattern.test(text) && hasLabelWords(text);
}

/** Parses the name of an import or export; undefined where it is none. */
export function tryParseExternName(text: string): ExternName | undefined {
  if (text.length > maxNameLength) return undefined;
  const plain = plainPattern.exec(text);
  if (plain !== null) {
    const [, label, constructed, kind, resource, member] = plain;
    if (label !== undefined) return hasLabelWords(label) ? { kind: 'label', label } : undefined;
    if (constructed !== undefined) {
      return hasLabelWords(constructed) ? { kind: 'constructor', label: constructed } : undefined;
    }
    if (resource === undefined || member === undefined) return undefined;
    if (!hasLabelWords(resource) || !hasLabelWords(member)) return undefined;
    return { kind: kind === 'method' ? 'method' : 'static', resource, label: member };
  }
  const named = interfacePattern.exec(text);
  if (named === null) return undefined;
  const [, base, projection, version] = named;
  if (base === undefined || projection === undefined || !hasLabelWords(projection)) return undefined;
  if (version !== undefined && !semverPattern.test(version) && !canonicalVersionPattern.test(version)) {
    return undefined;
  }
  return { kind: 'interface', base, version };
}

export function parseExternName(text: string): ExternName {
  const name = tryParseExternName(text);
  if (name === undefined) {
    throw new ComponentError(
      'ERR_COMPONENT_MALFORMED',
      `Cannot read the component: ${JSON.stringify(text.slice(0, 80))} is not the name of an import or export.`,
    );
  }
  return name;
}

/** Names that may not stand beside each other have the same key ("Name uniqueness"). */
export function uniquenessKey(text: string): string {
  const name = tryParseExternName(text);
  if (name === undefined || name.kind === 'interface' || name.kind === 'label') return text.toLowerCase();
  if (!('resource' in name)) return `[constructor]${name.label.toLowerCase()}`;
  const resource = name.resource.toLowerCase();
  const label = name.label.toLowerCase();
  return resource === label ? label : `${resource}.${label}`;
}

/**
 * The part of a version that compatible versions share: `1` for 1.2.3, `0.2` for 0.2.12. A pre-release is
 * compatible with itself only.
 */
export function versionTrack(version: string): string {
  const match = semverPattern.exec(version);
  if (match === null) return version;
  const [, major, minor, patch, prerelease] = match;
  if (prerelease !== undefined) return version;
  if (major !== '0') return `${major}`;
  if (minor !== '0') return `0.${minor}`;
  return `0.0.${patch}`;
}

/** Orders two versions of one track; positive when `a` is the later. */
export function compareVersions(a: string, b: string): number {
  const left = a.split(/[.+-]/);
  const right = b.split(/[.+-]/);
  for (let index = 0; index < 3; index++) {
    const difference = Number(left[index] ?? 0) - Number(right[index] ?? 0);
    if (difference !== 0 && !Number.isNaN(difference)) return difference;
  }
  return 0;
}

/** `get-HTTP-headers` to `getHttpHeaders`. */
export function toCamelCase(label: string): string {
  const pascal = toPascalCase(label);
  return pascal.charAt(0).toLowerCase() + pascal.slice(1);
}

/** `incoming-request` to `IncomingRequest`. */
export function toPascalCase(label: string): string {
  return label
    .split('-')
    .map((fragment) => fragment.charAt(0).toUpperCase() + fragment.slice(1).toLowerCase())
    .join('');
}
