import { CalloutError } from './errors.ts';

/** What one side of a connection may do: subject patterns; an empty or absent `allow` allows nothing. */
export interface RulePermissions {
  /** Subject patterns; empty allows nothing. In `subscribe` a queue group may follow after a space. */
  readonly allow: readonly string[];
  /** Patterns that are taken out again. Default none. */
  readonly deny?: readonly string[];
}

/** One rule. Subjects may hold `{capture}`, `{inbox}` (the identity's reply prefix) and `{identity}` (its token). */
export interface Rule {
  /** Stands in the audit record. Unique in the document. */
  readonly name: string;
  /** A SPIFFE ID in which `{capture}` stands for one whole path segment. */
  readonly match: string;
  /** Name the connection must have; absent: any. The client chooses it, so it can only narrow what the rule grants. */
  readonly connection?: string;
  /** Account the client is put into; one of the document's `accounts`. */
  readonly account: string;
  /** Subjects it may publish to. */
  readonly publish: RulePermissions;
  /** Subjects it may subscribe to. */
  readonly subscribe: RulePermissions;
  /** Lets the client answer requests: so many messages per request, within so long. Absent: no answers. */
  readonly responses?: { readonly max: number; readonly ttlMs: number };
  /** Life of the connection, at most one hour. Default: the callout's `userTtlMs`. */
  readonly ttlMs?: number;
}

/** Who may connect, as data: the first rule that matches decides, no match means no. */
export interface RuleDocument {
  /** Of the form of the document. */
  readonly version: 1;
  /** Accounts that rules may name. Default `["HOSTS"]`; the system account only where it is listed here. */
  readonly accounts?: readonly string[];
  /** In the order in which they are tried; at most 1 000. */
  readonly rules: readonly Rule[];
}

/** No client stays longer than this on one decision. */
export const MAX_USER_TTL_MS = 3_600_000;
/** Account of the callout itself: no rule may put anybody there. */
export const CALLOUT_ACCOUNT = 'AUTH';

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const ACCOUNT = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;
const MAX_RULES = 1_000;

/**
 * Reads a rule document from JSON text or a decoded value. Unknown keys are errors, as is anything that is not exactly of
 * the documented form. Throws ERR_RULES_MALFORMED naming the place.
 */
export function parseRuleDocument(source: unknown): RuleDocument {
  const value = typeof source === 'string' ? decode(source) : source;
  const document = asObject('rule document', value, ['version', 'accounts', 'rules']);
  if (document['version'] !== 1) throw malformed('rule document', '"version" must be 1');
  const accounts =
    document['accounts'] === undefined ? undefined : asStrings('accounts', document['accounts']);
  for (const account of accounts ?? []) checkAccount(account);
  const allowed = new Set(accounts ?? ['HOSTS']);
  const { rules } = document;
  if (!Array.isArray(rules) || rules.length > MAX_RULES) {
    throw malformed('rule document', `"rules" must be a list of at most ${MAX_RULES}`);
  }
  const parsed = rules.map((rule, index) => parseRule(`rule ${index + 1}`, rule, allowed));
  if (new Set(parsed.map(({ name }) => name)).size !== parsed.length) {
    throw malformed('rule document', 'every rule must have a name of its own');
  }
  return { version: 1, ...(accounts === undefined ? {} : { accounts }), rules: parsed };
}

const RULE_KEYS = ['name', 'match', 'connection', 'account', 'publish', 'subscribe', 'responses', 'ttlMs'];

function parseRule(where: string, value: unknown, accounts: ReadonlySet<string>): Rule {
  const rule = asObject(where, value, RULE_KEYS);
  const name = asString(where, 'name', rule['name']);
  const account = asString(where, 'account', rule['account']);
  if (!NAME.test(name)) throw malformed(where, '"name" must be letters, digits, ".", "-" and "_"');
  if (!accounts.has(account))
    throw malformed(where, `"account" "${account}" is not one of the document's accounts`);
  const { connection, responses, ttlMs } = rule;
  return {
    name,
    match: asString(where, 'match', rule['match']),
    ...(connection === undefined ? {} : { connection: asString(where, 'connection', connection) }),
    account,
    publish: parsePermissions(`${where} publish`, rule['publish']),
    subscribe: parsePermissions(`${where} subscribe`, rule['subscribe']),
    ...(responses === undefined ? {} : { responses: parseResponses(`${where} responses`, responses) }),
    ...(ttlMs === undefined ? {} : { ttlMs: asInteger(where, 'ttlMs', ttlMs, 1_000, MAX_USER_TTL_MS) }),
  };
}

function parsePermissions(where: string, value: unknown): RulePermissions {
  const side = asObject(where, value, ['allow', 'deny']);
  const deny = side['deny'];
  return {
    allow: asStrings(`${where} allow`, side['allow']),
    ...(deny === undefined ? {} : { deny: asStrings(`${where} deny`, deny) }),
  };
}

function parseResponses(where: string, value: unknown): { max: number; ttlMs: number } {
  const responses = asObject(where, value, ['max', 'ttlMs']);
  return {
    max: asInteger(where, 'max', responses['max'], 1, 65_536),
    ttlMs: asInteger(where, 'ttlMs', responses['ttlMs'], 1, 600_000),
  };
}

function checkAccount(account: string): void {
  if (!ACCOUNT.test(account)) throw malformed('accounts', `"${account}" is not an account name`);
  if (account === CALLOUT_ACCOUNT) throw malformed('accounts', `"${account}" is the callout's own account`);
}

function decode(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CalloutError('ERR_RULES_MALFORMED', 'Cannot parse rule document: it is not JSON', { cause });
  }
}

function asObject(where: string, value: unknown, keys: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed(where, 'it must be an object');
  for (const key of Object.keys(value)) {
    if (!keys.includes(key)) throw malformed(where, `"${key}" is not a known key`);
  }
  return value as Readonly<Record<string, unknown>>;
}

function asString(where: string, key: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw malformed(where, `"${key}" must be a text that is not empty`);
}

function asStrings(where: string, value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw malformed(where, 'it must be a list of texts');
}

function asInteger(where: string, key: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw malformed(where, `"${key}" must be an integer from ${min} to ${max}`);
}

export function malformed(where: string, why: string): CalloutError {
  return new CalloutError('ERR_RULES_MALFORMED', `Cannot parse ${where}: ${why}`);
}
