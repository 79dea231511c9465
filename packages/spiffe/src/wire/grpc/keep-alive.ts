import type { ClientHttp2Session } from 'node:http2';
import type { Duplex } from 'node:stream';

import { GRPC_STATUS, GrpcStatusError } from './status.ts';

export interface KeepAliveOptions {
  /** Time between two probes while a call is open, in ms. */
  readonly everyMs: number;
  /** Time within which the peer must show a sign of life, in ms. */
  readonly timeoutMs: number;
}

/**
 * Finds out that a peer is stopped or gone without having closed the connection, and reports that once.
 *
 * A probe is an empty SETTINGS frame, which every HTTP/2 peer must acknowledge at once (RFC 9113 section 6.5.3). PING would
 * be the obvious frame, but servers of gRPC-Go count pings more frequent than every five minutes as an offence and hang
 * up after the third; they acknowledge SETTINGS without counting.
 */
export class KeepAlive {
  readonly #session: ClientHttp2Session;
  readonly #socket: Duplex;
  readonly #options: KeepAliveOptions;
  readonly #onSilent: (error: GrpcStatusError) => void;
  #timer: NodeJS.Timeout | undefined;
  #isRunning = false;

  constructor(
    session: ClientHttp2Session,
    socket: Duplex,
    options: KeepAliveOptions,
    onSilent: (error: GrpcStatusError) => void,
  ) {
    this.#session = session;
    this.#socket = socket;
    this.#options = options;
    this.#onSilent = onSilent;
  }

  start(): void {
    if (!this.#isRunning) {
      this.#isRunning = true;
      this.#waitForNext();
    }
  }

  stop(): void {
    this.#isRunning = false;
    clearTimeout(this.#timer);
  }

  #waitForNext(): void {
    this.#arm(this.#options.everyMs, () => {
      this.#probe();
    });
  }

  #probe(): void {
    const session = this.#session;
    const bytesBefore = this.#bytesRead();
    let isAnswered = false;
    try {
      session.settings({}, () => {
        isAnswered = true;
        if (this.#isRunning) {
          this.#waitForNext();
        }
      });
    } catch {
      // Too many probes wait for their answer, or the session ends: the time limit below or the session itself tells.
    }
    this.#arm(this.#options.timeoutMs, () => {
      // This process may have been the one that was stopped or busy: then the answer waits to be read. Reading comes
      // between here and the second of two turns of the loop.
      setImmediate(() => {
        setImmediate(() => {
          if (!this.#isRunning || isAnswered || session.destroyed) {
            return;
          }
          if (this.#bytesRead() !== bytesBefore) {
            this.#waitForNext();
            return;
          }
          this.#isRunning = false;
          this.#onSilent(
            new GrpcStatusError(
              GRPC_STATUS.UNAVAILABLE,
              `The peer is silent: the connection must show a sign of life within ${this.#options.timeoutMs} ms`,
            ),
          );
        });
      });
    });
  }

  #arm(delayMs: number, then: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(then, delayMs);
  }

  /** Whatever comes from the peer is a sign of life, an acknowledgement behind a long message may take its time. */
  #bytesRead(): number {
    const { bytesRead } = this.#socket as { readonly bytesRead?: unknown };
    return typeof bytesRead === 'number' ? bytesRead : 0;
  }
}
