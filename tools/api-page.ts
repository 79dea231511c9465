// The page of everything that a package exports, made of its declarations and their comments.
import { dirname, join, normalize } from 'node:path';
import { type Declaration, readDeclarations, readReexports } from './api-declarations.ts';
import { entryPoints, readBuiltDeclarations } from './build.ts';

/** The packages that have such a page. */
export const packagesWithPage = ['spiffe'] as const;

export interface ExportedSymbol extends Declaration {
  /** What is imported to get it. */
  readonly entry: string;
  /** The file that declares it, from `dist`, without its ending. */
  readonly module: string;
  /** Declarations of the same file that its code names and that are not exported. */
  readonly hidden: readonly Declaration[];
}

/** What the folders of a package hold, in the order of the page. A folder that is not listed comes last under its own name. */
const areas: ReadonlyMap<string, string> = new Map([
  ['id', 'SPIFFE IDs and trust domains'],
  ['svid', 'SVIDs'],
  ['bundle', 'Bundles'],
  ['workload-api', 'Workload API and Delegated Identity API'],
  ['files', 'Files'],
  ['tls', 'TLS'],
  ['federation', 'Federation'],
  ['', 'Errors and time'],
  ['wire/grpc', 'gRPC'],
  ['wire/messages', 'Messages'],
  ['wire/protobuf', 'Protocol buffers'],
  ['wire/der', 'DER'],
  ['x509', 'Certificates'],
  ['unstable/wit-svid', 'WIT-SVIDs (unstable)'],
  ['unstable/broker', 'Broker API (unstable)'],
]);

/** Everything that the entry points of a package export, each name once per entry point. */
export function readExports(
  entries: ReadonlyMap<string, string>,
  declarations: ReadonlyMap<string, string>,
): ExportedSymbol[] {
  const files = new Map([...declarations].map(([path, text]) => [path, readDeclarations(text)]));
  return [...entries].flatMap(([entry, path]) =>
    readReexports(declarations.get(path) ?? '').map(({ name, from }) => {
      const file = declaringFile(name, resolve(path, from), declarations);
      const found = files.get(file)?.find((one) => one.name === name && one.isExported);
      if (found === undefined) throw new Error(`${entry} exports ${name}, which ${file} does not declare`);
      const hidden = (files.get(file) ?? []).filter(
        (one) => !one.isExported && new RegExp(`\\b${one.name}\\b`).test(found.code),
      );
      return { ...found, entry, module: file.replace(/\.d\.ts$/, ''), hidden };
    }),
  );
}

function resolve(path: string, from: string): string {
  return normalize(join(dirname(path), from.replace(/\.js$/, '.d.ts')));
}

/** A module may pass a name on from another one. */
function declaringFile(name: string, path: string, declarations: ReadonlyMap<string, string>): string {
  const passedOn = readReexports(declarations.get(path) ?? '').find((one) => one.name === name);
  return passedOn === undefined ? path : declaringFile(name, resolve(path, passedOn.from), declarations);
}

export interface PackageApi {
  /** Name of the folder below packages/. */
  readonly folder: string;
  readonly symbols: readonly ExportedSymbol[];
  /** The declaration files that the entry points lead to, by their path in `dist`. */
  readonly declarations: ReadonlyMap<string, string>;
}

/** What each package with a page of its own exports now. Throws where the code does not compile. */
export function readApis(): PackageApi[] {
  return packagesWithPage.map((folder) => {
    const declarations = readBuiltDeclarations(folder);
    return { folder, symbols: readExports(entryPoints(folder), declarations), declarations };
  });
}

/** The page in Markdown: a list of all names, then each with its comment and its declaration. */
export function apiPage({ folder, symbols }: Pick<PackageApi, 'folder' | 'symbols'>): string {
  const entries = [...Map.groupBy(symbols, ({ entry }) => entry)];
  const [first = ['', []]] = entries;
  const lines = [
    `# API of ${first[0]}`,
    '',
    `Generated from the comments in \`packages/${folder}/src\` by \`npm run generate:docs\`; do not edit.`,
    '',
    `${symbols.length} names in ${entries.length} modules. The same comments stand in the declarations of the package, so an editor shows them`,
    'too. Durations end in `Ms`, instants in `At` (ms since the epoch). Codes of errors are explained in [errors.md](../errors.md).',
  ];
  for (const [entry, own] of entries) {
    lines.push('', `## \`${entry}\``, '');
    for (const [title, group] of byArea(own)) {
      const links = group.map((symbol) => `[\`${symbol.name}\`](#${anchor(symbol)})`);
      lines.push(`- ${title}: ${links.join(', ')}`);
    }
  }
  for (const [entry, own] of entries) {
    for (const [title, group] of byArea(own)) {
      lines.push('', `## ${title} (\`${entry}\`)`);
      for (const symbol of group) lines.push(...section(symbol));
    }
  }
  return `${lines.join('\n')}\n`;
}

function byArea(symbols: readonly ExportedSymbol[]): [string, ExportedSymbol[]][] {
  const order = [...areas.keys()];
  const place = (folder: string): number => (areas.has(folder) ? order.indexOf(folder) : order.length);
  return [...Map.groupBy(symbols, ({ module }) => dirname(module).replace(/^\.$/, ''))]
    .toSorted(([one], [other]) => place(one) - place(other) || (one < other ? -1 : 1))
    .map(([folder, group]) => [areas.get(folder) ?? folder, group]);
}

function section(symbol: ExportedSymbol): string[] {
  const { name, comment, hidden, code } = symbol;
  return [
    '',
    `<a id="${anchor(symbol)}"></a>`,
    '',
    `### \`${name}\``,
    '',
    ...(comment === '' ? [] : [escaped(comment), '']),
    '```typescript',
    shown(code),
    ...hidden.flatMap((one) => ['', '// not exported:', shown(one.code)]),
    '```',
  ];
}

const mostMembers = 40;

/** The code as people read it: without what the compiler adds for itself, and without the middle of long tables. */
function shown(code: string): string {
  const lines = code
    .split('\n')
    .filter((line) => !/^\s+#private;$/.test(line))
    .map((line) => line.replace(/^(?: {4})+/, (indent) => indent.slice(indent.length / 2)))
    .map((line) => line.replace(/^(export )?declare /, '$1').replace(/^export /, ''));
  if (lines.length <= mostMembers * 2 || !/^const\b/.test(lines[0] ?? '')) return lines.join('\n');
  const left = lines.length - mostMembers / 2 - 1;
  return [...lines.slice(0, mostMembers / 2), `  // and ${left} more lines`, lines.at(-1) ?? ''].join('\n');
}

/** Comments are Markdown but for what would be read as HTML. */
function escaped(comment: string): string {
  return comment.replaceAll(/`[^`]*`|[<>]/g, (part) =>
    part === '<' ? '&lt;' : part === '>' ? '&gt;' : part,
  );
}

/** Of its own for each name of each module, also where a type and a function differ by their first letter only. */
function anchor({ entry, name, kind }: ExportedSymbol): string {
  const path = entry.split('/').slice(2).join('-');
  const isType = kind === 'interface' || kind === 'type';
  return [path, name.toLowerCase(), isType ? 'type' : ''].filter((part) => part !== '').join('-');
}
