import { isSpiffeError, SpiffeError } from '../errors.ts';
import { quote } from '../internal/quote.ts';
import { SpiffeId } from './spiffe-id.ts';
import { parsePathPrefix, SpiffeIdTemplate } from './template.ts';
import type { TemplateCaptures, TemplateConstraints, TemplateNames } from './template.ts';
import { TrustDomain } from './trust-domain.ts';

/** Lets a verified SPIFFE ID pass by returning, or throws SpiffeError `ERR_ID_NOT_AUTHORIZED`. Synchronous and without side effects; no predicate: to return true or false is a fault. */
export type SpiffeIdMatcher = (id: SpiffeId) => void;

/** Lets every SPIFFE ID pass. The bundle source then decides alone who is trusted. Never throws. */
export function matchAny(): SpiffeIdMatcher {
  return () => {};
}

/** Lets exactly one SPIFFE ID pass. Throws SpiffeError `ERR_ID_MATCHER` for what is no SPIFFE ID. */
export function matchId(allowed: SpiffeId): SpiffeIdMatcher {
  checkSpiffeId(allowed);
  return (id) => {
    if (!allowed.equals(id)) {
      throw notAuthorized(id, `expected "${allowed.toString()}"`);
    }
  };
}

/** Lets any of the listed SPIFFE IDs pass; an empty list lets none pass. Throws SpiffeError `ERR_ID_MATCHER` for what is no SPIFFE ID. */
export function matchOneOf(allowed: readonly SpiffeId[]): SpiffeIdMatcher {
  for (const each of allowed) {
    checkSpiffeId(each);
  }
  const texts = new Set(allowed.map(String));
  return (id) => {
    if (!SpiffeId.isSpiffeId(id) || !texts.has(id.toString())) {
      throw notAuthorized(id, `expected one of ${texts.size} IDs`);
    }
  };
}

/** Lets every SPIFFE ID of one trust domain pass. Throws SpiffeError `ERR_ID_MATCHER` for what is no trust domain. */
export function matchMemberOf(trustDomain: TrustDomain): SpiffeIdMatcher {
  checkTrustDomain(trustDomain);
  return (id) => {
    if (!SpiffeId.isSpiffeId(id) || !id.isMemberOf(trustDomain)) {
      throw notAuthorized(id, `expected a member of trust domain "${trustDomain.name}"`);
    }
  };
}

/**
 * Lets IDs of one trust domain pass whose path begins with whole segments, such as `/nats`: `/nats/a` passes, `/nats` and
 * `/nats-evil/a` do not. Throws SpiffeError `ERR_ID_TEMPLATE` for a prefix that no path can begin with.
 */
export function matchPathPrefix(trustDomain: TrustDomain, prefix: string): SpiffeIdMatcher {
  checkTrustDomain(trustDomain);
  const withSlash = parsePathPrefix(prefix);
  return (id) => {
    if (!SpiffeId.isSpiffeId(id) || !id.isMemberOf(trustDomain) || !id.path.startsWith(withSlash)) {
      throw notAuthorized(id, `expected an ID under "${trustDomain.id}${withSlash}"`);
    }
  };
}

/** A matcher that also returns what the names of its template stand for. */
export type SpiffeIdTemplateMatcher<N extends string = string> = (id: SpiffeId) => TemplateCaptures<N>;

/**
 * Lets IDs of one form pass, such as `spiffe://example.org/ns/{namespace}/sa/{account}`, and returns the captures; see
 * {@link SpiffeIdTemplate}. `constraints` fixes names to a value or to a list. Throws SpiffeError `ERR_ID_TEMPLATE` at once
 * for a template that cannot be meant.
 */
export function matchTemplate<const T extends string>(
  template: T,
  constraints?: TemplateConstraints<TemplateNames<T>>,
): SpiffeIdTemplateMatcher<TemplateNames<T>>;
export function matchTemplate<N extends string>(template: SpiffeIdTemplate<N>): SpiffeIdTemplateMatcher<N>;
export function matchTemplate(
  template: string | SpiffeIdTemplate,
  constraints?: TemplateConstraints,
): SpiffeIdTemplateMatcher {
  if (template instanceof SpiffeIdTemplate && constraints !== undefined) {
    throw new SpiffeError(
      'ERR_ID_TEMPLATE',
      'Cannot make a matcher: a template that was parsed must have its constraints already',
    );
  }
  const parsed =
    template instanceof SpiffeIdTemplate ? template : SpiffeIdTemplate.parse(template, constraints);
  return (id) => {
    const captures = parsed.match(id);
    if (captures === undefined) {
      throw notAuthorized(id, `expected the form ${quote(parsed.toString())}`);
    }
    return captures;
  };
}

/** Lets an ID pass that every one of the matchers lets pass. Without any it lets none pass. Never throws. */
export function matchEvery(...matchers: readonly SpiffeIdMatcher[]): SpiffeIdMatcher {
  return (id) => {
    if (matchers.length === 0) {
      throw notAuthorized(id, 'expected a matcher in matchEvery');
    }
    for (const matcher of matchers) {
      authorize(matcher, id);
    }
  };
}

/** Lets an ID pass that at least one of the matchers lets pass. An error other than a refusal is not held for one: the matcher throws it on. Never throws by itself. */
export function matchSome(...matchers: readonly SpiffeIdMatcher[]): SpiffeIdMatcher {
  return (id) => {
    if (!matchers.some((matcher) => isAuthorized(matcher, id))) {
      throw notAuthorized(id, `expected one of ${matchers.length} matchers to let it pass`);
    }
  };
}

/** Lets an ID pass that the matcher refuses, for exceptions from a wider rule. An error other than a refusal is not held for one: the matcher throws it on. Never throws by itself. */
export function matchNot(matcher: SpiffeIdMatcher): SpiffeIdMatcher {
  return (id) => {
    if (!SpiffeId.isSpiffeId(id) || isAuthorized(matcher, id)) {
      throw notAuthorized(id, 'expected it not to match');
    }
  };
}

/**
 * Asks a matcher. One that returns a promise has decided nothing yet, so it is refused: nobody would wait for it, and the
 * refusal in it would come too late. One that returns a boolean, null or an error takes itself for a predicate, whose
 * refusals nobody would see. Throws what the matcher throws, or SpiffeError `ERR_ID_MATCHER`.
 */
export function authorize(matcher: SpiffeIdMatcher, id: SpiffeId): void {
  const answer: unknown = matcher(id);
  if (
    answer !== null &&
    typeof answer === 'object' &&
    'then' in answer &&
    typeof answer.then === 'function'
  ) {
    // Its rejection is not to end the process.
    Promise.resolve(answer as PromiseLike<unknown>).then(undefined, () => {});
    throw new SpiffeError(
      'ERR_ID_MATCHER',
      'Cannot authorize SPIFFE ID: the matcher must not be asynchronous',
    );
  }
  if (typeof answer === 'boolean' || answer === null || answer instanceof Error) {
    throw new SpiffeError(
      'ERR_ID_MATCHER',
      'Cannot authorize SPIFFE ID: the matcher must throw in order to refuse, and not return its verdict',
    );
  }
}

function isAuthorized(matcher: SpiffeIdMatcher, id: SpiffeId): boolean {
  try {
    authorize(matcher, id);
    return true;
  } catch (error) {
    if (isSpiffeError(error) && error.code === 'ERR_ID_NOT_AUTHORIZED') {
      return false;
    }
    throw error;
  }
}

function checkSpiffeId(id: unknown): void {
  if (!SpiffeId.isSpiffeId(id)) {
    throw new SpiffeError(
      'ERR_ID_MATCHER',
      'Cannot make a matcher: it must be given what SpiffeId.parse returned',
    );
  }
}

function checkTrustDomain(trustDomain: unknown): void {
  if (!TrustDomain.isTrustDomain(trustDomain)) {
    throw new SpiffeError(
      'ERR_ID_MATCHER',
      'Cannot make a matcher: it must be given what TrustDomain.parse returned',
    );
  }
}

function notAuthorized(id: unknown, wanted: string): SpiffeError {
  const text = SpiffeId.isSpiffeId(id) ? `"${id.toString()}"` : 'that is none';
  return new SpiffeError('ERR_ID_NOT_AUTHORIZED', `SPIFFE ID ${text} is not authorized: ${wanted}`);
}
