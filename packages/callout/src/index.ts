export { startCallout } from './callout.ts';
export type { Callout, CalloutDependencies, CalloutStats } from './callout.ts';
export type { CalloutConfig, CalloutKeys } from './config.ts';
export { defaultRules } from './default-rules.ts';
export { CALLOUT_ERRORS, CalloutError } from './errors.ts';
export type { CalloutErrorCode } from './errors.ts';
export { MAX_USER_TTL_MS, parseRuleDocument } from './rule-document.ts';
export type { Rule, RuleDocument, RulePermissions } from './rule-document.ts';
