import assert from 'node:assert/strict';
import { ResultError, Trap } from '../../src/errors.ts';
import type { HostClock } from '../../src/wasi/clocks.ts';

/** Runs `fn` and answers the payload of the error result it throws. */
export function payloadOf(fn: () => unknown): unknown {
  try {
    fn();
  } catch (error) {
    if (error instanceof ResultError) return error.payload;
    throw error;
  }
  return assert.fail('no error result was thrown');
}

export function isTrap(code: string): (error: unknown) => boolean {
  return (error) => error instanceof Trap && error.code === code;
}

/** A clock that moves when told to. */
export class FakeClock implements HostClock {
  now = 0;
  wall = 1_700_000_000_123.75;
  #timers: { at: number; fn: () => void }[] = [];

  monotonicMs(): number {
    return this.now;
  }

  wallMs(): number {
    return this.wall;
  }

  setTimeout(fn: () => void, ms: number): unknown {
    const timer = { at: this.now + ms, fn };
    this.#timers.push(timer);
    return timer;
  }

  clearTimeout(timer: unknown): void {
    this.#timers = this.#timers.filter((each) => each !== timer);
  }

  get timers(): number {
    return this.#timers.length;
  }

  advance(ms: number): void {
    this.now += ms;
    const due = this.#timers.filter((timer) => timer.at <= this.now);
    this.#timers = this.#timers.filter((timer) => timer.at > this.now);
    for (const timer of due) timer.fn();
  }
}

/** The functions of an interface, callable in a test. */
export function callable(functions: object): Record<string, (...args: unknown[]) => unknown> {
  return functions as Record<string, (...args: unknown[]) => unknown>;
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (value: Uint8Array): string => new TextDecoder().decode(value);
