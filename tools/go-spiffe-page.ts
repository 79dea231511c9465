// The page that leads from go-spiffe's names to ours: what is on it must be there, on both sides.
import type { ExportedSymbol } from './api-page.ts';
import { type Problem, lineAt } from './source.ts';

export const goSpiffePage = 'packages/spiffe/docs/coming-from-go-spiffe.md';

export interface MappingRow {
  /** The Go package, from the root of its module. */
  readonly goPackage: string;
  readonly line: number;
  /** Names of theirs, such as `ID` or `ID.MemberOf`. */
  readonly theirs: readonly string[];
  /** Names of ours, such as `SpiffeId.parse`. Empty for what is left out. */
  readonly ours: readonly string[];
}

/** The rows of all tables, those of the names that are left out included. */
export function readMapping(text: string): MappingRow[] {
  return text.split(/^(?=## )/m).flatMap((section) => {
    const [, title = ''] = /^## (.+)$/m.exec(section) ?? [];
    const first = lineAt(text, text.indexOf(section));
    return section.split('\n').flatMap((row, index): MappingRow[] => {
      const cells = row.split('|').map((cell) => cell.trim());
      const line = first + index;
      if (cells.length < 4 || /^(?:-+|go-spiffe|package)?$/.test(cells[1] ?? '')) return [];
      if (title === 'What is not there') {
        return namesOf(cells[1] ?? '').map((goPackage) => ({
          goPackage,
          line,
          theirs: namesOf(cells[2] ?? ''),
          ours: [],
        }));
      }
      if (title.startsWith('What ')) return [];
      return [{ goPackage: title, line, theirs: namesOf(cells[1] ?? ''), ours: namesOf(cells[2] ?? '') }];
    });
  });
}

function namesOf(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '');
}

/**
 * What stands in the column of ours and is neither an exported symbol nor a member of one, nor an option: a member of some
 * exported type of options or requests. Names of modules pass.
 */
export function ourNameProblems(text: string, symbols: readonly ExportedSymbol[]): Problem[] {
  const byName = Map.groupBy(symbols, ({ name }) => name);
  const options = new Set(
    symbols.flatMap(({ code }) => [...code.matchAll(/\b([a-z]\w*)\??:/g)].map((match) => match[1])),
  );
  const isThere = (name: string): boolean => {
    if (/^(?:@muster\/|SPIFFE_|ERR_)/.test(name) || foreign.has(name)) return true;
    const [owner = '', member] = name.split('.');
    const found = byName.get(owner);
    if (member === undefined) return found !== undefined || options.has(name);
    return found !== undefined && found.some((symbol) => hasMember(symbol, member, byName));
  };
  return readMapping(text).flatMap(({ ours, line }) =>
    ours
      .filter((name) => !isThere(name))
      .map((name) => ({ path: goSpiffePage, line, message: `names ${name}, which is not exported` })),
  );
}

/** Node's own. */
const foreign = new Set(['createServer', 'fetch']);

/** Also what comes from a class or an interface that it extends. */
function hasMember(
  { members, code, hidden }: ExportedSymbol,
  member: string,
  byName: ReadonlyMap<string, readonly ExportedSymbol[]>,
): boolean {
  if ([...members, ...hidden.flatMap((one) => one.members)].some(({ name }) => name === member)) return true;
  const [, parents = ''] = /^[^{]*?\bextends ([^{]*)/.exec(code) ?? [];
  return [...parents.matchAll(/[A-Z]\w*/g)].some(([parent]) =>
    (byName.get(parent) ?? []).some((symbol) => hasMember(symbol, member, byName)),
  );
}

/** Names that a Go package exports and that have no place on the page, and rows for what no package exports. */
export function theirNameProblems(
  text: string,
  goPackages: ReadonlyMap<string, ReadonlySet<string>>,
): Problem[] {
  const rows = readMapping(text);
  const placed = Map.groupBy(rows, ({ goPackage }) => goPackage);
  const missing = [...goPackages].flatMap(([goPackage, names]) => {
    const known = new Set((placed.get(goPackage) ?? []).flatMap(({ theirs }) => theirs));
    // Generated code as a whole: a row that names the package and not one identifier.
    if (placed.has(goPackage) && known.size === 0) return [];
    return [...names]
      .filter((name) => !known.has(name))
      .map((name) => ({ path: goSpiffePage, message: `does not say where ${goPackage}.${name} is` }));
  });
  const invented = rows.flatMap(({ goPackage, theirs, line }) =>
    theirs
      .filter((name) => goPackages.get(goPackage)?.has(name.split('.')[0] ?? '') !== true)
      .map((name) => ({
        path: goSpiffePage,
        line,
        message: `names ${goPackage}.${name}, which go-spiffe does not have`,
      })),
  );
  return [...missing, ...invented];
}

/** The identifiers that a Go file exports at its top level; methods are not among them. */
export function goExports(code: string): string[] {
  const bare = code.replaceAll(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, '');
  const single = [...bare.matchAll(/^(?:func|type|const|var) ([A-Z]\w*)/gm)];
  const groups = [...bare.matchAll(/^(?:type|const|var) \(\n([\s\S]*?)^\)/gm)].flatMap((match) => [
    ...(match[1] ?? '').matchAll(/^\t([A-Z]\w*)/gm),
  ]);
  return [...single, ...groups].map((match) => match[1] ?? '');
}
