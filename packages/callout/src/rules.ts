import { identityToken, inboxPrefix } from '@muster/lattice';
import { SpiffeId } from '@muster/spiffe';
import { malformed, parseRuleDocument } from './rule-document.ts';
import type { Rule, RuleDocument, RulePermissions } from './rule-document.ts';
import { captureToken, compileSubject } from './subject-template.ts';
import type { SubjectTemplate, Variables } from './subject-template.ts';

/** What a rule grants one identity, ready to be written into a user JWT. */
export interface Grant {
  readonly rule: string;
  readonly account: string;
  /** JSON text of the permissions: members `pub`, `sub` and perhaps `resp`, without the braces around them. */
  readonly permissionsJson: string;
  readonly ttlMs: number | undefined;
}

/** Finds the first rule for a SPIFFE ID and connection name; undefined: nobody lets it in. */
export type RuleMatcher = (spiffeId: string, connection: string) => Grant | undefined;

type Segment = { readonly literal: string } | { readonly capture: string };

const CAPTURE = /^\{([a-z][A-Za-z0-9]*)\}$/;
/** Names that subjects may use beside the captures of `match`. */
const BUILT_IN = ['inbox', 'identity'];

/** Checks and compiles a document. Throws ERR_RULES_MALFORMED. */
export function compileRules(document: RuleDocument): RuleMatcher {
  const rules = parseRuleDocument(document).rules.map(compileRule);
  return (spiffeId, connection) => {
    for (const rule of rules) {
      const grant = rule(spiffeId, connection);
      if (grant !== undefined) return grant;
    }
    return undefined;
  };
}

function compileRule(rule: Rule): RuleMatcher {
  const where = `rule "${rule.name}"`;
  const segments = parseMatch(where, rule.match);
  const captures = segments.flatMap((segment) => ('capture' in segment ? [segment.capture] : []));
  const known = new Set([...captures, ...BUILT_IN]);
  if (known.size !== captures.length + BUILT_IN.length)
    throw malformed(where, 'a capture is named twice or is built in');
  const publish = compileSide(`${where} publish`, rule.publish, known, { hasQueue: false });
  const subscribe = compileSide(`${where} subscribe`, rule.subscribe, known, { hasQueue: true });
  const { responses } = rule;
  // Response permissions are in nanoseconds.
  const resp =
    responses === undefined ? '' : `,"resp":{"max":${responses.max},"ttl":${responses.ttlMs * 1_000_000}}`;
  return (spiffeId, connection) => {
    if (rule.connection !== undefined && rule.connection !== connection) return undefined;
    const variables = matchId(segments, spiffeId);
    if (variables === undefined) return undefined;
    return {
      rule: rule.name,
      account: rule.account,
      permissionsJson: `"pub":${publish(variables)},"sub":${subscribe(variables)}${resp}`,
      ttlMs: rule.ttlMs,
    };
  };
}

/** An absent side would mean "everything" to the server, so each side is always written. */
function compileSide(
  where: string,
  side: RulePermissions,
  known: ReadonlySet<string>,
  options: { hasQueue: boolean },
): (variables: Variables) => string {
  const compile = (patterns: readonly string[]): readonly SubjectTemplate[] =>
    patterns.map((pattern) => compileSubject(where, pattern, known, options));
  const allow = compile(side.allow);
  const deny = compile(allow.length === 0 ? ['>'] : (side.deny ?? []));
  const list = (templates: readonly SubjectTemplate[], variables: Variables): string =>
    JSON.stringify(templates.map((template) => template.expand(variables)));
  return (variables) => {
    const allowed = allow.length === 0 ? '' : `"allow":${list(allow, variables)}`;
    const denied = deny.length === 0 ? '' : `"deny":${list(deny, variables)}`;
    return `{${allowed}${allowed !== '' && denied !== '' ? ',' : ''}${denied}}`;
  };
}

function parseMatch(where: string, match: string): readonly Segment[] {
  const texts = match.split('/');
  const segments = texts.map((text): Segment => {
    const capture = CAPTURE.exec(text)?.[1];
    return capture === undefined ? { literal: text } : { capture };
  });
  try {
    // With plain text in place of captures it must be a SPIFFE ID; captures stand in the path only.
    const sample = SpiffeId.parse(segments.map((part) => ('capture' in part ? 'x' : part.literal)).join('/'));
    if (sample.path === '' || segments.slice(0, 3).some((segment) => 'capture' in segment))
      throw new Error('no path');
  } catch {
    throw malformed(where, `"match" "${match}" is not a SPIFFE ID with {captures} as whole path segments`);
  }
  return segments;
}

function matchId(segments: readonly Segment[], spiffeId: string): Variables | undefined {
  const parts = spiffeId.split('/');
  if (parts.length !== segments.length) return undefined;
  const variables = new Map<string, string>();
  for (const [index, segment] of segments.entries()) {
    const part = parts[index] ?? '';
    if ('literal' in segment) {
      if (segment.literal !== part) return undefined;
    } else {
      variables.set(segment.capture, captureToken(part));
    }
  }
  variables.set('inbox', inboxPrefix(spiffeId));
  variables.set('identity', identityToken(spiffeId));
  return variables;
}
