/** A small seeded generator: the same seed gives the same mutants everywhere. */
export function createRandom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const hostileLebs: readonly (readonly number[])[] = [
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0x80, 0x80, 0x80, 0x80, 0x10],
  [0xff, 0xff, 0xff, 0xff, 0x7f],
  [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00],
  [0x7f],
  [0x00],
];

const hostileNames = [
  '__proto__',
  'then',
  'constructor',
  "');x(//",
  'a\0b',
  '\u2028',
  '[method]a.b',
  'wasi:io/poll@0.2.0',
];

function splice(bytes: Uint8Array, at: number, remove: number, insert: Uint8Array): Uint8Array {
  return Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + remove)]);
}

/** One mutant: bit flips, noise, cuts, moved blocks, hostile numbers and names. */
export function mutate(seed: Uint8Array, random: (below: number) => number): Uint8Array {
  let bytes: Uint8Array = Uint8Array.from(seed);
  const rounds = 1 + random(2);
  for (let round = 0; round < rounds && bytes.length > 12; round++) {
    // Mostly behind the preamble, or nothing but it would be tested.
    const at = random(20) === 0 ? random(8) : 8 + random(bytes.length - 8);
    switch (random(10)) {
      case 0:
      case 1:
      case 2:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
        break;
      case 3:
        bytes[at] = random(256);
        break;
      case 4:
        // Small numbers are mostly indices, counts and opcodes of the same kind.
        bytes[at] = Math.max(0, (bytes[at] ?? 0) + random(5) - 2);
        break;
      case 5: {
        const number = Uint8Array.from(hostileLebs[random(hostileLebs.length)] ?? []);
        bytes = splice(bytes, at, random(2) === 0 ? number.length : 1, number);
        break;
      }
      case 6: {
        const from = random(bytes.length);
        const block = bytes.subarray(from, from + 1 + random(32));
        bytes = splice(bytes, at, random(4) === 0 ? 0 : block.length, block);
        break;
      }
      case 7:
        bytes = splice(bytes, at, random(32), new Uint8Array());
        break;
      case 8:
        bytes = bytes.slice(0, at);
        break;
      default: {
        const name = Buffer.from(hostileNames[random(hostileNames.length)] ?? '');
        bytes = splice(bytes, at, name.length + 1, Buffer.concat([Uint8Array.of(name.length), name]));
      }
    }
  }
  return bytes;
}
