import http2 from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2';
import type { Duplex } from 'node:stream';

import { KeepAlive } from './keep-alive.ts';
import type { KeepAliveOptions } from './keep-alive.ts';

/** One HTTP/2 connection on an open socket. It lets the process end, and is not probed, while no call is on it. */
export class GrpcConnection {
  readonly #session: ClientHttp2Session;
  readonly #socket: Duplex;
  readonly #keepAlive: KeepAlive;
  readonly #closed: Promise<void>;
  #openCalls = 0;
  #isUsed = false;
  #isLeaving = false;

  constructor(socket: Duplex, keepAlive: KeepAliveOptions) {
    const session = http2.connect('http://localhost', {
      createConnection: () => socket,
      settings: { enablePush: false },
    });
    // Each call on the session reports the failure; without a listener it would end the process as well.
    session.on('error', () => {});
    session.on('goaway', () => {
      this.#isLeaving = true;
    });
    this.#closed = new Promise((resolve) => {
      const finish = (): void => {
        this.#keepAlive.stop();
        resolve();
      };
      session.once('close', finish);
      socket.once('close', finish);
    });
    session.unref();
    this.#session = session;
    this.#socket = socket;
    this.#keepAlive = new KeepAlive(session, socket, keepAlive, (error) => {
      this.destroy(error);
    });
  }

  /** True when a new call may start on it. */
  get isUsable(): boolean {
    return !this.#isLeaving && !this.#session.closed && !this.#session.destroyed;
  }

  /** True once a call has started on it. */
  get isUsed(): boolean {
    return this.#isUsed;
  }

  get closed(): Promise<void> {
    return this.#closed;
  }

  /** Starts a call, which must be given back by `release`. */
  request(headers: OutgoingHttpHeaders): ClientHttp2Stream {
    const stream = this.#session.request(headers);
    this.#isUsed = true;
    this.#openCalls += 1;
    this.#session.ref();
    this.#keepAlive.start();
    return stream;
  }

  release(): void {
    this.#openCalls -= 1;
    if (this.#openCalls === 0) {
      this.#keepAlive.stop();
      this.#session.unref();
      if (this.#isLeaving) {
        this.destroy();
      }
    }
  }

  /** Ends every call on it. */
  destroy(error?: Error): void {
    this.#session.destroy(error);
    // A session whose peer went away in the middle of a write over TLS waits for ever for that write.
    this.#socket.destroy();
  }
}
