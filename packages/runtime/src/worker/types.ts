import type { CompileLimits, InstanceLimits } from '../binary/limits.ts';

/** A request for a component's `wasi:http/incoming-handler`; header values and the path are latin1 text. */
export interface HttpRequest {
  readonly method: string;
  readonly scheme: 'http' | 'https';
  readonly authority: string;
  readonly pathWithQuery: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array | AsyncIterable<Uint8Array> | undefined;
}

/** What a component answered. A streamed body fails with a ComponentError when the call fails half way. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: [string, string][];
  readonly body: Uint8Array | AsyncIterable<Uint8Array> | undefined;
}

/** What a component may import beyond the base set that every component gets. */
export interface Grants {
  /** `wasmcloud:identity/store`, or a whole package: `wasi:keyvalue`. No versions. */
  readonly interfaces: Iterable<string>;
}

/** Bounds of one component; whatever is left out keeps its default. */
export interface Limits extends CompileLimits, InstanceLimits {
  /** From the start of a call's guest code to the end of its response body, in ms. Default 30,000. */
  readonly deadlineMs: number;
  /** How long a worker may take to confirm that a call past its deadline has ended, before it is ended with all its calls, in ms. Default 100. */
  readonly graceMs: number;
  /** Compiling, linking and the first instance, in ms. Default 30,000. */
  readonly startMs: number;
  /** Instances in one worker, each taking one call at a time. Default 16. */
  readonly instances: number;
  /** Calls accepted and not answered yet, in the whole pool. Default 1,024. */
  readonly queue: number;
  /** An instance with more live handles after a call is replaced. Default 2,000. */
  readonly handlesKept: number;
  /** JavaScript heap of one worker, in MiB. Default 128. */
  readonly heapMiB: number;
  /** Stack of one worker, in MiB. Default 4. */
  readonly stackMiB: number;
  /** Bytes of one request or response body. Default 1 GiB. */
  readonly bodyBytes: number;
  /** Log lines a component may write per second; the rest is counted and dropped. Default 200. */
  readonly logLines: number;
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'critical';

/** A line the guest wrote: by wasi:logging, or on stdout and stderr (then that is the context). */
export interface LogEntry {
  readonly level: LogLevel;
  readonly context: string;
  readonly message: string;
}

/** Where `wasmcloud:identity/store` gets its JWT-SVIDs; undefined means that there is none. */
export interface IdentitySource {
  getJwt(audience: string, signal: AbortSignal): Promise<{ readonly token: string } | undefined>;
}

export interface ComponentPoolOptions {
  /** For messages and thread names only. */
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly grants: Grants;
  readonly config: Readonly<Record<string, string>>;
  readonly limits?: Partial<Limits>;
  /** `reuse`: an instance answers many calls. `fresh`: every call gets a new one. Default `reuse`. */
  readonly instancePolicy?: 'reuse' | 'fresh';
  /** Worker threads; default 1. */
  readonly workers?: number;
  /** Must not throw. */
  onLog?(entry: LogEntry): void;
  readonly identity?: IdentitySource;
}

export interface PoolStats {
  /** Workers that are ready for calls. */
  readonly workers: number;
  readonly inFlight: number;
  readonly queued: number;
  readonly calls: number;
  readonly failures: number;
  /** Workers ended because a call passed its deadline or the worker failed. */
  readonly restarts: number;
  readonly droppedLogLines: number;
}

/** A component that runs in workers of its own. */
export interface ComponentPool {
  /** Answers when the response head is known. Throws ComponentError. Aborting the signal cancels the call. */
  handleHttp(request: HttpRequest, options?: { readonly signal?: AbortSignal }): Promise<HttpResponse>;
  /** The next call sees the new values. */
  setConfig(config: Readonly<Record<string, string>>): void;
  stats(): PoolStats;
  /** Ends every worker; calls in flight fail with ERR_COMPONENT_STOPPED. */
  stop(): Promise<void>;
}
