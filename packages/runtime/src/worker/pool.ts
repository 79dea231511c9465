import { setFlagsFromString } from 'node:v8';
import type { CoreModule } from '../engine.ts';
import { ComponentError } from '../errors.ts';
import { Call, isUpload } from './call.ts';
import { aborted, stopped, waitedTooLong } from './failures.ts';
import { Link, type LinkEvents } from './link.ts';
import { defaultLimits, waitMsOf } from './limits.ts';
import { monotonicMs } from './progress.ts';
import type {
  ComponentPool,
  ComponentPoolOptions,
  HttpRequest,
  HttpResponse,
  Limits,
  LogEntry,
  PoolStats,
} from './types.ts';
import { type UploadShare, uploadShareOf } from './upload-share.ts';

/** Calls handed to a worker beyond those its instances can run, so that it never waits for the main thread. */
const readyCalls = 64;
const firstBackoffMs = 100;
const longestBackoffMs = 10_000;

/**
 * Compiles a component in a worker and keeps workers that answer its calls. Fails before any guest code runs when the
 * bytes are no component (ERR_COMPONENT_*), or import what was not granted (ERR_IMPORT_NOT_GRANTED).
 */
export async function startComponentPool(options: ComponentPoolOptions): Promise<ComponentPool> {
  // Without it V8 checks some loops for interruption too rarely to end them in time.
  setFlagsFromString('--no-wasm-dynamic-tiering');
  const pool = new Pool(options);
  await pool.start();
  return pool;
}

class Pool implements ComponentPool, LinkEvents {
  readonly #options: ComponentPoolOptions;
  readonly #limits: Limits;
  readonly #interfaces: readonly string[];
  readonly #workers: number;
  readonly #links = new Set<Link>();
  readonly #uploadShare: UploadShare;
  readonly #queue: Call[] = [];
  /** Calls whose bodies are due wait apart, so that they hold up none of the others. */
  readonly #uploads: Call[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  #config: readonly (readonly [string, string])[];
  #modules: readonly CoreModule[] | undefined;
  #starting: { resolve(): void; reject(error: ComponentError): void } | undefined;
  #watchdog: NodeJS.Timeout | undefined;
  #watching: NodeJS.Immediate | undefined;
  #isStopped = false;
  #open = 0;
  #calls = 0;
  #failures = 0;
  #restarts = 0;
  #droppedLines = 0;
  #startFailures = 0;

  constructor(options: ComponentPoolOptions) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#interfaces = [...options.grants.interfaces].filter(
      (name) => options.identity !== undefined || !name.startsWith('wasmcloud:identity'),
    );
    this.#workers = Math.max(1, options.workers ?? 1);
    this.#uploadShare = uploadShareOf(this.#limits.instances, this.#workers);
    this.#config = Object.entries(options.config);
  }

  /** Answers when the first worker has made its first instance. */
  async start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#starting = { resolve, reject };
      this.#spawn();
    });
    for (let count = 1; count < this.#workers; count += 1) this.#spawn();
  }

  #spawn(): void {
    if (this.#isStopped) return;
    const link = new Link(
      {
        name: `component ${this.#options.name}`.slice(0, 80),
        limits: this.#limits,
        identity: this.#options.identity,
        start: {
          bytes: this.#options.bytes,
          modules: this.#modules,
          limits: this.#limits,
          interfaces: this.#interfaces,
          config: this.#config,
          isFresh: this.#options.instancePolicy === 'fresh',
        },
      },
      this,
    );
    this.#links.add(link);
    this.#later(this.#limits.startMs, () => {
      if (link.isStarted || link.isEnded) return;
      void link.stop(
        new ComponentError(
          'ERR_COMPONENT_DEADLINE',
          `Cannot start the component: compiling and starting took longer than ${this.#limits.startMs} ms`,
        ),
      );
    });
  }

  #later(ms: number, fn: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      fn();
    }, ms);
    this.#timers.add(timer);
  }

  onStarted(link: Link, modules: readonly CoreModule[]): void {
    this.#modules = modules;
    this.#startFailures = 0;
    // The configuration may have changed while the worker started.
    link.setConfig(this.#config);
    this.#starting?.resolve();
    this.#starting = undefined;
    this.#dispatchQueued();
  }

  onEnded(link: Link, error: ComponentError, calls: Call[]): void {
    this.#links.delete(link);
    if (this.#starting !== undefined) {
      this.#starting.reject(error);
      this.#starting = undefined;
      this.#clear();
      return;
    }
    if (this.#isStopped) {
      for (const call of calls) call.fail(error);
      return;
    }
    this.#restarts += 1;
    this.#queue.unshift(...calls.filter((call) => !call.isBodyDue));
    this.#uploads.unshift(...calls.filter((call) => call.isBodyDue));
    this.#dispatchQueued();
    if (link.finished > 0) this.#startFailures = 0;
    const backoff =
      this.#startFailures === 0
        ? 0
        : Math.min(longestBackoffMs, firstBackoffMs * 2 ** (this.#startFailures - 1));
    this.#startFailures += 1;
    // A thread that is compiling cannot be ended: without this wait a component could pile them up.
    void link.gone.then(() => {
      if (backoff === 0) this.#spawn();
      else if (!this.#isStopped) this.#later(backoff, () => this.#spawn());
    });
  }

  onDone(_link: Link): void {
    if (this.#queue.length > 0 || this.#uploads.length > 0) this.#dispatchQueued();
  }

  onLog(entry: LogEntry): void {
    try {
      this.#options.onLog?.(entry);
    } catch {
      // The log of the host must not end a component.
    }
  }

  onDroppedLines(lines: number): void {
    this.#droppedLines += lines;
  }

  handleHttp(request: HttpRequest, options?: { readonly signal?: AbortSignal }): Promise<HttpResponse> {
    const signal = options?.signal;
    const refusal = this.#refusal(request, signal);
    if (refusal !== undefined) return Promise.reject(refusal);
    return new Promise((resolve, reject) => {
      this.#open += 1;
      this.#calls += 1;
      let onAbort: (() => void) | undefined;
      const call = new Call(
        request,
        monotonicMs(),
        resolve,
        (error) => {
          this.#failures += 1;
          reject(error);
        },
        () => {
          this.#open -= 1;
          if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
        },
      );
      if (signal !== undefined) {
        onAbort = () => this.#abort(call);
        signal.addEventListener('abort', onAbort, { once: true });
      }
      this.#dispatch(call);
      if (this.#watchdog === undefined) this.#armWatchdog(this.#limits.deadlineMs);
    });
  }

  #refusal(request: HttpRequest, signal: AbortSignal | undefined): ComponentError | undefined {
    if (this.#isStopped) return stopped();
    if (signal?.aborted === true) return aborted();
    const { queue } = this.#limits;
    // Stalled clients must not fill the queue either.
    const isFull =
      this.#open >= queue ||
      (this.#uploads.length >= Math.max(1, Math.floor(queue / 2)) && isUpload(request));
    if (!isFull) return undefined;
    return new ComponentError(
      'ERR_COMPONENT_QUEUE_FULL',
      `The component ${JSON.stringify(this.#options.name)} has ${this.#open} open calls already`,
    );
  }

  #abort(call: Call): void {
    call.fail(aborted());
    for (const queue of [this.#queue, this.#uploads]) {
      const index = queue.indexOf(call);
      if (index !== -1) queue.splice(index, 1);
    }
    for (const link of this.#links) link.cancel(call, 'ERR_COMPONENT_ABORTED');
  }

  #dispatch(call: Call): void {
    const queue = call.isBodyDue ? this.#uploads : this.#queue;
    const link = queue.length > 0 ? undefined : this.#linkFor(call.isBodyDue);
    if (link === undefined) queue.push(call);
    else link.dispatch(call);
  }

  #linkFor(isUpload: boolean): Link | undefined {
    const { inPool, inWorker, fillsWorker } = this.#uploadShare;
    const mostUploads = isUpload ? inWorker : fillsWorker;
    let freest: Link | undefined;
    let uploads = 0;
    for (const link of this.#links) {
      uploads += link.uploads;
      if (
        link.isStarted &&
        link.uploads < mostUploads &&
        link.inFlight < (freest?.inFlight ?? this.#limits.instances + readyCalls)
      )
        freest = link;
    }
    return isUpload && uploads >= inPool ? undefined : freest;
  }

  #dispatchQueued(): void {
    // Uploads take no more than their share, so going first they leave enough to the others.
    for (const queue of [this.#uploads, this.#queue]) {
      while (queue.length > 0) {
        const link = this.#linkFor(queue === this.#uploads);
        if (link === undefined) break;
        const call = queue.shift();
        if (call !== undefined && !call.isFailed) link.dispatch(call);
      }
    }
  }

  #armWatchdog(ms: number): void {
    this.#watchdog = setTimeout(
      () => {
        // Timers come first after this thread has stalled: the answers that came meanwhile count.
        this.#watching = setImmediate(() => this.#watch());
      },
      Math.max(1, Math.ceil(ms)),
    );
  }

  #watch(): void {
    this.#watchdog = undefined;
    const { deadlineMs } = this.#limits;
    const waitMs = waitMsOf(this.#limits);
    const now = monotonicMs();
    let next = now + deadlineMs;
    for (const link of this.#links) next = Math.min(next, link.check(now));
    for (const queue of [this.#queue, this.#uploads]) {
      // In the order of acceptance: the first that may go on waiting ends the search.
      for (let first = queue[0]; first !== undefined; first = queue[0]) {
        if (!first.isFailed && first.acceptedAt + waitMs > now) break;
        first.fail(waitedTooLong(waitMs));
        queue.shift();
      }
    }
    if (this.#hasWork()) this.#armWatchdog(next - now);
  }

  /** An answered or aborted call counts for as long as guest code may run for it. */
  #hasWork(): boolean {
    if (this.#open > 0) return true;
    for (const link of this.#links) if (link.inFlight > 0) return true;
    return false;
  }

  setConfig(config: Readonly<Record<string, string>>): void {
    this.#config = Object.entries(config);
    for (const link of this.#links) link.setConfig(this.#config);
  }

  stats(): PoolStats {
    let inFlight = 0;
    let workers = 0;
    for (const link of this.#links) {
      inFlight += link.inFlight;
      if (link.isStarted) workers += 1;
    }
    return {
      workers,
      inFlight,
      queued: this.#queue.length + this.#uploads.length,
      calls: this.#calls,
      failures: this.#failures,
      restarts: this.#restarts,
      droppedLogLines: this.#droppedLines,
    };
  }

  #clear(): void {
    this.#isStopped = true;
    clearTimeout(this.#watchdog);
    clearImmediate(this.#watching);
    this.#watchdog = undefined;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  async stop(): Promise<void> {
    this.#clear();
    for (const call of [...this.#queue.splice(0), ...this.#uploads.splice(0)]) call.fail(stopped());
    await Promise.all([...this.#links].map((link) => link.stop(stopped())));
  }
}
