// The child's half of service.ts: methods that the parent calls over IPC, and what the process takes of the machine.
import koffi from 'koffi';
import { readdirSync } from 'node:fs';
import { getHeapStatistics } from 'node:v8';

export interface Call {
  readonly number: number;
  readonly method: string;
  readonly params: unknown;
}

export type Answer =
  | { readonly number: number; readonly result: unknown }
  | { readonly number: number; readonly error: string };

/** What a process takes. */
export interface Footprint {
  readonly rssBytes: number;
  /** The part of it that is pages of V8's heap, full or empty. */
  readonly heapPageBytes: number;
  /** After a collection of garbage. */
  readonly heapBytes: number;
  /** Memory outside of the heap that is in use, as the C library counts it; 0 where it cannot be asked. */
  readonly nativeBytes: number;
  readonly descriptors: number;
}

const LEAVING_MS = 10_000;

type Methods = Readonly<Record<string, (params: never) => unknown>>;

/** Answers the parent until it goes away, and then leaves with nothing behind. */
export function answerParent(methods: Methods, close: () => Promise<unknown> = async () => {}): void {
  const leave = (): void => {
    setTimeout(() => process.exit(1), LEAVING_MS);
    void close().finally(() => process.exit());
  };
  const known: Methods = { ...methods, footprint };
  process.on('message', ({ number, method, params }: Call) => {
    const run = async (): Promise<unknown> => await known[method]?.(params as never);
    run().then(
      (result) => send({ number, result }),
      (error: unknown) =>
        send({ number, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
  });
  process.once('disconnect', leave);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, leave);
}

function send(answer: Answer): void {
  process.send?.(answer);
}

const MALLINFO_FIELDS = 'arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost'.split(
  ' ',
);

/** What a leak outside of the heap adds to. RSS is of no use for that: it follows the highest water, and fragments. */
function openMallinfo(): () => number {
  try {
    const fields = Object.fromEntries(MALLINFO_FIELDS.map((name) => [name, 'size_t']));
    const mallinfo = koffi
      .load('libc.so.6')
      .func('mallinfo2', koffi.struct('mallinfo2', fields), []) as () => {
      readonly uordblks: number;
      readonly hblkhd: number;
    };
    return () => {
      const { uordblks, hblkhd } = mallinfo();
      return uordblks + hblkhd;
    };
  } catch {
    return () => 0;
  }
}

const readNativeBytes = openMallinfo();

function footprint(): Footprint {
  globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  return {
    rssBytes: rss,
    heapPageBytes: getHeapStatistics().total_physical_size,
    heapBytes: heapUsed,
    nativeBytes: readNativeBytes(),
    descriptors: readdirSync('/proc/self/fd').length,
  };
}
