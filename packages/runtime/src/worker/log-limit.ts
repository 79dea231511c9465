import type { LogLevel } from './types.ts';

/** Passes on so many lines per second and counts the rest. */
export class LogLimit {
  readonly #perSecond: number;
  readonly #write: (level: LogLevel, context: string, message: string) => void;
  readonly #onDropped: (lines: number) => void;
  readonly #now: () => number;
  #second = -1;
  #written = 0;
  #dropped = 0;

  constructor(
    perSecond: number,
    write: (level: LogLevel, context: string, message: string) => void,
    onDropped: (lines: number) => void,
    now: () => number,
  ) {
    this.#perSecond = perSecond;
    this.#write = write;
    this.#onDropped = onDropped;
    this.#now = now;
  }

  write(level: LogLevel, context: string, message: string): void {
    const second = Math.floor(this.#now() / 1000);
    if (second !== this.#second) {
      this.report();
      this.#second = second;
      this.#written = 0;
    }
    if (this.#written >= this.#perSecond) {
      this.#dropped += 1;
      return;
    }
    this.#written += 1;
    this.#write(level, context, message);
  }

  /** Tells how many lines were dropped since the last report. */
  report(): void {
    if (this.#dropped === 0) return;
    this.#onDropped(this.#dropped);
    this.#dropped = 0;
  }
}
