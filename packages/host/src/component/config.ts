import { HostError } from '../errors.ts';

type Config = Readonly<Record<string, string>>;

/** Names with this prefix are references to secrets, as v1 has it. */
export const SECRET_PREFIX = 'SECRET';

/**
 * Merges the named configs from left to right; the rightmost value of a key wins. Throws HostError
 * `ERR_COMPONENT_CONFIG_NOT_FOUND` for a name that is not there and `ERR_COMPONENT_SECRET_UNSUPPORTED` for a secret.
 */
export async function fetchMergedConfig(
  names: readonly string[],
  fetch: (name: string) => Promise<Config | undefined>,
): Promise<Config> {
  const merged = Object.create(null) as Record<string, string>;
  for (const name of names) {
    if (name.startsWith(SECRET_PREFIX)) {
      throw new HostError(
        'ERR_COMPONENT_SECRET_UNSUPPORTED',
        `Cannot use "${name}": this host hands out no secrets`,
      );
    }
    const config = await fetch(name);
    if (config === undefined) {
      throw new HostError(
        'ERR_COMPONENT_CONFIG_NOT_FOUND',
        `Unable to fetch requested config: Config ${name} does not exist`,
      );
    }
    Object.assign(merged, config);
  }
  return merged;
}

/** The same from memory; a name that is gone counts as empty, as in v1. */
export function mergeConfig(names: readonly string[], get: (name: string) => Config | undefined): Config {
  const merged = Object.create(null) as Record<string, string>;
  for (const name of names) {
    Object.assign(merged, get(name));
  }
  return merged;
}
