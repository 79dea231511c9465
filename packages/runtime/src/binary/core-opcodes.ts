/** What follows an opcode in the binary. */
export const Immediate = {
  none: 0,
  /** One LEB128 number, or two. */
  leb: 1,
  lebs: 2,
  /** Alignment, a memory index where bit 6 of the alignment says so, and offset; with a lane behind it, or not. */
  memory: 3,
  memoryLane: 4,
  /** A flags byte and three LEB128 numbers. */
  cast: 5,
  bytes1: 6,
  bytes4: 7,
  bytes8: 8,
  bytes16: 9,
} as const;

/** One entry of {@link coreOpcodes}: what follows the opcode, and how many operands it takes and leaves. */
const shape = (immediate: number, takes: number, leaves: number): number =>
  (immediate << 4) | (takes << 2) | leaves;

/** An entry for an instruction that nothing runs behind: it takes all operands of its block. */
const leaving = (immediate: number): number => leavingBit | (immediate << 4);

const leavingBit = 0x100;

export const isLeaving = (entry: number): boolean => (entry & leavingBit) !== 0;
export const immediateOf = (entry: number): number => (entry >> 4) & 0xf;
export const takenBy = (entry: number): number => (entry >> 2) & 3;
export const leftBy = (entry: number): number => entry & 3;

/** Opcodes behind one prefix byte, at its place in {@link coreOpcodes}. */
const prefixSize = 0x120;

/** Where the opcodes behind each prefix byte begin in {@link coreOpcodes}. */
export const prefixAt: Readonly<Record<number, number>> = Object.freeze({
  0xfb: prefixSize,
  0xfc: 2 * prefixSize,
  0xfd: 3 * prefixSize,
  0xfe: 4 * prefixSize,
});

/** The place of an opcode behind a prefix that is not in the table; always an unknown one. */
export const unknownOpcode: number = 5 * prefixSize;

/** The place in {@link coreOpcodes} of the opcode `code` behind a prefix that begins at `at`. */
export const prefixedPlace = (at: number, code: number): number =>
  code < prefixSize ? at + code : unknownOpcode;

const { none, leb, lebs, memory, memoryLane, cast, bytes1, bytes4, bytes8, bytes16 } = Immediate;
const unknown = -1;
const unary = shape(none, 1, 1);
const binary = shape(none, 2, 1);
const ternary = shape(none, 3, 1);
const load = shape(memory, 1, 1);
const store = shape(memory, 2, 0);

/** Ranges of opcodes, both ends included; what has the opcode's own types in it is not here. */
const plain: readonly (readonly [number, number, number])[] = [
  [0x00, 0x00, leaving(none)], // unreachable, nop
  [0x01, 0x01, shape(none, 0, 0)],
  [0x08, 0x09, leaving(leb)], // throw, rethrow, throw_ref
  [0x0a, 0x0a, leaving(none)],
  [0x0c, 0x0c, leaving(leb)], // br
  [0x0d, 0x0d, shape(leb, 1, 0)], // br_if
  [0x0f, 0x0f, leaving(none)], // return, return_call, return_call_indirect, return_call_ref
  [0x12, 0x12, leaving(leb)],
  [0x13, 0x13, leaving(lebs)],
  [0x15, 0x15, leaving(leb)],
  [0x1a, 0x1a, shape(none, 1, 0)], // drop
  [0x1b, 0x1b, ternary], // select
  [0x20, 0x20, shape(leb, 0, 1)], // local.get, set, tee
  [0x21, 0x21, shape(leb, 1, 0)],
  [0x22, 0x22, shape(leb, 1, 1)],
  [0x23, 0x23, shape(leb, 0, 1)], // global.get, set
  [0x24, 0x24, shape(leb, 1, 0)],
  [0x25, 0x25, shape(leb, 1, 1)], // table.get, set
  [0x26, 0x26, shape(leb, 2, 0)],
  [0x28, 0x35, load],
  [0x36, 0x3e, store],
  [0x3f, 0x3f, shape(leb, 0, 1)], // memory.size, grow
  [0x40, 0x40, shape(leb, 1, 1)],
  [0x41, 0x42, shape(leb, 0, 1)], // constants
  [0x43, 0x43, shape(bytes4, 0, 1)],
  [0x44, 0x44, shape(bytes8, 0, 1)],
  [0x45, 0x45, unary], // comparisons
  [0x46, 0x4f, binary],
  [0x50, 0x50, unary],
  [0x51, 0x66, binary],
  [0x67, 0x69, unary], // i32, i64, f32 and f64 arithmetic
  [0x6a, 0x78, binary],
  [0x79, 0x7b, unary],
  [0x7c, 0x8a, binary],
  [0x8b, 0x91, unary],
  [0x92, 0x98, binary],
  [0x99, 0x9f, unary],
  [0xa0, 0xa6, binary],
  [0xa7, 0xc4, unary], // conversions
  [0xd0, 0xd0, shape(leb, 0, 1)], // ref.null
  [0xd1, 0xd1, unary],
  [0xd2, 0xd2, shape(leb, 0, 1)], // ref.func
  [0xd3, 0xd3, binary],
  [0xd4, 0xd4, unary],
  [0xd5, 0xd5, shape(leb, 1, 1)], // br_on_null, br_on_non_null
  [0xd6, 0xd6, shape(leb, 1, 0)],
];

const behindFb: typeof plain = [
  [0x0f, 0x0f, unary], // array.len
  [0x14, 0x17, shape(leb, 1, 1)], // ref.test, ref.cast
  [0x18, 0x19, shape(cast, 1, 1)], // br_on_cast, br_on_cast_fail
  [0x1a, 0x1e, unary], // conversions, i31
];

const behindFc: typeof plain = [
  [0x00, 0x07, unary],
  [0x08, 0x08, shape(lebs, 3, 0)], // memory.init, data.drop, memory.copy, memory.fill
  [0x09, 0x09, shape(leb, 0, 0)],
  [0x0a, 0x0a, shape(lebs, 3, 0)],
  [0x0b, 0x0b, shape(leb, 3, 0)],
  [0x0c, 0x0c, shape(lebs, 3, 0)], // table.init, elem.drop, table.copy, grow, size, fill
  [0x0d, 0x0d, shape(leb, 0, 0)],
  [0x0e, 0x0e, shape(lebs, 3, 0)],
  [0x0f, 0x0f, shape(leb, 2, 1)],
  [0x10, 0x10, shape(leb, 0, 1)],
  [0x11, 0x11, shape(leb, 3, 0)],
];

/** Vectors: mostly binary, with the others and the gaps in the numbering written over. */
const behindFd: typeof plain = [
  [0x00, 0x0a, load],
  [0x0b, 0x0b, store],
  [0x0c, 0x0c, shape(bytes16, 0, 1)], // v128.const, i8x16.shuffle
  [0x0d, 0x0d, shape(bytes16, 2, 1)],
  [0x0e, 0x0e, binary],
  [0x0f, 0x14, unary], // splats
  [0x15, 0x16, shape(bytes1, 1, 1)], // extract_lane, replace_lane
  [0x17, 0x17, shape(bytes1, 2, 1)],
  [0x18, 0x19, shape(bytes1, 1, 1)],
  [0x1a, 0x1a, shape(bytes1, 2, 1)],
  [0x1b, 0x1b, shape(bytes1, 1, 1)],
  [0x1c, 0x1c, shape(bytes1, 2, 1)],
  [0x1d, 0x1d, shape(bytes1, 1, 1)],
  [0x1e, 0x1e, shape(bytes1, 2, 1)],
  [0x1f, 0x1f, shape(bytes1, 1, 1)],
  [0x20, 0x20, shape(bytes1, 2, 1)],
  [0x21, 0x21, shape(bytes1, 1, 1)],
  [0x22, 0x22, shape(bytes1, 2, 1)],
  [0x23, 0xff, binary],
  [0x4d, 0x4d, unary], // v128.not
  [0x52, 0x52, ternary], // v128.bitselect
  [0x53, 0x53, unary],
  [0x54, 0x57, shape(memoryLane, 2, 1)],
  [0x58, 0x5b, shape(memoryLane, 2, 0)],
  [0x5c, 0x5d, load],
  [0x5e, 0x64, unary], // f32x4 and f64x2 conversions, i8x16
  [0x67, 0x6a, unary],
  [0x74, 0x75, unary],
  [0x7a, 0x7a, unary],
  [0x7c, 0x81, unary], // i16x8
  [0x83, 0x84, unary],
  [0x87, 0x8a, unary],
  [0x94, 0x94, unary],
  [0xa0, 0xa1, unary], // i32x4
  [0xa3, 0xa4, unary],
  [0xa7, 0xaa, unary],
  [0xc0, 0xc1, unary], // i64x2
  [0xc3, 0xc4, unary],
  [0xc7, 0xca, unary],
  [0xe0, 0xe1, unary], // f32x4, f64x2
  [0xe3, 0xe3, unary],
  [0xec, 0xed, unary],
  [0xef, 0xef, unary],
  [0xf8, 0xff, unary],
  [0x9a, 0x9a, unknown],
  [0xa2, 0xa2, unknown],
  [0xa5, 0xa6, unknown],
  [0xaf, 0xb0, unknown],
  [0xb2, 0xb4, unknown],
  [0xbb, 0xbb, unknown],
  [0xc2, 0xc2, unknown],
  [0xc5, 0xc6, unknown],
  [0xcf, 0xd0, unknown],
  [0xd2, 0xd4, unknown],
  [0xe2, 0xe2, unknown],
  [0xee, 0xee, unknown],
  [0x100, 0x100, binary], // relaxed
  [0x101, 0x104, unary],
  [0x105, 0x10c, ternary],
  [0x10d, 0x112, binary],
  [0x113, 0x113, ternary],
];

const behindFe: typeof plain = [
  [0x00, 0x00, shape(memory, 2, 1)], // memory.atomic.notify, wait32, wait64
  [0x01, 0x02, shape(memory, 3, 1)],
  [0x03, 0x03, shape(bytes1, 0, 0)], // atomic.fence
  [0x10, 0x16, load],
  [0x17, 0x1d, store],
  [0x1e, 0x47, shape(memory, 2, 1)],
  [0x48, 0x4e, shape(memory, 3, 1)],
];

function buildOpcodes(): Int16Array {
  const table = new Int16Array(unknownOpcode + 1).fill(unknown);
  const at = (prefix: number): number => prefixAt[prefix] ?? 0;
  for (const [start, ranges] of [
    [0, plain],
    [at(0xfb), behindFb],
    [at(0xfc), behindFc],
    [at(0xfd), behindFd],
    [at(0xfe), behindFe],
  ] as const) {
    for (const [first, last, entry] of ranges) table.fill(entry, start + first, start + last + 1);
  }
  return table;
}

/**
 * The instructions whose operands depend on nothing but the opcode, by opcode, with those behind a prefix at
 * {@link prefixedPlace}. The others, and those this engine does not know, are -1.
 */
export const coreOpcodes: Int16Array = buildOpcodes();
