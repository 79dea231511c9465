// Reads the declaration files that tsc writes: regular enough that a scanner of brackets, texts and comments does.

/** A declaration, or a member of one. */
export interface Declaration {
  readonly kind: 'class' | 'interface' | 'type' | 'function' | 'const';
  readonly name: string;
  readonly isExported: boolean;
  /** The comment before it as running text, empty without one. */
  readonly comment: string;
  /** The code without its own comment; comments of members stay. */
  readonly code: string;
  readonly members: readonly Member[];
}

export interface Member {
  /** Empty for a constructor, a call or an index. */
  readonly name: string;
  readonly comment: string;
  readonly code: string;
}

/** A name that a module passes on, and the module that has it. */
export interface Reexport {
  readonly name: string;
  readonly from: string;
}

const head =
  /^(export )?(?:declare )?(?:abstract )?(class|interface|type|function|const)\s+([A-Za-z_$][\w$]*)/;

/** The declarations of a file in order. Overloads of a function are one declaration. */
export function readDeclarations(text: string): Declaration[] {
  const found: Declaration[] = [];
  for (const { comment, code } of statementsOf(text)) {
    const match = head.exec(code);
    if (match === null) continue;
    const [, exported, kind = '', name = ''] = match;
    const before = found.at(-1);
    if (kind === 'function' && before?.kind === 'function' && before.name === name) {
      found[found.length - 1] = {
        ...before,
        comment: before.comment === '' ? comment : before.comment,
        code: `${before.code}\n${code}`,
      };
      continue;
    }
    found.push({
      kind: kind as Declaration['kind'],
      name,
      isExported: exported !== undefined,
      comment,
      code,
      members: kind === 'function' ? [] : membersOf(code),
    });
  }
  return found;
}

/** What a file passes on from others by name. */
export function readReexports(text: string): Reexport[] {
  return [...text.matchAll(/^export (?:type )?\{([^}]*)\} from ['"]([^'"]+)['"]/gm)].flatMap((match) =>
    (match[1] ?? '')
      .split(',')
      .map((part) =>
        part
          .trim()
          .replace(/^type /, '')
          .replace(/^.* as /, ''),
      )
      .filter((name) => name !== '')
      .map((name) => ({ name, from: match[2] ?? '' })),
  );
}

function membersOf(code: string): Member[] {
  const open = bodyOf(code);
  if (open === -1) return [];
  const body = code.slice(open + 1, endOfBrackets(code, open) - 1);
  return statementsOf(body)
    .filter(({ code: member }) => member !== '')
    .map(({ comment, code: member }) => ({
      comment,
      code: member,
      name:
        /^(?:(?:static|readonly|protected|private|abstract|get|set) )*([A-Za-z_$][\w$]*|\[[^\]]+\])/.exec(
          member,
        )?.[1] ?? '',
    }));
}

/** Where the braces of the members begin: not those of a type parameter or of a parameter. */
function bodyOf(code: string): number {
  for (let at = 0; at < code.length;) {
    const character = code[at] ?? '';
    if (character === '{' && isOutsideOfTypeParameters(code.slice(0, at))) return at;
    at = /[{([]/.test(character) ? endOfBrackets(code, at) : at + 1;
  }
  return -1;
}

function isOutsideOfTypeParameters(text: string): boolean {
  const marks = [...text.replaceAll('=>', '').matchAll(/[<>]/g)];
  return marks.reduce((depth, [mark]) => depth + (mark === '<' ? 1 : -1), 0) === 0;
}

export interface Statement {
  readonly comment: string;
  readonly code: string;
  /** All of it as it stands, comment included. */
  readonly text: string;
}

const isBodied = /^(?:export )?(?:declare )?(?:abstract )?(?:class|interface)\b/;

/** Cuts at each `;` and after each body of a class or an interface that is not inside of brackets. */
export function statementsOf(text: string): Statement[] {
  const statements: Statement[] = [];
  let comment = '';
  let commentStart: number | undefined;
  let start: number | undefined;
  const end = (at: number): void => {
    const code = text.slice(start, at).replace(/;$/, '').trim();
    if (code !== '') statements.push({ comment, code, text: text.slice(commentStart ?? start, at) });
    comment = '';
    commentStart = undefined;
    start = undefined;
  };
  for (let at = 0; at < text.length;) {
    const rest = text.slice(at, at + 2);
    if (rest === '/*' || rest === '//') {
      const stop = endOfComment(text, at);
      if (start === undefined && text.startsWith('/**', at)) {
        comment = proseOf(text.slice(at, stop));
        commentStart = at;
      }
      at = stop;
      continue;
    }
    const character = text[at] ?? '';
    if (/\s/.test(character)) {
      at += 1;
      continue;
    }
    start ??= at;
    if (/['"`]/.test(character)) at = endOfText(text, at);
    else if (/[{([]/.test(character)) {
      const head = text.slice(start, at);
      at = endOfBrackets(text, at);
      if (character === '{' && isBodied.test(head) && isOutsideOfTypeParameters(head)) end(at);
    } else {
      at += 1;
      if (character === ';') end(at);
    }
  }
  if (start !== undefined) end(text.length);
  return statements;
}

function endOfComment(text: string, at: number): number {
  const isBlock = text[at + 1] === '*';
  const stop = text.indexOf(isBlock ? '*/' : '\n', at + 2);
  return stop === -1 ? text.length : stop + (isBlock ? 2 : 1);
}

function endOfText(text: string, at: number): number {
  const quote = text[at];
  for (let next = at + 1; next < text.length; next += 1) {
    if (text[next] === '\\') next += 1;
    else if (text[next] === quote) return next + 1;
  }
  return text.length;
}

/** The place behind the bracket that closes the one at `at`. */
function endOfBrackets(text: string, at: number): number {
  let depth = 0;
  for (let next = at; next < text.length;) {
    const character = text[next] ?? '';
    if (text.startsWith('/*', next) || text.startsWith('//', next)) {
      next = endOfComment(text, next);
      continue;
    }
    if (/['"`]/.test(character)) {
      next = endOfText(text, next);
      continue;
    }
    if (/[{([]/.test(character)) depth += 1;
    if (/[})\]]/.test(character)) depth -= 1;
    next += 1;
    if (depth === 0) return next;
  }
  return text.length;
}

/** The text of a JSDoc comment without its stars, as one paragraph per block of lines. */
function proseOf(comment: string): string {
  return comment
    .replace(/^\/\*\*/, '')
    .replace(/\*\/$/, '')
    .split('\n')
    .map((line) => line.replace(/^\s*\*? ?/, '').trimEnd())
    .join('\n')
    .trim()
    .replaceAll(/\{@link ([^}]+)\}/g, '`$1`')
    .replaceAll(/(?<!\n)\n(?!\n|[-*] )/g, ' ');
}
