import type { Selector } from '../entries/registration-entry.ts';
import type { AccountNames } from './account-names.ts';
import type { Executable } from './executable.ts';
import type { ProcessFacts } from './process-facts.ts';

/** The selectors of SPIRE's `unix` attestor, spelled as there. */
export function unixSelectors(
  facts: ProcessFacts,
  names: AccountNames,
  executable: Executable | undefined,
): readonly Selector[] {
  const values = [`uid:${facts.uid}`, `gid:${facts.gid}`];
  const add = (kind: string, value: string | undefined): void => {
    if (value !== undefined) values.push(`${kind}:${value}`);
  };
  add('user', names.user(facts.uid));
  add('group', names.group(facts.gid));
  for (const gid of facts.groups) {
    add('supplementary_gid', String(gid));
    add('supplementary_group', names.group(gid));
  }
  add('path', executable?.path);
  add('sha256', executable?.sha256);
  return [...new Set(values)].map((value) => ({ type: 'unix', value }));
}

/** What the authority knows about a caller by itself. */
export interface Kinship {
  readonly isSelf: boolean;
  /** Undefined when it could not be told; then the caller counts as neither. */
  readonly isDescendant: boolean | undefined;
  readonly childNames: readonly string[];
}

/** The selectors of type `muster`: how the caller is related to the authority's own process. */
export function kinshipSelectors(kinship: Kinship): readonly Selector[] {
  const values = kinship.childNames.map((name) => `child:${name}`);
  if (kinship.isSelf) values.push('self');
  if (!kinship.isSelf && kinship.isDescendant === false && kinship.childNames.length === 0)
    values.push('external');
  return values.map((value) => ({ type: 'muster', value }));
}
