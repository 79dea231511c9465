import type { ClientHttp2Session } from 'node:http2';
import type { Duplex } from 'node:stream';

import { GRPC_STATUS, GrpcStatusError } from './status.ts';

const SLICES = 4;

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
    const bytesBefore = this.#bytesRead();
    let isAnswered = false;
    try {
      this.#session.settings({}, () => {
        isAnswered = true;
        if (this.#isRunning) {
          this.#waitForNext();
        }
      });
    } catch {
      // Too many probes wait for their answer, or the session ends: the time limit below or the session itself tells.
    }
    this.#watch(() => isAnswered || this.#bytesRead() !== bytesBefore);
  }

  /**
   * Counts slices of the time limit until there is a sign of life. This process may have been the one that was stopped or
   * busy, and the answer waits to be read: however long that took, it counts as one slice.
   */
  #watch(isAlive: () => boolean, slicesLeft: number = SLICES): void {
    this.#arm(this.#options.timeoutMs / SLICES, () => {
      // The loop reads from sockets between a timer and what setImmediate runs.
      setImmediate(() => {
        if (!this.#isRunning || this.#session.destroyed) {
          return;
        }
        if (isAlive()) {
          this.#waitForNext();
        } else if (slicesLeft > 1) {
          this.#watch(isAlive, slicesLeft - 1);
        } else {
          this.#giveUp();
        }
      });
    });
  }

  #giveUp(): void {
    this.#isRunning = false;
    const text = `The peer is silent: the connection must show a sign of life within ${this.#options.timeoutMs} ms`;
    this.#onSilent(new GrpcStatusError(GRPC_STATUS.UNAVAILABLE, text));
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
