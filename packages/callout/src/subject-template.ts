import { encodeToken } from '@muster/lattice';
import { malformed } from './rule-document.ts';

/** Values for the variables of a template, each already one subject token or a prefix made of tokens. */
export type Variables = ReadonlyMap<string, string>;

const VARIABLE = /\{([a-z][A-Za-z0-9]*)\}/g;
/** A token without variables; `$` begins the server's own subjects. */
const LITERAL = /^[$A-Za-z0-9_:@/=+-]+$/;
const QUEUE = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

/**
 * A subject pattern with variables, compiled once. What is substituted is one token of letters, digits, `-` and `_`, so it
 * can never add a token or a wildcard; at most one variable stands in a token, so different values give different subjects.
 */
export interface SubjectTemplate {
  expand(variables: Variables): string;
}

/** Throws ERR_RULES_MALFORMED for a bad pattern or a variable that is not in `known`. */
export function compileSubject(
  where: string,
  pattern: string,
  known: ReadonlySet<string>,
  options: { hasQueue: boolean },
): SubjectTemplate {
  const [subject = '', queue, ...rest] = pattern.split(' ');
  if (rest.length > 0 || (queue !== undefined && (!options.hasQueue || !QUEUE.test(queue)))) {
    throw malformed(
      where,
      `"${pattern}" is not a subject${options.hasQueue ? ' with or without a queue group' : ''}`,
    );
  }
  const tokens = subject.split('.');
  for (const [index, token] of tokens.entries()) {
    const isWildcard = token === '*' || (token === '>' && index === tokens.length - 1);
    if (!isWildcard) checkToken(where, pattern, token, known);
  }
  const parts = pattern.split(VARIABLE);
  if (parts.length === 1) return { expand: () => pattern };
  return {
    expand: (variables) => {
      let text = '';
      for (const [index, part] of parts.entries()) text += index % 2 === 0 ? part : required(variables, part);
      return text;
    },
  };
}

/** A captured path segment as the token that stands for it. */
export function captureToken(segment: string): string {
  return encodeToken(segment);
}

function checkToken(where: string, pattern: string, token: string, known: ReadonlySet<string>): void {
  const variables = [...token.matchAll(VARIABLE)].map((match) => match[1] ?? '');
  const unknown = variables.find((name) => !known.has(name));
  if (unknown !== undefined)
    throw malformed(where, `"{${unknown}}" in "${pattern}" is not captured by "match"`);
  const isInjective = variables.length <= 1;
  if (!isInjective || !LITERAL.test(token.replaceAll(VARIABLE, 'x'))) {
    throw malformed(where, `"${pattern}" is not a subject`);
  }
}

function required(variables: Variables, name: string): string {
  const value = variables.get(name);
  if (value === undefined) throw malformed('rule', `"{${name}}" has no value`);
  return value;
}
