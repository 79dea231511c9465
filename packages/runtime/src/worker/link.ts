import type { Worker } from 'node:worker_threads';
import type { CoreModule } from '../engine.ts';
import { ComponentError, type ComponentErrorCode } from '../errors.ts';
import { BodyPump } from './body-pump.ts';
import type { Call } from './call.ts';
import { Outbox, detachable } from './channel.ts';
import {
  brokenProtocol,
  endedWithoutResponse,
  tookTooLong,
  waitedTooLong,
  workerFailed,
  workerStuck,
} from './failures.ts';
import { waitMsOf } from './limits.ts';
import { Progress } from './progress.ts';
import {
  bodyKind,
  responsePhase,
  toMain,
  toWorker,
  type ToMain,
  type ToWorker,
  type WorkerStart,
} from './protocol.ts';
import { spawnWorker } from './spawn.ts';
import type { IdentitySource, Limits, LogEntry } from './types.ts';

/** What a link tells its pool. */
export interface LinkEvents {
  onStarted(link: Link, modules: readonly CoreModule[]): void;
  /** The worker is gone or given up; `calls` had not begun and may be tried elsewhere. */
  onEnded(link: Link, error: ComponentError, calls: Call[]): void;
  /** A call left the worker, or need no longer wait for its body. */
  onDone(link: Link): void;
  onLog(entry: LogEntry): void;
  onDroppedLines(lines: number): void;
}

export interface LinkOptions {
  readonly name: string;
  readonly limits: Limits;
  readonly identity: IdentitySource | undefined;
  readonly start: Omit<WorkerStart, 'progress'>;
}

/** One worker and the calls it has. */
export class Link {
  /** Undefined until the worker has made its first instance. */
  isStarted = false;
  isEnded = false;
  /** Calls of this worker whose bodies are due. */
  uploads = 0;
  /** Calls this worker has finished. */
  finished = 0;
  readonly #options: LinkOptions;
  readonly #events: LinkEvents;
  readonly #worker: Worker;
  readonly #progress: Progress;
  readonly #outbox: Outbox<ToWorker>;
  readonly #calls = new Map<number, Call>();
  readonly #identityAbort = new AbortController();
  #lastId = 0;
  #terminated: Promise<unknown> | undefined;

  constructor(options: LinkOptions, events: LinkEvents) {
    this.#options = options;
    this.#events = events;
    const { limits } = options;
    this.#progress = new Progress(limits.instances);
    this.#worker = spawnWorker(options.name, limits, { ...options.start, progress: this.#progress.buffer });
    this.#outbox = new Outbox<ToWorker>(this.#worker);
    this.#worker.on('message', (messages: readonly ToMain[]) => this.#receiveAll(messages));
    this.#worker.on('messageerror', () => this.#end(brokenProtocol()));
    this.#worker.on('error', (error: NodeJS.ErrnoException) => this.#end(workerFailed(error)));
    this.#worker.on('exit', () => this.#end(workerFailed()));
  }

  /** Settles when the thread has ended, which after `isEnded` takes as long as the engine compiles a function. */
  get gone(): Promise<unknown> {
    return this.#terminated ?? Promise.resolve();
  }

  /** Calls that the worker has not finished. */
  get inFlight(): number {
    return this.#calls.size;
  }

  dispatch(call: Call): void {
    const { request } = call;
    this.#lastId += 1;
    const id = this.#lastId;
    call.id = id;
    this.#calls.set(id, call);
    if (call.isBodyDue) this.uploads += 1;
    const headers: string[] = [];
    for (const [name, value] of request.headers) headers.push(name, value);
    const kind = call.bodyKind;
    // The caller may go on using its bytes.
    const body = kind === bodyKind.whole ? detachable(request.body as Uint8Array, false) : undefined;
    this.#send(
      [
        toWorker.call,
        id,
        request.method,
        request.scheme,
        request.authority,
        request.pathWithQuery,
        headers,
        kind,
        body,
      ],
      body,
    );
  }

  #send(message: ToWorker, bytes?: Uint8Array): void {
    if (!this.isEnded) this.#outbox.send(message, bytes);
  }

  setConfig(entries: readonly (readonly [string, string])[]): void {
    this.#send([toWorker.config, entries]);
  }

  /** The caller is answered already; the worker is asked to give up the call. */
  cancel(call: Call, code: ComponentErrorCode): void {
    if (this.#calls.get(call.id) === call) this.#send([toWorker.cancel, call.id, code]);
  }

  /** A worker is trusted no more than its guest: whatever it sends, only the worker suffers. */
  #receiveAll(messages: readonly ToMain[]): void {
    try {
      for (const message of messages) this.#receive(message);
    } catch {
      this.#end(brokenProtocol());
    }
  }

  #receive(message: ToMain): void {
    if (this.isEnded) return;
    switch (message[0]) {
      case toMain.started:
        this.isStarted = true;
        this.#events.onStarted(this, message[1]);
        return;
      case toMain.startFailed:
        this.#end(new ComponentError(message[1], message[2]));
        return;
      case toMain.jwt:
        void this.#answerJwt(message[1], message[2]);
        return;
      case toMain.log:
        this.#events.onLog({ level: message[1], context: message[2], message: message[3] });
        return;
      case toMain.dropped:
        this.#events.onDroppedLines(message[1]);
        return;
      case toMain.response:
      case toMain.chunk:
      case toMain.end:
      case toMain.failed:
      case toMain.done:
      case toMain.credit: {
        const call = this.#calls.get(message[1]);
        if (call !== undefined) this.#receiveFor(call, message);
      }
    }
  }

  #receiveFor(
    call: Call,
    message: Extract<
      ToMain,
      readonly [
        (
          | typeof toMain.response
          | typeof toMain.chunk
          | typeof toMain.end
          | typeof toMain.failed
          | typeof toMain.done
          | typeof toMain.credit
        ),
        ...unknown[],
      ]
    >,
  ): void {
    switch (message[0]) {
      case toMain.response: {
        const [, id, phase, status, headers, body] = message;
        call.respond(status, headers, body, phase !== responsePhase.streaming, (bytes) =>
          this.#send([toWorker.credit, id, bytes]),
        );
        if (phase === responsePhase.done) this.#finish(call);
        return;
      }
      case toMain.chunk:
        call.chunk(message[2]);
        return;
      case toMain.end:
        call.endResponse();
        return;
      case toMain.failed:
        call.fail(new ComponentError(message[2], message[3]));
        this.#finish(call);
        return;
      case toMain.done:
        this.#finish(call);
        return;
      case toMain.credit:
        this.#creditBody(call, message[2]);
    }
  }

  #finish(call: Call): void {
    this.#calls.delete(call.id);
    this.#settleBody(call);
    this.finished += 1;
    call.pump?.stop();
    // A worker that says "done" without an answer breaks the protocol; the caller must not hang.
    if (!call.isSettled) {
      call.fail(endedWithoutResponse());
    }
    this.#events.onDone(this);
  }

  #settleBody(call: Call): void {
    if (!call.isBodyDue) return;
    call.isBodyDue = false;
    this.uploads -= 1;
  }

  #creditBody(call: Call, bytes: number): void {
    const { body } = call.request;
    if (body === undefined || body instanceof Uint8Array) return;
    call.pump ??= new BodyPump(body, this.#options.limits.bodyBytes, {
      chunk: (piece) => {
        const ready = detachable(piece, false);
        this.#send([toWorker.bodyChunk, call.id, ready], ready);
      },
      end: (failure) => {
        this.#send([toWorker.bodyEnd, call.id, failure]);
        this.#settleBody(call);
        this.#events.onDone(this);
      },
    });
    call.pump.credit(bytes);
    if (bytes >= 0) return;
    this.#settleBody(call);
    this.#events.onDone(this);
  }

  async #answerJwt(id: number, audience: string): Promise<void> {
    const { identity } = this.#options;
    try {
      if (identity === undefined) throw new Error('no identity source');
      const answer = await identity.getJwt(audience, this.#identityAbort.signal);
      this.#send([toWorker.jwt, id, true, answer?.token]);
    } catch {
      this.#send([toWorker.jwt, id, false, undefined]);
    }
  }

  /** Ends calls that run for too long, also those whose caller has gone; answers when to look again. */
  check(now: number): number {
    const { deadlineMs } = this.#options.limits;
    const waitMs = waitMsOf(this.#options.limits);
    let next = now + deadlineMs;
    for (let slot = 0; slot < this.#progress.slots; slot += 1) {
      const call = this.#calls.get(this.#progress.callIn(slot));
      if (call === undefined) continue;
      const due = this.#progress.sinceOf(slot) + deadlineMs;
      if (due > now) next = Math.min(next, due);
      else this.#expire(call);
    }
    for (const call of this.#calls.values()) {
      if (!this.#progress.hasBegun(call.id) && !call.isFailed && call.acceptedAt + waitMs <= now) {
        call.fail(waitedTooLong(waitMs));
        this.cancel(call, 'ERR_COMPONENT_DEADLINE');
      }
    }
    return next;
  }

  #expire(call: Call): void {
    const { deadlineMs, graceMs } = this.#options.limits;
    call.fail(tookTooLong(deadlineMs));
    this.cancel(call, 'ERR_COMPONENT_DEADLINE');
    const endIfStuck = (): void => {
      if (this.#calls.get(call.id) === call) this.#end(workerStuck());
    };
    // What the worker has said by then is read first.
    setTimeout(() => setImmediate(endIfStuck), graceMs);
  }

  /** Ends the worker; calls that had begun fail with `error`. */
  #end(error: ComponentError): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.#identityAbort.abort();
    this.#terminated = this.#worker.terminate();
    const untouched: Call[] = [];
    for (const call of this.#calls.values()) {
      call.pump?.stop();
      if (!this.#progress.hasBegun(call.id) && !call.isFailed) untouched.push(call);
      else call.fail(error);
    }
    this.#calls.clear();
    this.#events.onEnded(this, error, untouched);
  }

  async stop(error: ComponentError): Promise<void> {
    this.#end(error);
    await this.#terminated;
  }
}
