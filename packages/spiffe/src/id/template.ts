import { SpiffeError } from '../errors.ts';
import { quote } from '../internal/quote.ts';
import { checkPath, checkSegment, joinSegments } from './path.ts';
import { SpiffeId } from './spiffe-id.ts';
import { checkText } from './text.ts';
import type { TrustDomain } from './trust-domain.ts';

const NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

/** The names in the braces of a template, where its text is known to the compiler. */
export type TemplateNames<T extends string> = string extends T
  ? string
  : T extends `${string}{${infer Name}}${infer Rest}`
    ? Name | TemplateNames<Rest>
    : never;

/** What stood where: one whole segment per name. Has no prototype. */
export type TemplateCaptures<N extends string = string> = Readonly<Record<N, string>>;

/** For some names, the only values they may have. */
export type TemplateConstraints<N extends string = string> = {
  readonly [K in N]?: string | readonly string[];
};

type Part =
  | { readonly text: string }
  | { readonly name: string; readonly allowed: ReadonlySet<string> | undefined };

/**
 * A form of SPIFFE IDs, such as `spiffe://example.org/ns/{namespace}/sa/{account}`: a trust domain, and segments that are
 * fixed or captured. A capture is exactly one whole segment. Immutable.
 */
export class SpiffeIdTemplate<N extends string = string> {
  readonly trustDomain: TrustDomain;
  /** The names of the captures, in their order. */
  readonly names: readonly N[];
  readonly #text: string;
  readonly #parts: readonly Part[];

  private constructor(text: string, trustDomain: TrustDomain, parts: readonly Part[]) {
    this.#text = text;
    this.#parts = parts;
    this.trustDomain = trustDomain;
    this.names = Object.freeze(parts.flatMap((part) => ('name' in part ? [part.name as N] : [])));
    Object.freeze(this);
  }

  /**
   * Reads a template once, at start. Names are letters, digits and `_`, each used once; the trust domain cannot be captured.
   * `constraints` fixes some of them to a value or to a list. Throws SpiffeError `ERR_ID_TEMPLATE` with what is wrong.
   */
  static parse<const T extends string>(
    text: T,
    constraints?: TemplateConstraints<TemplateNames<T>>,
  ): SpiffeIdTemplate<TemplateNames<T>> {
    checkText(text);
    const pathStart = text.indexOf('/', 'spiffe://'.length);
    const [prefix, ...segments] =
      pathStart === -1 ? [text] : [text.slice(0, pathStart), ...text.slice(pathStart + 1).split('/')];
    const allowed = readConstraints(text, constraints ?? {});
    const names = new Set<string>();
    const parts = segments.map((segment): Part => {
      if (!segment.includes('{') && !segment.includes('}')) {
        return attempt(text, () => {
          checkSegment(segment);
          return { text: segment };
        });
      }
      const name = segment.slice(1, -1);
      if (segment !== `{${name}}` || !NAME.test(name)) {
        throw fault(text, `${quote(segment)} must be a whole segment "{name}" of letters, digits and "_"`);
      }
      if (names.has(name)) {
        throw fault(text, `the name "${name}" must be there only once`);
      }
      names.add(name);
      return { name, allowed: allowed.get(name) };
    });
    const unknown = [...allowed.keys()].find((name) => !names.has(name));
    if (unknown !== undefined) {
      throw fault(text, `there is no ${quote(unknown)} in it to constrain`);
    }
    const { trustDomain } = attempt(text, () => {
      // The shortest ID that it can make, so that it can make one at all.
      return SpiffeId.parse(prefix + parts.map((part) => ('text' in part ? `/${part.text}` : '/x')).join(''));
    });
    return new SpiffeIdTemplate(text, trustDomain, parts);
  }

  /** The captures of an ID that has this form, or undefined. Takes time in proportion to the ID. */
  match(id: SpiffeId): TemplateCaptures<N> | undefined {
    if (!SpiffeId.isSpiffeId(id) || !id.isMemberOf(this.trustDomain)) {
      return undefined;
    }
    const segments = id.path.split('/').slice(1);
    if (segments.length !== this.#parts.length) {
      return undefined;
    }
    const captures = Object.create(null) as Record<string, string>;
    const isMatch = this.#parts.every((part, index) => {
      const segment = segments[index]!;
      if ('text' in part) {
        return part.text === segment;
      }
      captures[part.name] = segment;
      return part.allowed?.has(segment) ?? true;
    });
    return isMatch ? Object.freeze(captures) : undefined;
  }

  /**
   * Builds the ID with these values, each of which must be one segment within its constraint. Throws SpiffeError
   * `ERR_ID_PATH_...` for what no segment may be, and `ERR_ID_TEMPLATE` where a value is missing, unknown or not allowed.
   */
  build(values: TemplateCaptures<N>): SpiffeId {
    const given = values as Readonly<Record<string, string>>;
    const unknown = Object.keys(given).find((name) => !(this.names as readonly string[]).includes(name));
    if (unknown !== undefined) {
      throw fault(this.#text, `there is no ${quote(unknown)} in it`);
    }
    const segments = this.#parts.map((part) => {
      if ('text' in part) {
        return part.text;
      }
      const value = Object.hasOwn(given, part.name) ? given[part.name] : undefined;
      if (value === undefined) {
        throw fault(this.#text, `the value for "${part.name}" is missing`);
      }
      checkSegment(value);
      if (part.allowed?.has(value) === false) {
        throw fault(this.#text, `"${part.name}" must not be ${quote(value)}`);
      }
      return value;
    });
    return SpiffeId.fromPath(this.trustDomain, joinSegments(segments));
  }

  toString(): string {
    return this.#text;
  }

  toJSON(): string {
    return this.#text;
  }
}

function readConstraints(text: string, constraints: object): Map<string, ReadonlySet<string>> {
  return new Map(
    Object.entries(constraints as Readonly<Record<string, string | readonly string[] | undefined>>).map(
      ([name, value]) => {
        if (value === undefined) {
          // Most likely of the environment, where it is not set. Without the constraint all would pass.
          throw fault(text, `the constraint of ${quote(name)} must not be undefined`);
        }
        const values = typeof value === 'string' ? [value] : value;
        attempt(text, () => {
          for (const each of values) {
            checkSegment(each);
          }
        });
        if (values.length === 0) {
          throw fault(text, `the constraint of ${quote(name)} must allow a value`);
        }
        return [name, new Set(values)];
      },
    ),
  );
}

function attempt<R>(text: string, run: () => R): R {
  try {
    return run();
  } catch (error) {
    throw fault(text, error instanceof Error ? error.message : 'it is malformed', error);
  }
}

function fault(text: string, reason: string, cause?: unknown): SpiffeError {
  return new SpiffeError('ERR_ID_TEMPLATE', `Cannot use SPIFFE ID template ${quote(text)}: ${reason}`, {
    cause,
  });
}

/** Checks a path prefix of whole segments; one slash at its end is allowed. Throws SpiffeError `ERR_ID_TEMPLATE`. */
export function parsePathPrefix(prefix: string): string {
  checkText(prefix);
  const bare = prefix.endsWith('/') ? prefix.slice(0, -1) : prefix;
  if (bare === '') {
    throw fault(
      prefix,
      'a path prefix must have a segment; for all of a trust domain there is matchMemberOf',
    );
  }
  attempt(prefix, () => {
    checkPath(bare);
  });
  return `${bare}/`;
}
