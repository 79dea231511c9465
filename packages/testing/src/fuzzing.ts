/** Numbers that look random and are the same for the same seed. */
export interface Random {
  /** A whole number from 0 to below `limit`. */
  below(limit: number): number;
  /** One of the items, of which there must be one. */
  pick<T>(items: readonly T[]): T;
  /** True once in `times` times. */
  oneIn(times: number): boolean;
  bytes(length: number): Buffer;
}

/** Creates a source of numbers (xorshift32). A test prints its seed, so that what failed can be repeated. */
export function createRandom(seed: number): Random {
  let state = (seed ^ 0x9e37_79b9) >>> 0 || 1;
  const next = (): number => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
  const below = (limit: number): number => next() % Math.max(1, limit);
  return {
    below,
    pick: (items) => items[below(items.length)]!,
    oneIn: (times) => below(times) === 0,
    bytes: (length) => Buffer.from(Array.from({ length }, () => next() & 0xff)),
  };
}

const INTERESTING_BYTES = [0, 1, 0x0a, 0x22, 0x2e, 0x30, 0x7f, 0x80, 0x81, 0x84, 0xa0, 0xa3, 0xfe, 0xff];

type ByteMutation = (bytes: Buffer, random: Random, other: Buffer) => Buffer;

const splice = (bytes: Buffer, at: number, removed: number, added: Uint8Array): Buffer =>
  Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at + removed)]);

const BYTE_MUTATIONS: readonly ByteMutation[] = [
  (bytes, random) => {
    const at = random.below(bytes.length);
    return splice(bytes, at, 1, Uint8Array.of((bytes[at] ?? 0) ^ (1 << random.below(8))));
  },
  (bytes, random) =>
    splice(bytes, random.below(bytes.length), 1, Uint8Array.of(random.pick(INTERESTING_BYTES))),
  (bytes, random) => splice(bytes, random.below(bytes.length), 1, random.bytes(1)),
  (bytes, random) => bytes.subarray(0, random.below(bytes.length)),
  (bytes, random) => splice(bytes, random.below(bytes.length), 1 + random.below(16), Buffer.alloc(0)),
  (bytes, random) => splice(bytes, random.below(bytes.length + 1), 0, random.bytes(1 + random.below(8))),
  (bytes, random) => {
    const from = random.below(bytes.length);
    const copied = bytes.subarray(from, from + 1 + random.below(64));
    return splice(bytes, random.below(bytes.length + 1), 0, copied);
  },
  (bytes, random) => {
    const from = random.below(bytes.length);
    const copied = bytes.subarray(from, from + 1 + random.below(8));
    const times = 1 + random.below(64);
    return splice(bytes, from, 0, Buffer.concat(Array.from({ length: times }, () => copied)));
  },
  (bytes, random, other) =>
    Buffer.concat([
      bytes.subarray(0, random.below(bytes.length)),
      other.subarray(random.below(other.length)),
    ]),
  (bytes, random, other) => {
    const from = random.below(other.length);
    const taken = other.subarray(from, from + 1 + random.below(64));
    return splice(bytes, random.below(bytes.length), taken.length, taken);
  },
];

/** Changes bytes in one to four places, or mixes them with another item of the corpus. The result has at most `maxLength` (default 65536). */
export function mutateBytes(
  bytes: Uint8Array,
  random: Random,
  corpus: readonly Uint8Array[],
  maxLength = 65_536,
): Buffer {
  let mutant: Buffer = Buffer.from(bytes);
  for (let left = 1 + random.below(4); left > 0; left -= 1) {
    mutant = random.pick(BYTE_MUTATIONS)(mutant, random, Buffer.from(random.pick(corpus)));
  }
  return mutant.subarray(0, maxLength);
}

/**
 * Changes one element somewhere in DER: its tag, contents, neighbours or number of copies. The lengths around it are
 * written anew, so that the change gets past the reader of the frame. What is no DER is mutated as bytes.
 */
export function mutateDer(bytes: Uint8Array, random: Random, corpus: readonly Uint8Array[]): Buffer {
  const elements = splitDer(bytes);
  if (elements === undefined || elements.length === 0) {
    return mutateBytes(bytes, random, corpus);
  }
  const index = random.below(elements.length);
  const { tag, contents } = elements[index]!;
  const isConstructed = (tag & 0x20) !== 0 && splitDer(contents) !== undefined;
  // An OCTET STRING or BIT STRING often holds DER itself.
  const isWrapped = tag === 0x04 && splitDer(contents) !== undefined;
  let replacement: Uint8Array[];
  if ((isConstructed || isWrapped) && !random.oneIn(6)) {
    replacement = [element(tag, mutateDer(contents, random, corpus))];
  } else {
    replacement = mutateElement(tag, contents, random, corpus);
  }
  return Buffer.concat(
    elements.flatMap((one, position) =>
      position === index ? replacement : [element(one.tag, one.contents)],
    ),
  );
}

function mutateElement(
  tag: number,
  contents: Uint8Array,
  random: Random,
  corpus: readonly Uint8Array[],
): Uint8Array[] {
  const same = element(tag, contents);
  switch (random.below(8)) {
    case 0:
      return [];
    case 1:
      return [same, same];
    case 2:
      return Array.from({ length: random.below(40) }, () => same);
    case 3:
      return [element(random.below(256), contents)];
    case 4:
      return [element(tag, new Uint8Array(0))];
    case 5:
      return [element(0x30, same)];
    case 6:
      return [
        same,
        element(random.pick([0x02, 0x04, 0x05, 0x30, 0x80, 0xa0]), random.bytes(random.below(6))),
      ];
    default:
      return [element(tag, mutateBytes(contents, random, corpus, 4096))];
  }
}

interface Element {
  readonly tag: number;
  readonly contents: Uint8Array;
}

/** Does not share code with the reader that is tested. */
function splitDer(bytes: Uint8Array): Element[] | undefined {
  const elements: Element[] = [];
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at + 1];
    if (first === undefined || first === 0x80 || first > 0x83) {
      return undefined;
    }
    const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
    const start = at + 2 + lengthBytes;
    let length = lengthBytes === 0 ? first : 0;
    for (const byte of bytes.subarray(at + 2, start)) {
      length = length * 256 + byte;
    }
    if (start + length > bytes.length) {
      return undefined;
    }
    elements.push({ tag: bytes[at]!, contents: bytes.subarray(start, start + length) });
    at = start + length;
  }
  return elements;
}

function element(tag: number, contents: Uint8Array): Buffer {
  const { length } = contents;
  const header =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : length < 0x1_0000
          ? [tag, 0x82, length >> 8, length & 0xff]
          : [tag, 0x83, length >> 16, (length >> 8) & 0xff, length & 0xff];
  return Buffer.concat([Uint8Array.from(header), contents]);
}

const VALUES: readonly ((random: Random) => unknown)[] = [
  () => null,
  () => true,
  () => '',
  () => [],
  () => ({}),
  () => -1,
  () => 1e308,
  () => 2 ** 53,
  () => '__proto__',
  () => ' \u0000\ud800',
  () => [[[[{}]]]],
  (random) => random.below(2 ** 31),
  (random) => random.bytes(random.below(40)).toString('base64'),
  (random) => random.bytes(random.below(40)).toString('latin1'),
  (random) => 'a'.repeat(random.below(3000)),
];

const NAMES = [
  'use',
  'kid',
  'kty',
  'alg',
  'x5c',
  'crv',
  'n',
  'key_ops',
  'crit',
  'typ',
  'sub',
  'aud',
  'exp',
  'nbf',
];

/** Changes one value, name or list somewhere in a JSON value. The value itself stays as it is. */
export function mutateJson(value: unknown, random: Random): unknown {
  if (Array.isArray(value)) {
    const list: unknown[] = [...value];
    const at = random.below(list.length);
    switch (random.below(6)) {
      case 0:
        list.splice(at, 1);
        return list;
      case 1:
        list.push(list[at]);
        return list;
      case 2:
        return list[at];
      default:
        if (list.length > 0) {
          list[at] = mutateJson(list[at], random);
        }
        return list;
    }
  }
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value);
    const at = random.below(entries.length);
    const entry = entries[at];
    switch (random.below(8)) {
      case 0:
        entries.splice(at, 1);
        break;
      case 1:
        entries.push([random.pick(NAMES), random.pick(VALUES)(random)]);
        break;
      case 2:
        entries.push([random.pick(NAMES), entry?.[1]]);
        break;
      default:
        if (entry !== undefined) {
          entries[at] = [entry[0], mutateJson(entry[1], random)];
        }
    }
    return Object.fromEntries(entries);
  }
  if (typeof value === 'string' && random.oneIn(2)) {
    return mutateBytes(Buffer.from(value, 'latin1'), random, [Buffer.from('a.-/%"\\')], 5000).toString(
      'latin1',
    );
  }
  if (typeof value === 'number' && random.oneIn(2)) {
    return value + random.pick([-1, 1, 0.5, 1000, -1000, 2 ** 40]);
  }
  return random.pick(VALUES)(random);
}
