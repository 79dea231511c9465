import { ComponentError } from '../errors.ts';
import type { ComponentExport, ComponentImport } from '../link/component.ts';

/** What every component may import, with the versions this host speaks. Nothing here reaches out of the worker. */
const basePackages: ReadonlyMap<string, RegExp> = new Map([
  ['wasi:io', /^0\.2\.\d+$/],
  ['wasi:clocks', /^0\.2\.\d+$/],
  ['wasi:random', /^0\.2\.\d+$/],
  ['wasi:cli', /^0\.2\.\d+$/],
  ['wasi:filesystem', /^0\.2\.\d+$/],
  ['wasi:sockets', /^0\.2\.\d+$/],
  ['wasi:http', /^0\.2\.\d+$/],
  ['wasi:config', /^0\.2\.0-(draft|rc\.1)$/],
  ['wasi:logging', /^(0\.1\.0-draft)?$/],
]);

const packageOf = (name: string): string => name.slice(0, Math.max(0, name.indexOf('/')));

function isGranted(entry: ComponentImport, interfaces: ReadonlySet<string>): boolean {
  if (entry.kind === 'type') return true;
  if (entry.kind !== 'instance') return false;
  const name = packageOf(entry.name);
  if (basePackages.get(name)?.test(entry.version ?? '') === true) return true;
  return interfaces.has(entry.name) || interfaces.has(name);
}

/** Throws ERR_IMPORT_NOT_GRANTED, naming the import, for the first one that is neither granted nor in the base set. */
export function checkGrants(imports: readonly ComponentImport[], interfaces: ReadonlySet<string>): void {
  for (const entry of imports) {
    if (isGranted(entry, interfaces)) continue;
    const version = entry.version === undefined ? '' : `@${entry.version}`;
    throw new ComponentError(
      'ERR_IMPORT_NOT_GRANTED',
      `Cannot start the component: its import "${entry.name}${version}" is not granted`,
    );
  }
}

export const httpHandlerName = 'wasi:http/incoming-handler';

/** Throws ERR_EXPORT_MISSING unless the component handles HTTP requests. */
export function checkHttpExport(exports: readonly ComponentExport[]): void {
  if (exports.some((entry) => entry.kind === 'instance' && entry.name === httpHandlerName)) return;
  throw new ComponentError(
    'ERR_EXPORT_MISSING',
    `Cannot start the component: it does not export "${httpHandlerName}"`,
  );
}
