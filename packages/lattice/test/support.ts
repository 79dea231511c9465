import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Clock, Timer } from '../src/clock.ts';
import type { LatticeErrorCode } from '../src/errors.ts';

export function bytes(text: string): Uint8Array {
  return Buffer.from(text, 'utf8');
}

/** Asserts that `run` throws an error with this code and returns the error. */
export function throwsCode(code: LatticeErrorCode, run: () => unknown): Error {
  try {
    run();
  } catch (error) {
    assert.equal((error as { code?: unknown }).code, code);
    return error as Error;
  }
  return assert.fail(`nothing was thrown instead of ${code}`);
}

export async function rejectsCode(code: LatticeErrorCode, promise: Promise<unknown>): Promise<Error> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.equal((error as { code?: unknown } | undefined)?.code, code);
  return error as Error;
}

/** A fresh folder that is gone after the test. */
export function scratchDir(context: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'muster-lattice-'));
  context.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A clock that stands still until told. Timers run in order of their time. */
export class TestClock implements Clock {
  #now: number;
  #timers = new Set<{ at: number; callback: () => void }>();

  constructor(now = Date.parse('2026-01-02T03:04:05.678Z')) {
    this.#now = now;
  }

  get timers(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#now;
  }

  setTimeout(callback: () => void, delayMs: number): Timer {
    const timer = { at: this.#now + delayMs, callback };
    this.#timers.add(timer);
    return timer;
  }

  clearTimeout(timer: Timer): void {
    this.#timers.delete(timer as { at: number; callback: () => void });
  }

  /** Moves on by `delayMs` and lets promises settle after each timer. */
  async advance(delayMs: number): Promise<void> {
    const until = this.#now + delayMs;
    for (;;) {
      const next = [...this.#timers].sort((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > until) break;
      this.#timers.delete(next);
      this.#now = next.at;
      next.callback();
      await settle();
    }
    this.#now = until;
    await settle();
  }
}

/** Lets every promise that is ready run. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
