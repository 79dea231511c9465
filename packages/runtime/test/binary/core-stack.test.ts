import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  coreOpcodes,
  Immediate,
  immediateOf,
  isLeaving,
  leftBy,
  prefixAt,
} from '../../src/binary/core-opcodes.ts';
import { highestStack, type CoreTypes } from '../../src/binary/core-stack.ts';
import { defaultCompileLimits } from '../../src/binary/limits.ts';
import { createReadBudget, Reader } from '../../src/binary/reader.ts';
import { engine } from '../../src/engine.ts';
import { ComponentError, compileComponent } from '../../src/index.ts';
import { leb, preamble, section, vector } from '../support/bytes.ts';

const pair = { params: ['i32', 'i32'], results: ['i32', 'i32', 'i32'] };
/** Type 0 has no operands; type 1 takes two and leaves three. Functions and the one tag by these. */
const module: CoreTypes = { types: [{ params: [], results: [] }, pair], functions: [0, 1], tags: [1] };

function heightOf(code: readonly number[]): number {
  return highestStack(new Reader(Uint8Array.from(code), createReadBudget(defaultCompileLimits)), module);
}

const end = 0x0b;
const one = [0x41, 0x00];
const pushes = (count: number): number[] => Array.from({ length: count }, () => one).flat();
const zeros = (count: number): number[] => Array.from({ length: count }, () => 0);

/** Code, and the most operands on the stack before its end. */
const samples: readonly (readonly [string, readonly number[], number])[] = [
  ['nothing', [], 0],
  ['constants', [...one, 0x42, 0x80, 0x01, 0x43, ...zeros(4), 0x44, ...zeros(8)], 4],
  ['arithmetic', [...one, ...one, 0x6a, ...one, 0x6a, 0x45, 0xa7], 2],
  ['locals and globals', [0x20, 0, 0x22, 0, 0x21, 0, 0x23, 0x80, 1, 0x24, 0, 0x20, 0], 1],
  ['drop and select', [...pushes(3), 0x1b, 0x1a, ...pushes(3), 0x1c, 1, 0x63, 0x70, ...one], 3],
  ['memory', [...one, 0x28, 2, 0x80, 1, ...one, 0x36, 0x42, 1, 4, 0x3f, 0, 0x40, 0, ...one], 2],
  ['tables', [...one, 0x25, 0, ...one, 0x26, 0, 0xd2, 0, 0xd1], 2],
  ['references', [0xd0, 0x70, 0xd4, 0xd5, 0, 0xd6, 0, 0xd0, 0x6e, 0xfb, 0x16, 0x6c], 1],
  ['casting branch', [0xd0, 0x6e, 0xfb, 0x18, 3, 0, 0x6e, 0x6c, ...one], 2],
  ['bulk memory', [...pushes(3), 0xfc, 0x0a, 0, 0, ...pushes(3), 0xfc, 0x0b, 0, 0xfc, 0x09, 0, ...one], 3],
  ['bulk tables', [0xd0, 0x70, ...one, 0xfc, 0x0f, 0, 0xfc, 0x10, 0, 0xfc, 0x07], 2],
  ['vectors', [0xfd, 12, ...zeros(16), 0xfd, 12, ...zeros(16), 0xfd, 13, ...zeros(16), 0xfd, 21, 0], 2],
  ['vector lanes', [...one, 0xfd, 0x0f, ...one, 0xfd, 0x54, 0, 0, 0, ...one, 0xfd, 0x58, 0, 0, 0, ...one], 2],
  ['relaxed vectors', [...pushes(3), 0xfd, 0x85, 0x02, ...one], 3],
  ['atomics', [...pushes(3), 0xfe, 0x48, 2, 0, 0xfe, 0x03, 0, ...pushes(1), 0xfe, 0x1e, 2, 0], 3],
  [
    'calls by their types',
    [0x10, 0, ...pushes(2), 0x10, 1, 0x10, 1, ...one, 0x11, 1, 0, 0xd2, 0, 0x14, 1],
    6,
  ],
  ['block', [...one, 0x02, 0x40, ...pushes(3), 0x0c, 0, end, ...one], 4],
  ['block with a result', [...pushes(2), 0x02, 0x7f, ...one, end, 0x02, 0x63, 0x70, 0xd0, 0x70, end], 4],
  ['loop with a type', [...pushes(2), 0x03, 1, ...one, end, ...one], 4],
  ['both arms', [...pushes(3), 0x04, 1, ...one, 0x05, ...pushes(2), 0x1a, end, ...one], 4],
  ['what follows a branch starts anew', [...one, 0x02, 0x40, ...pushes(3), 0x0c, 1, 0x6a, 0x1a, end], 4],
  ['leaving', [0x00, 0x0f, 0x0a].flatMap((op) => [...one, op]), 1],
  ['leaving with an index', [0x08, 0x09, 0x0c, 0x12, 0x15].flatMap((op) => [...one, op, 0]), 1],
  ['branch tables', [...pushes(3), 0x0e, 2, 0, 0, 0, ...pushes(2), 0x13, 0, 0, ...pushes(2)], 3],
  ['a branch that may not happen', [...pushes(2), 0x0d, 0, ...one], 2],
  ['old exceptions', [0x06, 0x40, ...one, 0x07, 0, 0x1a, 0x1a, 0x19, end, 0x06, 0x40, 0x18, 0], 3],
  ['new exceptions', [...one, 0x1f, 0x7f, 2, 0, 0, 0, 2, 0, ...pushes(2), end, 0x1a], 3],
  ['an unknown instruction: as much as can follow', [...one, 0x27, ...zeros(9)], 1 + 11 * 3],
];

test('the height of the operand stack is what the instructions make it', () => {
  for (const [name, code, height] of samples) {
    assert.equal(heightOf([...code, end]), height, name);
  }
});

test('an instruction cut off anywhere is malformed', () => {
  for (const [name, code] of samples) {
    for (let length = 0; length < code.length; length++) {
      try {
        heightOf(code.slice(0, length));
      } catch (error) {
        assert.ok(error instanceof ComponentError, name);
        assert.equal(error.code, 'ERR_COMPONENT_MALFORMED', name);
      }
    }
  }
  for (const code of [
    [0x41],
    [0x43, 0, 0],
    [0x28, 0],
    [0xfd],
    [0xfd, 12, 0],
    [0x0e, 5],
    [0x1c, 9],
    [0x02],
    [0x41, 0xff],
  ]) {
    assert.throws(() => heightOf(code), { code: 'ERR_COMPONENT_MALFORMED' }, code.join(' '));
  }
});

const coreSection = (id: number, ...contents: readonly number[][]): Buffer =>
  Buffer.concat([
    Buffer.from([id, ...leb(contents.flat().length)]),
    ...contents.map((part) => Buffer.from(part)),
  ]);

/** A core module with one function of no locals but an `i32`, and one of everything that an instruction may name. */
function coreModule(code: readonly number[], results: number): Buffer {
  const body = [1, 1, 0x7f, ...code, end];
  const constants = Array.from({ length: results }, () => [0x7f]);
  return Buffer.concat([
    Buffer.from([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]),
    coreSection(1, vector([0x60, 0, 0], [0x60, 0, ...vector(...constants)])),
    coreSection(3, vector([0], [1])),
    coreSection(4, vector([0x70, 0, 1])),
    coreSection(5, vector([0, 1])),
    coreSection(13, vector([0, 0])),
    coreSection(6, vector([0x7f, 1, 0x41, 0, end])),
    coreSection(9, vector([3, 0, 1, 0])),
    coreSection(12, [1]),
    coreSection(10, [2], leb(body.length), body, leb(2 * results + 2), [0], pushes(results), [end]),
    coreSection(11, vector([1, 0])),
  ]);
}

function compiles(code: readonly number[]): boolean {
  try {
    const made = new engine.Module(coreModule(code, 1));
    return made[Symbol.toStringTag] === 'WebAssembly.Module';
  } catch {
    return false;
  }
}

const immediates: Readonly<Record<number, number>> = {
  [Immediate.none]: 0,
  [Immediate.leb]: 1,
  [Immediate.lebs]: 2,
  [Immediate.memory]: 2,
  [Immediate.memoryLane]: 3,
  [Immediate.bytes1]: 1,
  [Immediate.bytes4]: 4,
  [Immediate.bytes8]: 8,
  [Immediate.bytes16]: 16,
};

/** Valid only under a label with a value, in a `catch`, or not on in this engine; the samples have them. */
const needsMore = new Set(['9', '10', '214', '251 24', '251 25']);

test('the engine agrees on what follows an instruction and on what it leaves', () => {
  let seen = 0;
  for (const [place, entry] of coreOpcodes.entries()) {
    const [prefix, start] = Object.entries(prefixAt).findLast(([, at]) => at <= place) ?? ['', 0];
    const opcode = prefix === '' ? [place] : [Number(prefix), ...leb(place - start)];
    if (entry < 0 || needsMore.has([prefix, place - start].join(' ').trim())) continue;
    seen++;
    // Atomic instructions want one alignment exactly, plain ones at most their own.
    const fits = [0, 1, 2, 3].some((align) => {
      const rest = zeros(immediates[immediateOf(entry)] ?? 0);
      if (immediateOf(entry) === Immediate.memory) rest[0] = align;
      const code = [0x00, ...opcode, ...rest];
      const drops = Array.from({ length: leftBy(entry) }, () => 0x1a);
      return compiles([...code, ...drops]) && (isLeaving(entry) || drops.length === 0 || !compiles(code));
    });
    assert.ok(fits, `0x${Buffer.from(opcode).toString('hex')}`);
  }
  assert.ok(seen > 500, `${seen} instructions`);
});

/** A component with one instance of a core module. */
function componentOf(core: Buffer): Uint8Array {
  const instance = section(2, ...vector([0x00, 0x00, ...vector()]));
  return Buffer.concat([
    Buffer.from(preamble),
    Buffer.from([1, ...leb(core.length)]),
    core,
    Buffer.from(instance),
  ]);
}

const repeat = (code: readonly number[], count: number): number[] =>
  Array.from({ length: count }, () => code).flat();
const join = [0x02, 0x40, 0x0c, 0x00, end];

test('a function with many operands at many joins is refused before the engine sees it', () => {
  const get = [0x20, 0x00];
  for (const [code, results] of [
    [[...repeat(get, 100_000), ...repeat(join, 100_000)], 1],
    [[0x02, 0x40, ...repeat(get, 20_000), ...repeat(join, 20_000), 0x00, end], 1],
    // Small, but each call leaves a thousand operands.
    [[...repeat([0x10, 0x01], 1_000), ...repeat(join, 1_000)], 1_000],
    [
      [
        ...repeat([...get, 0x06, 0x40, 0x19], 10_000),
        ...repeat(join, 10_000),
        0x00,
        ...repeat([end], 10_000),
      ],
      1,
    ],
    [[...repeat(join, 10_000), 0xff, ...repeat(join, 10_000)], 1],
  ] as const) {
    const bytes = componentOf(coreModule(code, results));
    assert.throws(() => compileComponent(bytes), { code: 'ERR_COMPONENT_LIMIT', message: /to compile/ });
  }
});

test('large functions as compilers write them are accepted', () => {
  const statement = [0x20, 0, 0x04, 0x7f, ...pushes(2), 0x6a, 0x05, ...one, end, 0x21, 0];
  for (const code of [
    repeat([...statement, ...join], 20_000),
    [
      ...repeat([0x02, 0x40], 500),
      ...repeat([...statement, 0x20, 0, 0x0d, 0, 0x10, 0], 10_000),
      ...repeat([end], 500),
    ],
    [...pushes(300), ...repeat(statement, 10_000), ...repeat([0x1a], 300)],
  ]) {
    assert.equal(compileComponent(componentOf(coreModule(code, 1))).modules.length, 1);
  }
});
