// What the comments of exported symbols must say, so that nobody has to read the code to use it.
import type { Member } from './api-declarations.ts';
import type { ExportedSymbol, PackageApi } from './api-page.ts';
import type { Problem } from './source.ts';

/** Seconds where a foreign protocol has them, and then it says so. */
const saysInstant = /\bms\b|\bseconds since\b/i;
/** A code, or the function that throws the same; "Throws SpiffeError." helps nobody. */
const saysErrors =
  /\bERR_[A-Z]|never throws|\b(?:throws?|rejects) (?:as|what|with)\b|\bwhat .{1,60} throws?\b|code names the rule/i;
const saysDefault = /\bdefault/i;

/** Names whose meaning is that of the language or of the whole package. */
const plain = new Set([
  'compare',
  'equals',
  'toString',
  'toJSON',
  'close',
  '[Symbol.asyncDispose]',
  '[Symbol.dispose]',
  '[Symbol.iterator]',
]);

/** Exported symbols of a package whose comments leave out something that their users need. */
export function commentProblems({ folder, symbols }: Pick<PackageApi, 'folder' | 'symbols'>): Problem[] {
  return symbols.flatMap((symbol) => {
    const path = `packages/${folder}/src/${symbol.module}.ts`;
    return symbolProblems(symbol).map((message) => ({ path, message }));
  });
}

function symbolProblems(symbol: ExportedSymbol): string[] {
  const { kind, name, comment, code, members } = symbol;
  const problems: string[] = [];
  if (comment === '') problems.push(`${name} has no comment`);
  if (kind === 'function' && !saysErrors.test(comment)) {
    problems.push(`${name} does not say what it throws (or "Never throws.")`);
  }
  // A sentence about the errors of all methods may stand at the top.
  if ((kind === 'class' || kind === 'interface') && !saysErrors.test(comment)) {
    for (const member of members) {
      if (canFail(member) && !saysErrors.test(member.comment)) {
        problems.push(`${name}.${member.name} does not say what it throws (or "Never throws.")`);
      }
    }
  }
  if (kind === 'interface' || (kind === 'type' && /=\s*\{/.test(code))) {
    for (const member of members) problems.push(...memberProblems(symbol, member));
  }
  return problems;
}

/** Factories and asynchronous methods: what else a value does is simple, or is said where it is not. */
function canFail({ name, code }: Member): boolean {
  if (plain.has(name) || /^(?:is|has)[A-Z]/.test(name) || /^(?:private|protected)\b/.test(code)) return false;
  return /^static [\w$]+[<(]/.test(code) || /\): (?:Promise|AsyncIterable)</.test(code);
}

function memberProblems({ name: owner, comment: above }: ExportedSymbol, member: Member): string[] {
  const { name, comment, code } = member;
  const said = `${comment} ${new RegExp(`\`${name}\``).test(above) ? above : ''}`;
  const problems: string[] = [];
  const isOption = owner.endsWith('Options');
  if (isOption && said.trim() === '') problems.push(`${owner}.${name} has no comment`);
  if (name.endsWith('Ms') && !/\bms\b/.test(said) && !/\bms\b/.test(above)) {
    problems.push(`${owner}.${name} does not say that it is in ms`);
  }
  if (name.endsWith('At') && !saysInstant.test(said) && !saysInstant.test(above)) {
    problems.push(`${owner}.${name} does not say that it is in ms since the epoch`);
  }
  const isAmount = /^(?:readonly )?[\w$]+\?: [^;]*\b(?:number|boolean)\b/.test(code) && !code.includes('=>');
  if (isOption && isAmount && !saysDefault.test(said)) {
    problems.push(`${owner}.${name} does not say its default`);
  }
  return problems;
}

/** Types in the signatures of exported symbols that nobody can name, since no entry point exports them. */
export function hiddenTypeProblems({ folder, symbols, declarations }: PackageApi): Problem[] {
  const exported = new Set(symbols.map(({ name }) => name));
  const ownTypes = new Map<string, string>();
  for (const [path, text] of declarations) {
    for (const match of text.matchAll(
      /^export (?:declare )?(?:abstract )?(?:class|interface|type) ([\w$]+)/gm,
    )) {
      ownTypes.set(match[1] ?? '', path);
    }
  }
  return symbols.flatMap(({ name, code, module }) => {
    const bare = code.replaceAll(/\/\*[\s\S]*?\*\/|'[^'\n]*'|"[^"\n]*"/g, '');
    const named = new Set([...bare.matchAll(/\b[A-Z][\w$]*\b/g)].map(([word]) => word));
    return [...named]
      .filter((word) => ownTypes.has(word) && !exported.has(word))
      .map((word) => ({
        path: `packages/${folder}/src/${module}.ts`,
        message: `${name} names the type ${word}, which no entry point exports`,
      }));
  });
}
