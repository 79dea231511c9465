import type { Link } from '@muster/lattice';

/** Id under which every host offers its built-in HTTP server. */
export const HTTP_SERVER_ID = 'http-server';

/** One listener that a link asks for. */
export interface WantedListener {
  readonly address: string;
  /** Id of the component that answers. */
  readonly target: string;
  /** Name of the link, for the log. */
  readonly link: string;
}

/** What is wrong with a link that asks for a listener. */
export interface UnusableLink {
  readonly link: string;
  readonly target: string;
  readonly reason: 'no address' | 'address wanted twice' | 'secret in config';
}

/**
 * The listeners that links from `http-server` to running components ask for. Of several that want one address the
 * first by target and link name gets it, whatever order they were put in, so that all hosts decide alike.
 */
export function wantedListeners(
  links: readonly Link[],
  isRunning: (componentId: string) => boolean,
  configOf: (name: string) => Readonly<Record<string, string>> | undefined,
): { readonly wanted: ReadonlyMap<string, WantedListener>; readonly unusable: readonly UnusableLink[] } {
  const wanted = new Map<string, WantedListener>();
  const unusable: UnusableLink[] = [];
  const sorted = links
    .filter(isHttpLink)
    .sort((a, b) => compare(a.target, b.target) || compare(a.name, b.name));
  for (const link of sorted) {
    if (!isRunning(link.target)) {
      continue;
    }
    const named = { link: link.name, target: link.target };
    if (link.source_config.some((name) => name.startsWith('SECRET'))) {
      unusable.push({ ...named, reason: 'secret in config' });
      continue;
    }
    const address = addressOf(link.source_config, configOf);
    if (address === undefined) {
      unusable.push({ ...named, reason: 'no address' });
    } else if (wanted.has(address)) {
      unusable.push({ ...named, reason: 'address wanted twice' });
    } else {
      wanted.set(address, { address, ...named });
    }
  }
  return { wanted, unusable };
}

function isHttpLink(link: Link): boolean {
  return (
    link.source_id === HTTP_SERVER_ID &&
    link.wit_namespace === 'wasi' &&
    link.wit_package === 'http' &&
    link.interfaces.includes('incoming-handler')
  );
}

function addressOf(
  names: readonly string[],
  configOf: (name: string) => Readonly<Record<string, string>> | undefined,
): string | undefined {
  let address: string | undefined;
  for (const name of names) {
    const config = configOf(name);
    if (config !== undefined && Object.hasOwn(config, 'address')) {
      ({ address } = config);
    }
  }
  return address;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
