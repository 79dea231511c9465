/** One WIT type with its flat form, written down by hand, and values in the JavaScript shape. */
export interface TypeCase {
  readonly wit: string;
  readonly flat: readonly string[];
  readonly values: readonly unknown[];
}

const flat = (text: string): string[] => (text === '' ? [] : text.split(' '));

const make = (wit: string, flatText: string, ...values: unknown[]): TypeCase => ({
  wit,
  flat: flat(flatText),
  values,
});

export const scalarCases: readonly TypeCase[] = [
  make('bool', 'i32', true, false),
  make('u8', 'i32', 0, 1, 255),
  make('s8', 'i32', -128, -1, 0, 127),
  make('u16', 'i32', 0, 65535),
  make('s16', 'i32', -32768, -1, 32767),
  make('u32', 'i32', 0, 2 ** 31, 2 ** 32 - 1),
  make('s32', 'i32', -(2 ** 31), -1, 2 ** 31 - 1),
  make('u64', 'i64', 0n, 2n ** 63n, 2n ** 64n - 1n),
  make('s64', 'i64', -(2n ** 63n), -1n, 2n ** 63n - 1n),
  make('f32', 'f32', 0, -0, 1.5, Infinity, NaN, Math.fround(3.1)),
  make('f64', 'f64', 0, -0, 3.1, -Infinity, NaN, Number.MAX_VALUE),
  make('char', 'i32', 'a', 'é', '\0', '€', '\ufeff', '\ufffd', '😀', '\u{10ffff}'),
];

export const stringValues: readonly string[] = [
  '',
  'a',
  'plain ascii, longer than any short-string path could be; so that both ways of decoding are used',
  'latin1: é ÿ \x80 \xff',
  'wide: € 漢字',
  'pairs: 😀',
  '\ufeffleading mark',
  'own replacement \ufffd character',
  'nul \0 inside',
];

/** Names declared in the WIT preamble of the round-trip world. */
export const declarations = `
  record point { x: s32, y-pos: f64, label: option<string> }
  record wide { a: u8, b: u64, c: u8, d: f32, e: string, f: u16, g: list<u8>, h: bool, i: char, j: s8,
                k: u64, l: f64, m: u8, n: s64 }
  record wider { first: u8, inner: wide, last: string }
  variant shape { empty, circle(f32), box(tuple<u32, u64>), text(string), big(f64), id(s64) }
  variant narrow { a(u32), b(f32) }
  enum colour { red, dark-green, BLUE }
  flags small { read, write, dry-run }
  flags middle { b0, b1, b2, b3, b4, b5, b6, b7, b8 }
  flags large { ${Array.from({ length: 32 }, (_, bit) => `f${bit}`).join(', ')} }
  enum many { ${Array.from({ length: 300 }, (_, index) => `c${index}`).join(', ')} }
`;

const large = (set: readonly number[]): Record<string, boolean> =>
  Object.fromEntries(Array.from({ length: 32 }, (_, bit) => [`f${bit}`, set.includes(bit)]));

const middle = (set: readonly number[]): Record<string, boolean> =>
  Object.fromEntries(Array.from({ length: 9 }, (_, bit) => [`b${bit}`, set.includes(bit)]));

const wideValue = Object.fromEntries(
  [1, 2n, 3, 0.5, 'é', 4, Uint8Array.of(9), true, '€', -5, 2n ** 64n - 1n, -1.25, 255, -1n].map(
    (value, index) => ['abcdefghijklmn'.charAt(index), value],
  ),
);

export const compoundCases: readonly TypeCase[] = [
  make('string', 'i32 i32', ...stringValues),
  make('list<u8>', 'i32 i32', new Uint8Array(), Uint8Array.of(1, 2, 255), new Uint8Array(70_000).fill(7)),
  make('list<s8>', 'i32 i32', Int8Array.of(-1, 0, 1)),
  make('list<u16>', 'i32 i32', Uint16Array.of(1, 65535)),
  make('list<s16>', 'i32 i32', Int16Array.of(-1, 3)),
  make('list<u32>', 'i32 i32', Uint32Array.of(1, 2 ** 32 - 1)),
  make('list<s32>', 'i32 i32', Int32Array.of(-5)),
  make('list<u64>', 'i32 i32', BigUint64Array.of(1n, 2n ** 64n - 1n)),
  make('list<s64>', 'i32 i32', BigInt64Array.of(-1n)),
  make('list<f32>', 'i32 i32', Float32Array.of(1.5, -0)),
  make('list<f64>', 'i32 i32', Float64Array.of(1.1, NaN)),
  make('list<bool>', 'i32 i32', [], [true, false, true]),
  make('list<char>', 'i32 i32', ['a', '😀']),
  make('list<string>', 'i32 i32', [], ['', 'a', '€']),
  make('list<list<u16>>', 'i32 i32', [Uint16Array.of(1), new Uint16Array()]),
  make('list<point>', 'i32 i32', [
    { x: -1, yPos: 0.5, label: 'p' },
    { x: 2, yPos: -1, label: undefined },
  ]),
  make('list<shape>', 'i32 i32', [{ tag: 'empty' }, { tag: 'box', val: [1, 2n] }, { tag: 'text', val: 'é' }]),
  make('list<colour>', 'i32 i32', ['red', 'BLUE']),
  make('list<small>', 'i32 i32', [{ read: true, write: false, dryRun: true }]),
  make('list<middle>', 'i32 i32', [middle([0, 8])]),
  make('list<large>', 'i32 i32', [large([0, 31])]),
  make('list<option<u64>>', 'i32 i32', [undefined, 5n]),
  make('list<result<u8, string>>', 'i32 i32', [
    { tag: 'ok', val: 3 },
    { tag: 'err', val: 'no' },
  ]),
  make('list<tuple<u8, u32>>', 'i32 i32', [
    [1, 2],
    [3, 4],
  ]),
  make('list<many>', 'i32 i32', ['c0', 'c256', 'c299']),
  make('point', 'i32 f64 i32 i32 i32', { x: -7, yPos: 2.5, label: 'é' }, { x: 0, yPos: 0, label: undefined }),
  make('wide', 'i32 i64 i32 f32 i32 i32 i32 i32 i32 i32 i32 i32 i64 f64 i32 i64', wideValue),
  make('wider', `${'i32 '.repeat(18)}i32`, {
    first: 1,
    inner: wideValue,
    last: 'spilled',
  }),
  make('tuple<u8>', 'i32', [5]),
  make('tuple<u8, s64, f32>', 'i32 i64 f32', [5, -1n, 0.5]),
  make(
    'shape',
    'i32 i64 i64',
    { tag: 'empty' },
    { tag: 'circle', val: 1.5 },
    { tag: 'box', val: [2 ** 32 - 1, 2n ** 64n - 1n] },
    { tag: 'text', val: 'joined' },
    { tag: 'big', val: -0.125 },
    { tag: 'id', val: -1n },
  ),
  make('narrow', 'i32 i32', { tag: 'a', val: 2 ** 32 - 1 }, { tag: 'b', val: -1.5 }),
  make('colour', 'i32', 'red', 'dark-green', 'BLUE'),
  make('many', 'i32', 'c0', 'c255', 'c256', 'c299'),
  make('small', 'i32', { read: false, write: true, dryRun: false }),
  make('middle', 'i32', middle([]), middle([1, 8])),
  make('large', 'i32', large([]), large([0, 15, 31])),
  make('option<u8>', 'i32 i32', undefined, 0, 255),
  make('option<string>', 'i32 i32 i32', undefined, '', 'x'),
  make(
    'option<option<u8>>',
    'i32 i32 i32',
    { tag: 'none' },
    { tag: 'some', val: undefined },
    { tag: 'some', val: 4 },
  ),
  make('tuple<result<u8, string>>', 'i32 i32 i32', [{ tag: 'ok', val: 1 }], [{ tag: 'err', val: 'e' }]),
  make('tuple<result>', 'i32', [{ tag: 'ok' }], [{ tag: 'err' }]),
  make('tuple<result<_, f64>, u8>', 'i32 f64 i32', [{ tag: 'ok' }, 1], [{ tag: 'err', val: 0.5 }, 2]),
];
