import type { LogLevel } from '../worker/types.ts';
import type { ByteSink } from './io-streams.ts';

/** A longer line is cut. */
export const maxLineBytes = 8192;
export const maxContextLength = 256;

/** Takes a finished log line of the guest. */
export type WriteLog = (level: LogLevel, context: string, message: string) => void;

/** Cuts a text to a length without splitting a surrogate pair. */
export function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  const end = (text.charCodeAt(length - 1) & 0xfc00) === 0xd800 ? length - 1 : length;
  return `${text.slice(0, end)}…`;
}

const newline = 0x0a;

/** A stdout or stderr of a guest: whole lines go to the log. */
export class LineSink implements ByteSink {
  readonly #write: (line: string) => void;
  readonly #buffer = Buffer.alloc(maxLineBytes);
  #used = 0;
  #isCut = false;

  constructor(level: LogLevel, context: string, write: WriteLog) {
    this.#write = (line) => write(level, context, line);
  }

  budget(): number {
    return 65_536;
  }

  isReady(): boolean {
    return true;
  }

  onReady(wake: () => void): () => void {
    wake();
    return () => {};
  }

  write(bytes: Uint8Array): void {
    for (let start = 0; start < bytes.length;) {
      const found = bytes.indexOf(newline, start);
      const end = found === -1 ? bytes.length : found;
      this.#append(bytes.subarray(start, end));
      if (found !== -1) this.#endLine();
      start = end + 1;
    }
  }

  #append(bytes: Uint8Array): void {
    const room = maxLineBytes - this.#used;
    if (bytes.length > room) this.#isCut = true;
    const taken = bytes.length > room ? bytes.subarray(0, room) : bytes;
    this.#buffer.set(taken, this.#used);
    this.#used += taken.length;
  }

  #endLine(): void {
    const text = this.#buffer.toString('utf8', 0, this.#used).replace(/\r$/, '');
    this.#write(this.#isCut ? `${text}…` : text);
    this.#used = 0;
    this.#isCut = false;
  }

  /** A flush does not end a line. */
  flush(): void {}

  close(): void {}

  /** Writes out what has no newline yet; at the end of each call. */
  endCall(): void {
    if (this.#used > 0) this.#endLine();
  }
}
