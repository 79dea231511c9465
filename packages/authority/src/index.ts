export { startAuthority } from './authority.ts';
export type { Authority, AuthorityDependencies, AuthorityEntries, AuthorityHealth } from './authority.ts';
export type { AuthorityConfig } from './config.ts';
export type {
  AdditionalAttributes,
  RegistrationEntry,
  Selector,
  StoredEntry,
} from './entries/registration-entry.ts';
export { AUTHORITY_ERRORS, AuthorityError } from './errors.ts';
export type { AuthorityErrorCode } from './errors.ts';
