import { encodeMessage, parseComponentSpec, parseConfig } from '@muster/lattice';
import type { ComponentSpec, Link, LinkKey, Logger } from '@muster/lattice';
import { HostError } from '../errors.ts';
import type { Bucket, BucketEntry } from './bucket.ts';
import { addLink, removeLink } from './links.ts';
import { createMirror } from './mirror.ts';
import type { Mirror } from './mirror.ts';

type Config = Readonly<Record<string, string>>;

/** The two buckets of a lattice. */
export interface StateBuckets {
  readonly lattice: Bucket;
  readonly config: Bucket;
}

/** Links, component specs and configs of a lattice: read from memory, written with compare-and-set. */
export interface LatticeState {
  links(): Link[];
  readonly config: (name: string) => Config | undefined;
  /** Like `config`, but asks the bucket when memory does not know the name: another host may have just written it. */
  fetchConfig(name: string): Promise<Config | undefined>;
  /** Throws HostError `ERR_HOST_STATE_CONFLICT`. */
  putLink(link: Link): Promise<{ readonly conflict: boolean }>;
  deleteLink(key: LinkKey): Promise<{ readonly hasSpec: boolean; readonly removed: Link | undefined }>;
  /** Notes where a component came from; links that are there stay. */
  recordComponent(id: string, url: string, options?: { readonly isUpdate?: boolean }): Promise<void>;
  /** Stores the bytes as they came, as v1 does. */
  putConfig(name: string, bytes: Uint8Array): Promise<void>;
  deleteConfig(name: string): Promise<void>;
  /** Reads everything and keeps watching. Throws HostError `ERR_HOST_STATE_FAILED`. */
  attach(buckets: StateBuckets): Promise<void>;
  /** Stops watching and refuses writes with HostError `ERR_HOST_NOT_CONNECTED`; memory stays readable. */
  detach(): void;
}

const PREFIX = 'COMPONENT_';
const ATTEMPTS = 20;

/** `onChange` follows every visible change; `onLost` says that a watch ended and `attach` is needed again. */
export function createLatticeState(options: {
  readonly onChange: () => void;
  readonly onLost: () => void;
  readonly logger: Logger;
}): LatticeState {
  let buckets: StateBuckets | undefined;
  const specs = createMirror<ComponentSpec>({
    ...options,
    name: 'lattice',
    parse: (key, value) => (key.startsWith(PREFIX) ? parseComponentSpec(value) : undefined),
  });
  const configs = createMirror<Config>({
    ...options,
    name: 'config',
    parse: (_key, value) => parseConfig(value),
  });

  const queues = new Map<string, Promise<void>>();
  /** One change of a key at a time, so that only other hosts can come between reading and writing. */
  const changeInTurn = (...wanted: Parameters<typeof change>): Promise<void> => {
    const [, , key] = wanted;
    const begin = async (): Promise<void> => await change(...wanted);
    const turn = (queues.get(key) ?? Promise.resolve()).then(begin, begin);
    queues.set(key, turn);
    const leave = (): void => {
      if (queues.get(key) === turn) queues.delete(key);
    };
    void turn.then(leave, leave);
    return turn;
  };

  const need = (): StateBuckets => {
    if (buckets === undefined) {
      throw new HostError(
        'ERR_HOST_NOT_CONNECTED',
        'Cannot change lattice state: the host must be connected',
      );
    }
    return buckets;
  };

  return {
    links: () => Array.from(specs.values(), (spec) => spec.links).flat(),
    config: (name) => configs.get(name),
    async fetchConfig(name) {
      const known = configs.get(name);
      if (known !== undefined || buckets === undefined) {
        return known;
      }
      const entry = await buckets.config.get(name);
      if (entry !== undefined) {
        configs.apply(entry);
      }
      return configs.get(name);
    },
    async putLink(link) {
      let conflict = false;
      await changeInTurn(need().lattice, specs, PREFIX + link.source_id, (spec) => {
        const added = addLink(spec?.links ?? [], link);
        conflict = 'conflict' in added;
        return 'conflict' in added ? undefined : { url: spec?.url ?? '', links: added.links };
      });
      return { conflict };
    },
    async deleteLink(key) {
      let hasSpec = false;
      let removed: Link | undefined;
      await changeInTurn(need().lattice, specs, PREFIX + key.source_id, (spec) => {
        hasSpec = spec !== undefined;
        const rest = removeLink(spec?.links ?? [], key);
        removed = rest.removed;
        return removed === undefined ? undefined : { url: spec?.url ?? '', links: rest.links };
      });
      return { hasSpec, removed };
    },
    async recordComponent(id, url, { isUpdate = false } = {}) {
      await changeInTurn(need().lattice, specs, PREFIX + id, (spec) => {
        const isKept = spec !== undefined && (spec.url === url || (spec.url !== '' && !isUpdate));
        return isKept ? undefined : { url, links: spec?.links ?? [] };
      });
    },
    async putConfig(name, bytes) {
      const revision = await need().config.put(name, bytes);
      configs.apply({ key: name, value: bytes, revision });
    },
    async deleteConfig(name) {
      const bucket = need().config;
      await bucket.purge(name);
      const entry = await bucket.get(name);
      if (entry !== undefined) {
        configs.apply(entry);
      }
    },
    async attach(opened) {
      buckets = opened;
      try {
        await Promise.all([specs.attach(opened.lattice), configs.attach(opened.config)]);
      } catch (cause) {
        throw new HostError(
          'ERR_HOST_STATE_FAILED',
          'Cannot read lattice state: both buckets must be readable',
          {
            cause,
          },
        );
      }
    },
    detach() {
      buckets = undefined;
      specs.detach();
      configs.detach();
    },
  };
}

/** Read, change, write if nobody else wrote meanwhile; `decide` answers undefined to leave the value as it is. */
async function change(
  bucket: Bucket,
  mirror: Mirror<ComponentSpec>,
  key: string,
  decide: (spec: ComponentSpec | undefined) => ComponentSpec | undefined,
): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const entry: BucketEntry | undefined = await bucket.get(key);
    const next = decide(entry?.value === undefined ? undefined : parseComponentSpec(entry.value));
    if (next === undefined) {
      return;
    }
    const value = encodeMessage(next);
    const revision = await bucket.compareAndSet(key, value, entry?.revision ?? 0);
    if (revision !== undefined) {
      mirror.apply({ key, value, revision });
      return;
    }
  }
  throw new HostError(
    'ERR_HOST_STATE_CONFLICT',
    `Cannot write "${key}": others must stop changing it for a moment`,
  );
}
