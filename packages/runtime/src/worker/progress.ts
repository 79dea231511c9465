/**
 * What a worker tells without sending a message, so that the main thread knows it even of a worker that spins: how many
 * calls it has begun, and for each instance which call runs in it and since when.
 */
export class Progress {
  readonly buffer: SharedArrayBuffer;
  readonly #counts: Int32Array;
  readonly #since: Float64Array;
  readonly #calls: Float64Array;

  /** Slots are instances; `buffer` is given on the worker's side. */
  constructor(slots: number, buffer?: SharedArrayBuffer) {
    this.buffer = buffer ?? new SharedArrayBuffer(8 + slots * 16);
    this.#since = new Float64Array(this.buffer, 8, slots);
    this.#counts = new Int32Array(this.buffer, 0, 2);
    this.#calls = new Float64Array(this.buffer, 8 + slots * 8, slots);
  }

  get slots(): number {
    return this.#calls.length;
  }

  /** Whether the worker has taken a call from its queue; calls are numbered from 1 in the order of sending. */
  hasBegun(call: number): boolean {
    // The count wraps around, the numbers do not.
    return ((call - Atomics.load(this.#counts, 0)) | 0) <= 0;
  }

  countBegun(): void {
    Atomics.add(this.#counts, 0, 1);
  }

  enter(slot: number, call: number): void {
    this.#since[slot] = monotonicMs();
    this.#calls[slot] = call;
  }

  leave(slot: number): void {
    this.#calls[slot] = 0;
  }

  /** The call in a slot, 0 for none. */
  callIn(slot: number): number {
    return this.#calls[slot] ?? 0;
  }

  sinceOf(slot: number): number {
    return this.#since[slot] ?? 0;
  }
}

/** Milliseconds on the clock that all threads of this process share. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}
