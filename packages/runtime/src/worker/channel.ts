import type { Transferable } from 'node:worker_threads';

/** Where messages leave a thread: a Worker or a MessagePort. */
export interface MessageTarget {
  postMessage(value: unknown, transfer: readonly Transferable[] | undefined): void;
}

/** Smaller bytes are copied, larger ones handed over. */
const transferFromBytes = 16_384;

/**
 * Bytes fit to be posted: their buffer holds nothing else, because cloning a view clones the whole buffer behind it.
 * `isOwned` says that the sender will not look at them again.
 */
export function detachable(bytes: Uint8Array, isOwned: boolean): Uint8Array {
  const isExact = bytes.byteLength === bytes.buffer.byteLength && bytes.constructor === Uint8Array;
  return isExact && isOwned ? bytes : new Uint8Array(bytes);
}

/** As many messages leave without waiting for the end of the turn, so that the other side can begin. */
const flushFrom = 8;

/** Collects the messages of one event-loop turn and posts them together: waking the other thread is what costs. */
export class Outbox<Message extends readonly unknown[]> {
  readonly #target: MessageTarget;
  readonly #schedule: (flush: () => void) => void;
  #messages: Message[] = [];
  #transfer: ArrayBuffer[] | undefined;
  #isScheduled = false;

  constructor(target: MessageTarget, schedule: (flush: () => void) => void = setImmediate) {
    this.#target = target;
    this.#schedule = schedule;
  }

  send(message: Message, bytes?: Uint8Array): void {
    this.#messages.push(message);
    if (bytes !== undefined && bytes.length >= transferFromBytes) {
      this.#transfer ??= [];
      this.#transfer.push(bytes.buffer as ArrayBuffer);
    }
    if (this.#messages.length >= flushFrom) {
      this.#post();
    } else if (!this.#isScheduled) {
      this.#isScheduled = true;
      this.#schedule(this.flush);
    }
  }

  /** Whether there is something that has not been posted. */
  get isPending(): boolean {
    return this.#messages.length > 0;
  }

  readonly flush = (): void => {
    this.#isScheduled = false;
    if (this.#messages.length > 0) this.#post();
  };

  #post(): void {
    const messages = this.#messages;
    const transfer = this.#transfer;
    this.#messages = [];
    this.#transfer = undefined;
    this.#target.postMessage(messages, transfer);
  }
}
