import { ComponentError } from '../errors.ts';
import type { CompileLimits } from './limits.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** What is left of the limits while one binary is read; shared by all readers of that binary. */
export interface ReadBudget {
  readonly limits: CompileLimits;
  items: number;
}

export function createReadBudget(limits: CompileLimits): ReadBudget {
  return { limits, items: limits.items };
}

export function malformed(message: string, at: number): ComponentError {
  return new ComponentError('ERR_COMPONENT_MALFORMED', `Cannot read the component at byte ${at}: ${message}`);
}

/** A cursor over one range of the binary. Never reads past its end and never allocates before a count is checked. */
export class Reader {
  readonly bytes: Uint8Array;
  readonly budget: ReadBudget;
  at: number;
  readonly end: number;

  constructor(bytes: Uint8Array, budget: ReadBudget, at: number = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.budget = budget;
    this.at = at;
    this.end = end;
  }

  isDone(): boolean {
    return this.at >= this.end;
  }

  /** Takes `count` from the item budget of the whole binary. */
  spend(count: number): void {
    this.budget.items -= count;
    if (this.budget.items < 0) {
      throw new ComponentError(
        'ERR_COMPONENT_LIMIT',
        `The component has more than ${this.budget.limits.items} items.`,
      );
    }
  }

  byte(): number {
    if (this.at >= this.end) throw malformed('unexpected end', this.at);
    return this.bytes[this.at++] as number;
  }

  peek(): number {
    if (this.at >= this.end) throw malformed('unexpected end', this.at);
    return this.bytes[this.at] as number;
  }

  /** An unsigned LEB128 number below 2^32. */
  u32(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      if (shift === 28 && byte > 0x0f) throw malformed('number longer than 32 bits', this.at - 1);
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw malformed('number longer than 32 bits', this.at);
  }

  /** A signed LEB128 number of 33 bits: an index when not negative, else a type opcode. */
  s33(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        if (shift === 28) {
          const high = byte & 0x70;
          const isNegative = (byte & 0x10) !== 0;
          if (high !== (isNegative ? 0x70 : 0)) throw malformed('number longer than 33 bits', this.at - 1);
        }
        return (byte & 0x40) === 0 ? value : value - 2 ** (shift + 7);
      }
    }
    throw malformed('number longer than 33 bits', this.at);
  }

  /** Skips a LEB128 number of at most `bits` bits without decoding it. */
  skipLeb(bits: 32 | 64): void {
    const most = bits === 32 ? 5 : 10;
    for (let count = 0; count < most; count++) if (this.byte() < 0x80) return;
    throw malformed(`number longer than ${bits} bits`, this.at);
  }

  /** The count of a vector whose entries take at least one byte each. */
  count(): number {
    const at = this.at;
    const count = this.u32();
    if (count > this.end - this.at) throw malformed('vector is longer than its section', at);
    this.spend(count);
    return count;
  }

  vector<T>(item: () => T): T[] {
    const count = this.count();
    const items: T[] = [];
    for (let index = 0; index < count; index++) items.push(item());
    return items;
  }

  /** A length-prefixed UTF-8 name as core WebAssembly has it: any text. */
  name(): string {
    const at = this.at;
    const length = this.u32();
    if (length > this.end - this.at) throw malformed('name is longer than its section', at);
    if (length > 100_000) throw malformed('name is longer than 100000 bytes', at);
    const text = this.bytes.subarray(this.at, this.at + length);
    this.at += length;
    try {
      return utf8.decode(text);
    } catch {
      throw malformed('name is not UTF-8', at);
    }
  }

  skip(length: number): void {
    if (length > this.end - this.at) throw malformed('range is longer than its section', this.at);
    this.at += length;
  }

  /** A reader over the next `length` bytes; this reader moves behind them. */
  slice(length: number): Reader {
    const start = this.at;
    this.skip(length);
    return new Reader(this.bytes, this.budget, start, this.at);
  }

  expectDone(what: string): void {
    if (this.at !== this.end) throw malformed(`${what} does not end where its size says`, this.at);
  }
}
