/** One value of a bucket. */
export interface BucketEntry {
  readonly key: string;
  /** Undefined when the key was deleted. */
  readonly value: Uint8Array | undefined;
  /** Grows with every write to the bucket. */
  readonly revision: number;
}

/** What a watch reports. */
export interface BucketWatchHandlers {
  /** Called for every key that exists, then for every change, in the order of revisions per key. */
  onEntry(entry: BucketEntry): void;
  /** All keys that existed at the start have been reported. */
  onReady(): void;
  /** The watch ended without `stop`. */
  onEnd(): void;
}

/** A key-value store with revisions; the role JetStream KV plays for a host. */
export interface Bucket {
  get(key: string): Promise<BucketEntry | undefined>;
  /** Writes without looking at what is there. Answers the new revision. */
  put(key: string, value: Uint8Array): Promise<number>;
  /** Writes only when the key's last revision is `revision`, 0 for a key that never was. Answers undefined when it is not. */
  compareAndSet(key: string, value: Uint8Array, revision: number): Promise<number | undefined>;
  /** Deletes the key and its history. */
  purge(key: string): Promise<void>;
  watch(handlers: BucketWatchHandlers): Promise<{ stop(): void }>;
}
