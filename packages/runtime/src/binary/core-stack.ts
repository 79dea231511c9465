import type { CoreSignature } from './ast.ts';
import {
  coreOpcodes,
  Immediate,
  immediateOf,
  isLeaving,
  leftBy,
  prefixAt,
  prefixedPlace,
  takenBy,
} from './core-opcodes.ts';
import { opaqueType } from './decode-core.ts';
import { malformed, type Reader } from './reader.ts';

/** What the height of an operand stack depends on besides the instructions. */
export interface CoreTypes {
  readonly types: readonly CoreSignature[];
  /** The type index of every function and of every tag, imports first. */
  readonly functions: readonly number[];
  readonly tags: readonly number[];
}

const noTypes: CoreSignature = { params: [], results: [] };
const oneResult: CoreSignature = { params: [], results: [opaqueType] };

/** The most operands one instruction can push: 1, or the most results of a type or the most a `catch` leaves. */
export function widestPush({ types, tags }: CoreTypes): number {
  let widest = 1;
  for (const { results } of types) widest = Math.max(widest, results.length);
  for (const tag of tags) widest = Math.max(widest, (types[tag]?.params.length ?? 0) + 1);
  return widest;
}

/**
 * The most operands that lie on the stack at once in a function body whose instructions `reader` stands at. Exact for
 * what the engine compiles, as it stops at the first instruction that does not fit; never too low. Throws
 * ComponentError where the body is cut off.
 */
export function highestStack(reader: Reader, module: CoreTypes): number {
  const walk = new StackWalk(reader, module);
  while (walk.depth > 0 && !reader.isDone()) walk.run();
  return walk.highest;
}

class StackWalk {
  readonly #reader: Reader;
  readonly #module: CoreTypes;
  /** For every open block the height it begins at, and its type; the function itself comes first. */
  readonly #bases: number[] = [0];
  readonly #blocks: CoreSignature[] = [noTypes];
  #base = 0;
  #height = 0;
  highest = 0;

  constructor(reader: Reader, module: CoreTypes) {
    this.#reader = reader;
    this.#module = module;
  }

  get depth(): number {
    return this.#bases.length;
  }

  /** Goes up to and past the next instruction whose operands depend on more than its opcode. */
  run(): void {
    const reader = this.#reader;
    const { bytes, end } = reader;
    const base = this.#base;
    let { at } = reader;
    let height = this.#height;
    let highest = this.highest;
    let opcode = -1;
    while (at < end) {
      opcode = bytes[at++] as number;
      if (opcode >= 0xfb && opcode < 0xff) {
        reader.at = at;
        opcode = prefixedPlace(prefixAt[opcode] as number, reader.u32());
        ({ at } = reader);
      }
      const entry = coreOpcodes[opcode] as number;
      if (entry < 0) break;
      opcode = -1;
      const immediate = immediateOf(entry);
      const isPlainMemory = immediate === Immediate.memory && (bytes[at] as number) < 0x40;
      if (immediate === Immediate.leb || isPlainMemory) {
        if (isPlainMemory) at++;
        // Runs on behind the body at worst, which is found below.
        while ((bytes[at++] as number) >= 0x80);
      } else if (immediate !== Immediate.none) {
        reader.at = at;
        this.#skip(immediate);
        ({ at } = reader);
      }
      height = isLeaving(entry) ? base : Math.max(height - takenBy(entry), base) + leftBy(entry);
      if (height > highest) highest = height;
    }
    if (at > end) throw malformed('unexpected end', end);
    reader.at = at;
    this.#height = height;
    this.highest = highest;
    if (opcode >= 0) this.#special(opcode);
  }

  /** Behind a branch a block may take operands that are not there: the stack ends where the block begins. */
  #move(takes: number, leaves: number): void {
    this.#height = Math.max(this.#height - takes, this.#base) + leaves;
    if (this.#height > this.highest) this.highest = this.#height;
  }

  #skip(immediate: number): void {
    const reader = this.#reader;
    switch (immediate) {
      case Immediate.lebs:
        reader.u32();
        reader.u32();
        return;
      case Immediate.memory:
      case Immediate.memoryLane:
        if ((reader.u32() & 0x40) !== 0) reader.u32();
        reader.skipLeb(64);
        if (immediate === Immediate.memoryLane) reader.byte();
        return;
      case Immediate.cast:
        reader.byte();
        for (let count = 0; count < 3; count++) reader.skipLeb(64);
        return;
      default:
        reader.skip(immediate === Immediate.bytes1 ? 1 : 4 << (immediate - Immediate.bytes4));
    }
  }

  #special(opcode: number): void {
    const reader = this.#reader;
    switch (opcode) {
      case 0x10: // call
        this.#call(this.#module.functions[reader.u32()], 0);
        break;
      case 0x0b: // end
        this.#leave();
        break;
      case 0x02: // block, loop, try
      case 0x03:
      case 0x06:
        this.#enter(this.#blockType());
        break;
      case 0x04: {
        const type = this.#blockType();
        this.#move(1, 0);
        this.#enter(type);
        break;
      }
      case 0x05: // else
        this.#restart(this.#blocks.at(-1)?.params.length ?? 0);
        break;
      case 0x0e: // br_table
        for (let count = reader.u32(); count >= 0; count--) reader.u32();
        this.#restart(0);
        break;
      case 0x11: {
        const type = reader.u32();
        reader.u32();
        this.#call(type, 1);
        break;
      }
      default:
        this.#rare(opcode);
    }
  }

  #rare(opcode: number): void {
    const reader = this.#reader;
    switch (opcode) {
      case 0x07: // catch, catch_all: the engine keeps the exception on the stack, too
        this.#restart(this.#signature(this.#module.tags[reader.u32()]).params.length + 1);
        break;
      case 0x19:
        this.#restart(1);
        break;
      case 0x14: // call_ref
        this.#call(reader.u32(), 1);
        break;
      case 0x18: // delegate
        reader.u32();
        this.#leave();
        break;
      case 0x1c: // select with types
        for (let count = reader.u32(); count > 0; count--) this.#valueType();
        this.#move(3, 1);
        break;
      case 0x1f:
        this.#enterTryTable();
        break;
      default:
        this.#giveUp();
    }
  }

  /** An unknown instruction, which the engine most likely refuses: whatever follows may push as much as it can. */
  #giveUp(): void {
    const left = this.#reader.end - this.#reader.at;
    this.#move(0, (left + 1) * widestPush(this.#module));
    this.#reader.skip(left);
  }

  #restart(height: number): void {
    this.#height = this.#base;
    this.#move(0, height);
  }

  #call(type: number | undefined, extra: number): void {
    const { params, results } = this.#signature(type);
    this.#move(params.length + extra, results.length);
  }

  #enter(type: CoreSignature): void {
    const params = type.params.length;
    this.#move(params, 0);
    this.#base = this.#height;
    this.#bases.push(this.#base);
    this.#blocks.push(type);
    this.#move(0, params);
  }

  #enterTryTable(): void {
    const reader = this.#reader;
    this.#enter(this.#blockType());
    for (let count = reader.u32(); count > 0; count--) {
      const kind = reader.byte();
      if (kind < 2) reader.u32();
      reader.u32();
    }
  }

  #leave(): void {
    this.#height = this.#bases.pop() ?? 0;
    this.#base = this.#bases.at(-1) ?? 0;
    this.#move(0, this.#blocks.pop()?.results.length ?? 0);
  }

  #signature(type: number | undefined): CoreSignature {
    return (type === undefined ? undefined : this.#module.types[type]) ?? noTypes;
  }

  #blockType(): CoreSignature {
    const type = this.#valueType();
    if (type < 0) return type === -64 ? noTypes : oneResult;
    return this.#signature(type);
  }

  /** A value type, skipped; or a type index, or -64 for an empty block type. */
  #valueType(): number {
    const type = this.#reader.s33();
    if (type === -28 || type === -29) this.#reader.s33();
    return type;
  }
}
