import type { Logger } from '@muster/lattice';
import type { Bucket, BucketEntry } from './bucket.ts';

/** A bucket's content in memory, kept current by a watch. Values that do not parse are skipped and logged. */
export interface Mirror<T> {
  get(key: string): T | undefined;
  values(): Iterable<T>;
  /** Takes over an entry that this host wrote or read itself, unless a newer one is known. */
  apply(entry: BucketEntry): void;
  /** Watches a bucket from now on; resolves when everything in it is known. Keys that are gone are forgotten. */
  attach(bucket: Bucket): Promise<void>;
  detach(): void;
}

interface Slot<T> {
  readonly value: T | undefined;
  readonly revision: number;
  readonly generation: number;
}

/** `onChange` is called after each change that others can see, and after each attach. */
export function createMirror<T>(options: {
  readonly name: string;
  readonly parse: (key: string, value: Uint8Array) => T | undefined;
  readonly onChange: () => void;
  readonly onLost: () => void;
  readonly logger: Logger;
}): Mirror<T> {
  const { name, parse, onChange, onLost, logger } = options;
  const slots = new Map<string, Slot<T>>();
  let generation = 0;
  let current: { stop(): void } | undefined;
  let interrupt = (): void => {};

  const parsed = ({ key, value }: BucketEntry): T | undefined => {
    if (value === undefined) {
      return undefined;
    }
    try {
      return parse(key, value);
    } catch (error) {
      logger.warn('lattice state skipped', { bucket: name, key, error });
      return undefined;
    }
  };
  const store = (entry: BucketEntry): boolean => {
    const known = slots.get(entry.key);
    // Revisions are compared within one watch only: a bucket that was made anew counts from the start again.
    if (known !== undefined && known.generation === generation && known.revision >= entry.revision) {
      return false;
    }
    slots.set(entry.key, { value: parsed(entry), revision: entry.revision, generation });
    return true;
  };
  const forgetGone = (): void => {
    for (const [key, slot] of slots) {
      if (slot.generation !== generation) {
        slots.delete(key);
      }
    }
  };
  const detach = (): void => {
    current?.stop();
    current = undefined;
    generation += 1;
    interrupt();
  };

  return {
    get: (key) => slots.get(key)?.value,
    *values() {
      for (const { value } of slots.values()) {
        if (value !== undefined) {
          yield value;
        }
      }
    },
    apply(entry) {
      if (store(entry)) {
        onChange();
      }
    },
    async attach(bucket) {
      detach();
      const mine = generation;
      let isReady = false;
      const ready = Promise.withResolvers<void>();
      const ended = new Error(`Cannot watch bucket "${name}": the watch must not end`);
      interrupt = () => ready.reject(ended);
      ready.promise.catch(() => {});
      const watch = await bucket.watch({
        onEntry: (entry) => {
          if (mine === generation && store(entry) && isReady) {
            onChange();
          }
        },
        onReady: () => {
          isReady = true;
          ready.resolve();
        },
        onEnd: () => {
          ready.reject(ended);
          if (mine === generation && isReady) {
            onLost();
          }
        },
      });
      if (mine !== generation) {
        watch.stop();
        throw ended;
      }
      current = watch;
      await ready.promise;
      forgetGone();
      onChange();
    },
    detach,
  };
}
