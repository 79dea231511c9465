import type { ImportInterface } from '../link/component.ts';
/** `wasi:config/store` and its earlier spelling `wasi:config/runtime`: the values in force when it is asked. */
export function configStore(current: () => ReadonlyMap<string, string>): ImportInterface {
  return {
    get: (key: string) => current().get(key),
    getAll: () => [...current()],
  };
}
