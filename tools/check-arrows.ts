// Who may import whom. The table is the architecture; everything else here only reads imports and compares.
import { type Import, type Problem, type SourceFile, importsOf, readSources, report } from './source.ts';

/** What each package may import of ours. Not in the table means not known, which fails too. */
export const arrows: Readonly<Record<string, readonly string[]>> = {
  spiffe: [],
  runtime: [],
  'nats-server': [],
  lattice: ['spiffe'],
  providers: ['lattice', 'spiffe'],
  authority: ['lattice', 'spiffe'],
  callout: ['lattice', 'spiffe'],
  host: ['runtime', 'providers', 'lattice', 'spiffe'],
  cli: ['lattice', 'spiffe'],
  testing: ['spiffe', 'lattice', 'nats-server'],
};

const services = new Set(['authority', 'callout', 'host']);
const parts = new Set([...services, 'nats-server']);

/** Why an arrow that is not in the table is not there: the first that fits is printed. */
const reasons: readonly { fits: (from: string, to: string) => boolean; reason: string }[] = [
  {
    fits: (_, to) => to === 'testing',
    reason: 'testing holds a CA and keys for tests; only tests and benchmarks import it',
  },
  {
    fits: (from) => from === 'spiffe',
    reason: 'the SPIFFE library never sees NATS and has no dependency, so that anybody can use it alone',
  },
  {
    fits: (from) => from === 'runtime',
    reason:
      'the runtime never sees the network or an identity; what a component may do is handed in as grants',
  },
  {
    fits: (from) => from === 'nats-server',
    reason: 'finding and launching a server must not depend on what runs on it',
  },
  { fits: (_, to) => to === 'cli', reason: 'the command line is the composition root; nothing is below it' },
  {
    fits: (from, to) => services.has(from) && services.has(to),
    reason: "services never import services; they talk over NATS in the lattice's words",
  },
  {
    fits: (from) => from === 'lattice',
    reason: 'the lattice is words and connections; it does not know who speaks',
  },
  { fits: (_, to) => to === 'runtime', reason: 'only a host runs components' },
  { fits: () => true, reason: 'the arrow is not in the table of tools/check-arrows.ts' },
];

/** Node's own modules and packages that a layer must not touch, with the reason. */
const closed: Readonly<Record<string, { modules: RegExp; reason: string }>> = {
  runtime: {
    modules:
      /^node:(?:net|tls|http|https|http2|dgram|dns|child_process|cluster|inspector)(?:\/|$)|^@nats-io\//,
    reason: 'the runtime never sees the network',
  },
  spiffe: { modules: /^@nats-io\//, reason: 'the SPIFFE library never sees NATS' },
};

/** Where the CLI may load a part: the commands of the part's own noun, and the one that starts all of them. */
const commandFolders: Readonly<Record<string, RegExp>> = {
  authority: /^packages\/cli\/src\/commands\/(?:identity|dev)\//,
  callout: /^packages\/cli\/src\/commands\/(?:callout|dev)\//,
  host: /^packages\/cli\/src\/commands\/(?:host|dev)\//,
  'nats-server': /^packages\/cli\/src\/commands\/(?:nats|dev)\//,
};

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** Every import that the table forbids, in the order of the files. */
export function findForbiddenArrows(files: readonly SourceFile[]): Problem[] {
  const manifests = new Map<string, Manifest>();
  for (const { path, text } of files) {
    const name = /^packages\/([^/]+)\/package\.json$/.exec(path)?.[1];
    if (name !== undefined) manifests.set(name, JSON.parse(text) as Manifest);
  }
  return files.flatMap((file) => {
    if (!file.path.endsWith('.ts') && !file.path.endsWith('.js')) return [];
    const [, from, kind] = /^packages\/([^/]+)\/(src|test|bin)\//.exec(file.path) ?? [];
    return importsOf(file.text).flatMap((found) => {
      const message =
        from === undefined || kind === undefined
          ? outsiderProblem(found)
          : packageProblem(file.path, from, kind, found, manifests.get(from));
      return message === undefined ? [] : [{ path: file.path, line: found.line, message }];
    });
  });
}

/** Tests of whole processes, benchmarks and examples see what a user sees. */
function outsiderProblem({ specifier }: Import): string | undefined {
  if (
    /packages\/[^/]+\/(?:src|test|dist)\//.test(specifier) ||
    /^@muster\/[^/]+\/(?:src|test|dist)/.test(specifier)
  ) {
    return `imports ${specifier}: outside packages/ only public entry points are used`;
  }
  return undefined;
}

function packageProblem(
  path: string,
  from: string,
  kind: string,
  found: Import,
  manifest: Manifest | undefined,
): string | undefined {
  const { specifier } = found;
  if (specifier.startsWith('.')) return leavesPackage(path, specifier);
  if (specifier.startsWith('node:')) return kind === 'src' ? closedProblem(from, specifier) : undefined;
  const to = /^@muster\/([^/]+)/.exec(specifier)?.[1];
  if (kind === 'test') return undefined;
  if (to === undefined) {
    return closedProblem(from, specifier) ?? undeclared(specifier, manifest);
  }
  const allowed = arrows[from];
  if (allowed === undefined) return `package ${from} is not in the table of tools/check-arrows.ts`;
  if (to === from) return `imports itself by name; use a relative path`;
  if (from === 'cli' && parts.has(to))
    return commandProblem(path, to, found) ?? undeclared(specifier, manifest);
  if (!allowed.includes(to)) {
    const reason = reasons.find(({ fits }) => fits(from, to))?.reason ?? '';
    return `${from} must not import ${to}: ${reason}`;
  }
  return undeclared(specifier, manifest);
}

function commandProblem(path: string, to: string, { isDynamic, isType }: Import): string | undefined {
  if (isType) return undefined;
  if (!isDynamic) return `cli must load ${to} by import(): a command pays only for what it uses`;
  if (commandFolders[to]?.test(path) !== true) {
    return `${to} is loaded only by the commands of its own noun and by commands/dev/`;
  }
  return undefined;
}

function closedProblem(from: string, specifier: string): string | undefined {
  const rule = closed[from];
  return rule?.modules.test(specifier) === true
    ? `${from} must not import ${specifier}: ${rule.reason}`
    : undefined;
}

function undeclared(specifier: string, manifest: Manifest | undefined): string | undefined {
  const name = /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier;
  if (manifest?.dependencies?.[name] !== undefined) return undefined;
  return `imports ${name}, which its package.json does not list`;
}

function leavesPackage(path: string, specifier: string): string | undefined {
  const target = new URL(specifier, `file:///${path}`).pathname.slice(1);
  const home = path.split('/').slice(0, 2).join('/');
  return target.startsWith(`${home}/`) ? undefined : `imports ${specifier}, which leaves the package`;
}

if (import.meta.main) {
  const folders = ['packages', 'integration', 'conformance', 'benchmarks', 'soak', 'examples'];
  const files = folders.flatMap((folder) => {
    try {
      return readSources(folder);
    } catch {
      return [];
    }
  });
  report('arrows', `${files.length} files`, findForbiddenArrows(files));
}
