import { readFileSync, statSync } from 'node:fs';

/** Names of numeric ids; undefined where the machine has none. */
export interface AccountNames {
  user(uid: number): string | undefined;
  group(gid: number): string | undefined;
}

/** Reads `passwd` and `group` files, again whenever they change. Directories beyond these files (LDAP) are not asked. */
export function createAccountNames(passwdFile = '/etc/passwd', groupFile = '/etc/group'): AccountNames {
  const users = new NameFile(passwdFile);
  const groups = new NameFile(groupFile);
  return { user: (uid) => users.name(uid), group: (gid) => groups.name(gid) };
}

class NameFile {
  readonly #path: string;
  #version = '';
  #names: ReadonlyMap<number, string> = new Map();

  constructor(path: string) {
    this.#path = path;
  }

  name(id: number): string | undefined {
    try {
      const stat = statSync(this.#path, { bigint: true });
      const version = [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join();
      if (version !== this.#version) {
        this.#names = parseNames(readFileSync(this.#path, 'utf8'));
        this.#version = version;
      }
      return this.#names.get(id);
    } catch {
      return undefined;
    }
  }
}

/** Reads lines `name:password:id:...`; of several names for one id the first counts. */
export function parseNames(text: string): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  for (const line of text.split('\n')) {
    const [name, , id] = line.split(':');
    if (name === undefined || name === '' || id === undefined || !/^\d+$/.test(id)) continue;
    if (!names.has(Number(id))) names.set(Number(id), name);
  }
  return names;
}
