import { Kvm } from '@nats-io/kv';
import type { KV } from '@nats-io/kv';
import { bucketSubjects, latticeBuckets } from '@muster/lattice';
import type { LatticeConnection } from '@muster/lattice';
import { HostError } from '../errors.ts';
import type { Bucket, BucketEntry } from './bucket.ts';

type NatsConnection = LatticeConnection['nats'];

/** What JetStream says: an error code, or the number of values. */
interface Answer {
  readonly code: number | undefined;
  readonly messages: number;
}

/** Settings of a bucket as v1 hosts create it; everything else is unlimited. */
function bucketStream(name: string): Record<string, unknown> {
  return {
    name: bucketSubjects(name).stream,
    subjects: [bucketSubjects(name).values],
    retention: 'limits',
    max_consumers: -1,
    max_msgs: -1,
    max_bytes: -1,
    max_age: 0,
    max_msgs_per_subject: 1,
    max_msg_size: -1,
    discard: 'new',
    storage: 'file',
    num_replicas: 1,
    deny_delete: true,
    allow_rollup_hdrs: true,
    allow_direct: true,
  };
}

const STREAM_NOT_FOUND = 10_059;
const WRONG_LAST_SEQUENCE = new Set([10_071, 10_164]);
const STREAM_NAME_IN_USE = 10_058;

/** Opens a JetStream KV bucket and creates it when it is missing. Throws HostError `ERR_HOST_STATE_FAILED`. */
export async function openKvBucket(nats: NatsConnection, name: string): Promise<Bucket> {
  await ensureBucket(nats, name);
  const kv = await new Kvm(nats).open(name, { allow_direct: true });
  return {
    get: async (key) => entryOf(await kv.get(key)),
    put: (key, value) => kv.put(key, value),
    compareAndSet: (key, value, revision) => compareAndSet(kv, key, value, revision),
    purge: (key) => kv.purge(key),
    watch: (handlers) => watch(nats, kv, name, handlers),
  };
}

/**
 * Creates the two buckets of a lattice where they are missing. For an operator that prepares a lattice whose hosts may not
 * create streams themselves. Throws HostError `ERR_HOST_STATE_FAILED`.
 */
export async function createStateBuckets(nats: NatsConnection, lattice: string): Promise<void> {
  const buckets = latticeBuckets(lattice);
  await ensureBucket(nats, buckets.lattice);
  await ensureBucket(nats, buckets.config);
}

async function ensureBucket(nats: NatsConnection, name: string): Promise<void> {
  if ((await messageCount(nats, name)) !== undefined) {
    return;
  }
  const created = await create(nats, name);
  if (created.code !== undefined && created.code !== STREAM_NAME_IN_USE) {
    throw stateError(`Cannot create bucket "${name}": JetStream answered error ${created.code}`);
  }
}

async function create(nats: NatsConnection, name: string): Promise<Answer> {
  try {
    return await ask(nats, bucketSubjects(name).create, bucketStream(name));
  } catch (cause) {
    // A user without the right to create streams hears nothing at all.
    throw stateError(`Cannot create bucket "${name}": an operator must create it for this user`, cause);
  }
}

function stateError(message: string, cause?: unknown): HostError {
  return new HostError('ERR_HOST_STATE_FAILED', message, { cause });
}

async function compareAndSet(
  kv: KV,
  key: string,
  value: Uint8Array,
  revision: number,
): Promise<number | undefined> {
  try {
    return await kv.put(key, value, { previousSeq: revision });
  } catch (error) {
    if (error instanceof Error && 'code' in error && WRONG_LAST_SEQUENCE.has(Number(error.code))) {
      return undefined;
    }
    throw error;
  }
}

async function watch(
  nats: NatsConnection,
  kv: KV,
  name: string,
  handlers: Parameters<Bucket['watch']>[0],
): Promise<{ stop(): void }> {
  // Deleted keys leave a marker, so a bucket that is not empty now delivers at least one entry.
  let isReady = ((await messageCount(nats, name)) ?? 0) === 0;
  const entries = await kv.watch({ key: '>' });
  let isStopped = false;
  void (async () => {
    try {
      for await (const entry of entries) {
        const converted = entryOf(entry);
        if (converted !== undefined) {
          handlers.onEntry(converted);
        }
        if (!isReady && entry.delta === 0) {
          isReady = true;
          handlers.onReady();
        }
      }
    } catch {
      // What matters is that the watch has ended; the connection reports why.
    }
    if (!isStopped) {
      handlers.onEnd();
    }
  })();
  if (isReady) {
    handlers.onReady();
  }
  return {
    stop: () => {
      isStopped = true;
      entries.stop();
    },
  };
}

function entryOf(entry: Awaited<ReturnType<KV['get']>>): BucketEntry | undefined {
  if (entry === null) {
    return undefined;
  }
  const isPut = entry.operation === 'PUT';
  return { key: entry.key, value: isPut ? entry.value : undefined, revision: entry.revision };
}

/** Number of values in a bucket, undefined when there is no such bucket. */
async function messageCount(nats: NatsConnection, name: string): Promise<number | undefined> {
  const answer = await ask(nats, bucketSubjects(name).info, undefined);
  if (answer.code === STREAM_NOT_FOUND) {
    return undefined;
  }
  if (answer.code !== undefined) {
    throw stateError(`Cannot read bucket "${name}": JetStream answered error ${answer.code}`);
  }
  return answer.messages;
}

async function ask(
  nats: NatsConnection,
  subject: string,
  body: Record<string, unknown> | undefined,
): Promise<Answer> {
  const reply = await nats.request(subject, body === undefined ? '' : JSON.stringify(body), {
    timeout: 5_000,
  });
  const answer = reply.json<{ error?: { err_code?: number }; state?: { messages?: number } }>();
  const code = answer.error === undefined ? undefined : (answer.error.err_code ?? 0);
  return { code, messages: answer.state?.messages ?? 0 };
}
