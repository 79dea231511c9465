import type { Bucket, BucketEntry, BucketWatchHandlers } from '../../src/state/bucket.ts';

/** A bucket in memory with the rules of JetStream KV: revisions per bucket, compare-and-set, delete markers. */
export interface MemoryBucket extends Bucket {
  readonly entries: Map<string, BucketEntry>;
  readonly writes: BucketEntry[];
  /** Runs before each compare-and-set: a place for another writer. */
  beforeSet: (() => Promise<void>) | undefined;
  /** Ends every watch as a lost consumer would. */
  breakWatches(): void;
}

export function memoryBucket(): MemoryBucket {
  const entries = new Map<string, BucketEntry>();
  const writes: BucketEntry[] = [];
  const watchers = new Set<BucketWatchHandlers>();
  let revision = 0;
  const write = (key: string, value: Uint8Array | undefined): number => {
    revision += 1;
    const entry = { key, value: value?.slice(), revision };
    entries.set(key, entry);
    writes.push(entry);
    for (const watcher of watchers) {
      queueMicrotask(() => {
        if (watchers.has(watcher)) {
          watcher.onEntry(entry);
        }
      });
    }
    return revision;
  };
  const bucket: MemoryBucket = {
    entries,
    writes,
    beforeSet: undefined,
    get: async (key) => entries.get(key),
    put: async (key, value) => write(key, value),
    async compareAndSet(key, value, expected) {
      await bucket.beforeSet?.();
      return (entries.get(key)?.revision ?? 0) === expected ? write(key, value) : undefined;
    },
    purge: async (key) => void write(key, undefined),
    async watch(handlers) {
      watchers.add(handlers);
      const present = [...entries.values()];
      queueMicrotask(() => {
        for (const entry of present) {
          handlers.onEntry(entry);
        }
        handlers.onReady();
      });
      return { stop: () => void watchers.delete(handlers) };
    },
    breakWatches() {
      const broken = [...watchers];
      watchers.clear();
      for (const watcher of broken) {
        watcher.onEnd();
      }
    },
  };
  return bucket;
}
