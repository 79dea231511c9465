import { SpiffeError } from '../../errors.ts';
import { GRPC_STATUS, GrpcStatusError } from './status.ts';

const LONGEST_TIMEOUT_MS = 99_999_999;

/** What one call carries, and what ends it. */
export interface GrpcCallOptions {
  /** Headers beside those of gRPC, names in lower case. Default: none. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Cancels the call, which then throws SpiffeError `ERR_ABORTED`. */
  readonly signal?: AbortSignal | undefined;
  /** Time limit in ms, connecting included, after which the call throws DEADLINE_EXCEEDED. Default: none. */
  readonly timeoutMs?: number | undefined;
}

/** What may end one call from outside: its signal and its time limit, which cover connecting and a second try as well. */
export class CallLimits {
  readonly #signal: AbortSignal | undefined;
  readonly #deadline: number | undefined;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #onAbort: () => void;
  #failure: SpiffeError | undefined;
  #listener: ((failure: SpiffeError) => void) | undefined;

  /** Throws SpiffeError `ERR_ABORTED` when the signal is aborted already. */
  constructor(path: string, options: GrpcCallOptions) {
    const { signal, timeoutMs } = options;
    const abort = (): SpiffeError =>
      new SpiffeError('ERR_ABORTED', `Call ${path} was aborted`, { cause: signal?.reason });
    if (signal?.aborted === true) {
      throw abort();
    }
    this.#signal = signal;
    this.#onAbort = (): void => {
      this.#fail(abort());
    };
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (timeoutMs !== undefined) {
      this.#deadline = performance.now() + timeoutMs;
      this.#timer = setTimeout(() => {
        const text = `Call ${path} did not finish within ${timeoutMs} ms`;
        this.#fail(new GrpcStatusError(GRPC_STATUS.DEADLINE_EXCEEDED, text));
      }, timeoutMs);
    }
  }

  get failure(): SpiffeError | undefined {
    return this.#failure;
  }

  /** What is left of the time limit, as the header `grpc-timeout` says it. */
  get timeoutHeader(): string | undefined {
    if (this.#deadline === undefined) {
      return undefined;
    }
    const leftMs = Math.ceil(this.#deadline - performance.now());
    return `${Math.min(LONGEST_TIMEOUT_MS, Math.max(1, leftMs))}m`;
  }

  /** Waits, but no longer than the limits let. What comes later is dropped. */
  async race<T>(promise: Promise<T>): Promise<T> {
    promise.catch(() => {});
    const limited = new Promise<never>((_resolve, reject) => {
      this.onFailure(reject);
    });
    return await Promise.race([promise, limited]);
  }

  /** Names the one who is told when a limit is hit; at once when that has happened already. */
  onFailure(listener: (failure: SpiffeError) => void): void {
    this.#listener = listener;
    if (this.#failure !== undefined) {
      listener(this.#failure);
    }
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#listener = undefined;
  }

  #fail(failure: SpiffeError): void {
    if (this.#failure === undefined) {
      this.#failure = failure;
      this.#listener?.(failure);
    }
  }
}
