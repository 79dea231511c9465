import type { Transferable } from 'node:worker_threads';

/** Where messages leave a thread: a Worker or a MessagePort. */
export interface MessageTarget {
  postMessage(value: unknown, transfer?: readonly Transferable[]): void;
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

/** Collects the messages of one turn and posts them together. */
export class Outbox<Message extends readonly unknown[]> {
  readonly #target: MessageTarget;
  readonly #schedule: (flush: () => void) => void;
  #messages: Message[] = [];
  #transfer: ArrayBuffer[] = [];

  constructor(target: MessageTarget, schedule: (flush: () => void) => void) {
    this.#target = target;
    this.#schedule = schedule;
  }

  send(message: Message, bytes?: Uint8Array): void {
    if (this.#messages.length === 0) this.#schedule(this.flush);
    this.#messages.push(message);
    if (bytes !== undefined && bytes.length >= transferFromBytes)
      this.#transfer.push(bytes.buffer as ArrayBuffer);
  }

  readonly flush = (): void => {
    const messages = this.#messages;
    if (messages.length === 0) return;
    this.#messages = [];
    const transfer = this.#transfer;
    this.#transfer = [];
    this.#target.postMessage(messages, transfer);
  };
}
